"""The live page's server answers its own page alone: any website open in the same browser can send requests to loopback."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("browser")

OPEN_ONE = json.dumps({"action": "open", "count": 1})


def get(url: str, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    answer = response.status, response.read().decode()
    connection.close()
    return answer


def order(url: str, text: str, host: str = "", origin: str = "") -> dict[str, Any]:
    """What came of an order, sent as the page sends it but for these."""
    at = socket.create_connection((urlsplit(url).hostname or "", urlsplit(url).port or 0), 60)
    with connect(f"ws://{host or urlsplit(url).netloc}/live", sock=at, origin=Origin(origin or url.rstrip("/")), proxy=None) as live:
        live.send(text)
        while "said" not in (parts := json.loads(live.recv(timeout=60))):
            pass
    return dict(parts["said"])


def test_an_order_of_the_page_itself_is_followed(url: str, stack: Stack) -> None:
    assert order(url, OPEN_ONE) == {"status": 200, "text": "1 connected"}
    assert len(stack.records()) == 1


ELSEWHERE = [{"host": "rebound.example.com"}, {"host": "127.0.0.1"}, {"origin": "https://example.com"}, {"origin": "null"}]


def test_another_page_can_neither_order_nor_read(url: str, stack: Stack) -> None:
    for headers in (*ELSEWHERE, {"origin": "http://127.0.0.1:1"}):
        with pytest.raises(InvalidStatus, match="403"):
            order(url, OPEN_ONE, **headers)
    assert stack.records() == []
    assert get(url, "/", Sec_Fetch_Site="none")[0] == 200
    for headers in (*ELSEWHERE, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}):
        assert get(url, "/", **headers)[0] == 403


def test_nothing_but_its_four_files_can_be_had(url: str) -> None:
    for method, path in ("GET", "/server.py"), ("GET", "/../server.py"), ("POST", "/"), ("PUT", "/live"):
        assert get(url, path, method)[0] == 404


def test_an_order_that_makes_no_sense_is_answered(url: str) -> None:
    for text in ("{", "[]", "[" * 4000, "{}", '{"action": []}', '{"action": "open"}', '{"action": "kill-process"}'):
        assert order(url, text)["status"] == 400


def test_an_order_that_is_too_long_is_not_read(url: str) -> None:
    with pytest.raises(ConnectionClosedError, match="1009"):
        order(url, " " * 5000)


def test_it_listens_on_loopback_alone(url: str) -> None:
    port = urlsplit(url).port or 0
    own_addresses = {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in own_addresses:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, port), timeout=5)
