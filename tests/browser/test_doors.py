"""A website in the developer's own browser, by whatever name, cannot use the live page; tests/local/test_doors.py has the local AWS."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("browser")


def get(url: str, path: str, method: str = "GET", **headers: str) -> int:
    """The status; 0 if there is no answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    with closing(connection), suppress(http.client.RemoteDisconnected):
        return connection.getresponse().status
    return 0


def order_one(url: str, host: str = "", origin: str = "") -> Any:
    """What came of an order, sent as the page sends it but for these."""
    at = socket.create_connection((urlsplit(url).hostname or "", urlsplit(url).port or 0), 60)
    with connect(f"ws://{host or urlsplit(url).netloc}/live", sock=at, origin=Origin(origin or url.rstrip("/")), proxy=None) as live:
        live.send('{"action": "open", "count": 1}')
        while "said" not in (parts := json.loads(live.recv(timeout=60))):
            pass
    return parts["said"]


def test_the_page_takes_orders_from_itself_alone(url: str, stack: Stack) -> None:
    elsewhere = [{"host": "rebound.example.com"}, {"host": "127.0.0.1"}, {"origin": "https://example.com"}, {"origin": "null"}]
    for headers in (*elsewhere, {"origin": "http://127.0.0.1:1"}):
        with pytest.raises(InvalidStatus, match="403"):
            order_one(url, **headers)
    assert stack.records() == []
    assert order_one(url) == {"refused": False, "text": "1 connected"}
    for headers in (*elsewhere, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}):
        assert get(url, "/", **headers) == 403
    assert get(url, "/", Sec_Fetch_Site="none") == 200
    for method, path in ("GET", "/server.py"), ("GET", "/../server.py"), ("POST", "/"), ("PUT", "/live"):
        assert get(url, path, method) in (404, 0)  # 0: Python 3.10, whose websockets 16 closes the connection on any method but GET
    for address in {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, urlsplit(url).port or 0), timeout=5)
