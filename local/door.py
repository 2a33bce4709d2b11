"""Whom a server on loopback answers.

Any web page that is open on this machine can send requests to loopback, also by a name of its own that it lets stand for 127.0.0.1. But it
can forge neither `Host` nor `Origin` nor `Sec-Fetch-Site`, which the browser sets.
https://developer.mozilla.org/en-US/docs/Glossary/Forbidden_request_header
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping


def refusal(headers: Mapping[str, str], hosts: Collection[str], origins: re.Pattern[str] | None = None, sites: Collection[str] = ()) -> str:
    """Why this request is refused, or "" if it is not.

    `hosts` are the server's own names, `origins` and `sites` what a browser may call the page that asks. Without them no browser may.
    """
    if headers.get("host") not in hosts:
        return f"this server is called {' or '.join(sorted(hosts))}"
    if (origin := headers.get("origin")) is not None:
        welcome = origins is not None and bool(origins.fullmatch(origin))
    else:
        welcome = headers.get("sec-fetch-site") in sites or not any(name.startswith("sec-fetch-") for name in headers)
    return "" if welcome else "this server does not answer web pages from elsewhere"
