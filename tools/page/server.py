"""A page on loopback that shows a stack on the local AWS, and lets a person try it.

It serves four files by GET, and one WebSocket for each tab, for the page's content and the buttons' orders. A stream of events would need
an HTTP connection for each tab, and a browser opens only six to a server.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from local.door import refusal
from tools.stack import Stack

from .board import EVERY_SECONDS, Board
from .hands import Hands, OrderError

HERE = Path(__file__).resolve().parent
FILES = {
    "/": ("index.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/client.js": ("client.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
}
LONGEST_ORDER = 4096  # bytes


@contextmanager
def page(stack: Stack) -> Iterator[str]:
    """The page's URL, for as long as the block runs."""
    hands = Hands(stack)
    board = Board(stack, hands)

    def talk(tab: ServerConnection) -> None:
        """Send the board whenever it changes, and the result of each order, as long as the tab is open."""
        shown, orders = "", deque[Future[dict[str, Any] | None]]()
        with suppress(ConnectionClosed):
            while True:
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
        if request.method != "GET" or request.path not in (*FILES, "/live"):
            return tab.respond(404, "there is no such page\n")
        if request.path == "/live":
            return None
        name, kind = FILES[request.path]
        answer = tab.respond(200, (HERE / name).read_text())
        del answer.headers["Content-Type"]
        answer.headers.update({**safe, "Content-Type": f"{kind}; charset=utf-8"})
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
        yield f"http://127.0.0.1:{port}/"


def _obey(hands: Hands, text: str | bytes) -> dict[str, Any] | None:
    """The result of an order, with a status like HTTP's."""
    try:
        order = json.loads(text)
        return None if order["action"] == "heartbeat" else {"status": 200, "text": hands.do(order)}
    except OrderError as problem:
        return {"status": problem.status, "text": str(problem)}
    except (LookupError, TypeError, ValueError, RecursionError) as problem:
        return {"status": 400, "text": f"this order makes no sense: {problem!r}"}
    except (BotoCoreError, ClientError, OSError) as problem:
        return {"status": 502, "text": f"the local AWS refused: {problem}"}
