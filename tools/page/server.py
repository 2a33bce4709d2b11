"""A page on loopback that shows a stack on the local AWS, and lets a person try it.

It serves four files by GET, and one WebSocket for each tab, for the page's content and the buttons' orders. A stream of events would need
an HTTP connection for each tab, and a browser opens only six to a server.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from local.door import refusal
from tools.deployment import Line, News, Record, plain
from tools.stack import Stack

from .hands import Hands, OrderError

HERE = Path(__file__).resolve().parent
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
FILES = {f"/{'' if file.stem == 'index' else file.name}": file for file in HERE.iterdir() if file.suffix in TYPES}
LONGEST_ORDER = 4096  # bytes
EVERY_SECONDS = 0.25
ENDED_SHOWN, LINES_SHOWN = 50, 100
CURVE_MS = 180_000


class Board:
    """The page's content: named parts, which the page shows one by one."""

    def __init__(self, stack: Stack, hands: Hands) -> None:
        self._stack, self._hands, self._news = stack, hands, News(stack)
        self._numbers = count(1)
        self._ended: dict[str, dict[str, Any]] = {}  # by connectionId, the latest at the end
        self._lines: deque[dict[str, Any]] = deque(maxlen=LINES_SHOWN)
        self._curve: list[list[int]] = []  # at each change: epoch ms, open sockets, records in the table
        self._looking, self._looked = threading.Lock(), 0.0
        schedules = ", ".join(schedule["ScheduleExpression"] for schedule in stack.schedules())
        self._parts: dict[str, Any] = {"stack": {"url": stack.url, "table": stack.table, "schedule": schedules, "curveMs": CURVE_MS}}

    def look(self) -> str:
        """Everything as JSON, read again unless another tab has just done so."""
        with self._looking:
            if time.monotonic() - self._looked >= EVERY_SECONDS / 2:
                try:
                    self._parts |= {**self._look(), "trouble": ""}
                except Exception as problem:  # the page shows it
                    self._parts["trouble"] = f"The local AWS cannot be read: {problem}"
                self._looked = time.monotonic()
            return json.dumps({**self._parts, "hands": self._hands.state()})

    def _look(self) -> dict[str, Any]:
        for kind, what in self._news.look():
            if kind == "left":
                self._end(what["connectionId"]["S"], what)
            elif kind != "came":
                line = {"id": next(self._numbers), "function": kind, **what}
                line.pop("_aws", None)  # its metrics
                self._lines.appendleft(line)
                if line.get("outcome") == "removed":
                    self._end(line["connectionId"], self._news.records.get(line["connectionId"], {}), line)
        records = [plain(record) for record in self._news.records.values()]
        now, counts = int(time.time() * 1000), [self._stack.aws.open_sockets, len(records)]
        if not self._curve or self._curve[-1][1:] != counts:
            self._curve.append([now, *counts])
        while len(self._curve) > 1 and self._curve[1][0] < now - CURVE_MS:
            del self._curve[0]
        queues = {"waiting": self._stack.retry_queue, "deadLetters": self._stack.dead_letters}
        return {
            "curve": self._curve,
            "records": sorted(records, key=lambda record: str(record.get("connectedAt"))),
            "ended": list(reversed(self._ended.values()))[:ENDED_SHOWN],
            "lines": list(self._lines),
            "queue": {name: self._stack.messages(url) for name, url in queues.items()},
        }

    def _end(self, connection_id: str, record: Record, line: Line | None = None) -> None:
        """Its record is gone, or a line says so, whichever is seen first. A short connection may never have been seen in the table."""
        new = {"connectionId": connection_id, "record": plain(record), "at": int(time.time() * 1000), "line": None}
        entry = self._ended.setdefault(connection_id, new)
        entry["line"] = entry["line"] or line


@contextmanager
def page(stack: Stack) -> Iterator[str]:
    """The page's URL, for as long as the block runs."""
    hands = Hands(stack)
    board, over = Board(stack, hands), threading.Event()

    def talk(tab: ServerConnection) -> None:
        """Send the board whenever it changes, and the result of each order, as long as the tab is open and the block runs."""
        shown, orders = "", deque[Future[dict[str, Any] | None]]()
        with suppress(ConnectionClosed):
            while not over.is_set():
                ended = [orders.popleft() for _ in range(len(orders)) if orders[0].done()]  # before a look, which then shows what they did
                if (now := board.look()) != shown:
                    tab.send(shown := now)
                for order in ended:
                    if said := order.result():
                        tab.send(json.dumps({"said": said}))
                with suppress(TimeoutError):
                    orders.append(pool.submit(_obey, hands, tab.recv(timeout=EVERY_SECONDS)))

    def open_door(tab: ServerConnection, request: Request) -> Response | None:
        """A file, or None for the WebSocket of the page itself; everybody else is refused."""
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        if why := refusal(headers, hosts, origins, ("same-origin", "none")):
            return tab.respond(403, f"{why}\n")
        method = getattr(request, "method", "GET")  # websockets 16, the last one for Python 3.10, refuses any other itself
        if method != "GET" or request.path not in (*FILES, "/live"):
            return tab.respond(404, "there is no such page\n")
        if request.path == "/live":
            return None
        file = FILES[request.path]
        answer = tab.respond(200, file.read_text())
        del answer.headers["Content-Type"]
        answer.headers.update({**safe, "Content-Type": f"{TYPES[file.suffix]}; charset=utf-8"})
        return answer

    with (
        closing(hands),
        ThreadPoolExecutor() as pool,
        serve(talk, "127.0.0.1", 0, process_request=open_door, max_size=LONGEST_ORDER, compression=None, server_header=None) as server,
    ):
        port = server.socket.getsockname()[1]
        hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        origins = re.compile("|".join(re.escape(f"http://{host}") for host in hosts))
        sockets = [f"ws://{host}" for host in sorted(hosts)] + [stack.aws.endpoint.replace("http", "ws", 1)]
        policy = f"default-src 'none'; img-src data:; script-src 'self'; style-src 'self'; connect-src {' '.join(sockets)}"
        safe = {
            "Content-Security-Policy": f"{policy}; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-cache",  # not no-store: a browser would end the socket of a page that is left
        }
        threading.Thread(target=server.serve_forever, name="page").start()
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            over.set()  # websockets 16 leaves open connections alone


def _obey(hands: Hands, text: str | bytes) -> dict[str, Any] | None:
    """The result of an order, and whether it was refused."""
    try:
        order = json.loads(text)
        return None if order["action"] == "heartbeat" else {"refused": False, "text": hands.do(order)}
    except OrderError as problem:
        return {"refused": True, "text": str(problem)}
    except Exception as problem:  # the page shows it: an order that makes no sense, or what the local AWS refused
        return {"refused": True, "text": f"that did not work: {problem!r}"}
