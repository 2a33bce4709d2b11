"""A page on loopback that shows a stack on the local AWS as it lives, and lets a person play with it.

Any website that the same browser has open can send requests to loopback. So a request must name this server in `Host`, which a name that
was rebound to 127.0.0.1 does not, and what changes something must come from this very page (`Origin`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tools.stack import Stack

from .board import Board
from .hands import Hands, Refused

HERE = Path(__file__).resolve().parent
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/client.js": ("client.js", "text/javascript; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
}
LONGEST_ORDER = 4096  # bytes
SIGN_OF_LIFE_SECONDS = 10


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, stack: Stack) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hosts = {f"{name}:{self.server_address[1]}" for name in ("127.0.0.1", "localhost")}
        self.origins = {f"http://{host}" for host in self.hosts}
        self.board = Board(stack)
        self.hands = Hands(stack, self.board)
        gateway = stack.aws.endpoint.replace("http", "ws", 1)
        self.policy = (
            f"default-src 'none'; img-src data:; script-src 'self'; style-src 'self'; connect-src 'self' {gateway}; "
            "frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
        )

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a tab that was closed is nothing to report


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            return self._refuse(HTTPStatus.MISDIRECTED_REQUEST, f"this server is called {' or '.join(sorted(self.server.hosts))}")
        if self.path in FILES:
            name, kind = FILES[self.path]
            return self._answer(HTTPStatus.OK, kind, (HERE / name).read_bytes())
        if self.path != "/events":
            return self._refuse(HTTPStatus.NOT_FOUND, f"there is no such page; there is http://{self.headers['Host']}/")
        if self.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return self._refuse(HTTPStatus.FORBIDDEN, "the events are for this server's own page")
        return self._stream()

    def do_POST(self) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            return self._refuse(HTTPStatus.MISDIRECTED_REQUEST, f"this server is called {' or '.join(sorted(self.server.hosts))}")
        if self.headers.get("Origin") not in self.server.origins:
            return self._refuse(
                HTTPStatus.FORBIDDEN, f"orders are taken from this server's own page: Origin: http://{self.headers['Host']}"
            )
        if self.headers.get_content_type() != "application/json":
            return self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "an order is application/json")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LONGEST_ORDER:
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"an order has a Content-Length up to {LONGEST_ORDER}")
        try:
            order = json.loads(self.rfile.read(int(length)))
            if not isinstance(order, dict):
                raise Refused("an order is a JSON object")
            said = self.server.hands.do(self.path.removeprefix("/do/"), order)
        except ValueError as problem:  # Refused, or no JSON
            return self._refuse(HTTPStatus.BAD_REQUEST, str(problem))
        except (BotoCoreError, ClientError, OSError) as problem:
            return self._refuse(HTTPStatus.BAD_GATEWAY, f"the local AWS: {problem}")
        return self._answer(HTTPStatus.OK, "text/plain; charset=utf-8", said.encode())

    def _stream(self) -> None:
        """Server-sent events: each part of the board whenever it changes."""
        self._head(HTTPStatus.OK, "text/event-stream")
        self.end_headers()
        seen: dict[str, int] = {}
        with self.server.board as board:
            while True:
                news = board.news(seen, SIGN_OF_LIFE_SECONDS)
                text = "".join(f"event: {name}\ndata: {value}\n\n" for name, value in news.items())
                self.wfile.write((text or ": still here\n\n").encode())

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._answer(status, "text/plain; charset=utf-8", f"{why}\n".encode())

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self._head(status, kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-cache")  # not no-store, with which a browser ends the socket of a page that is left

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def page(stack: Stack) -> Iterator[str]:
    """The page's URL, for as long as the block runs."""
    server = _Server(stack)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="page", daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        server.hands.close()
        server.board.close()
