"""Whom a server on loopback answers.

Any web page that is open on this machine can send requests to loopback, also by a name of its own that it lets stand for 127.0.0.1. But it
can forge neither `Host` nor `Origin` nor `Sec-Fetch-Site`, which the browser sets.
https://developer.mozilla.org/en-US/docs/Glossary/Forbidden_request_header
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


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


class Door:
    """ASGI middleware: what `check` has something against, given the scope and its headers in lower case, is refused with 403."""

    def __init__(self, app: Any, check: Callable[[Scope, dict[str, str]], str]) -> None:
        self._app, self._check = app, check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}
        why = "" if scope["type"] == "lifespan" else self._check(scope, headers)
        if not why:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # before it is accepted: 403
        else:
            await answer(send, 403, f"{why}\n".encode())


async def answer(send: Send, status: int, body: bytes, **headers: str) -> None:
    """A whole HTTP answer of ASGI; the underscores of the headers' names are dashes."""
    headers = {"content_type": "text/plain; charset=utf-8", "content_length": str(len(body)), **headers}
    encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
