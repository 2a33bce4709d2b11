"""A page on loopback that shows a stack on the local AWS, and lets a person try it.

It serves four files by GET, and one WebSocket for each tab, for the page's content and the buttons' orders. A stream of events would need
an HTTP connection for each tab, and a browser opens only six to a server.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from botocore.exceptions import BotoCoreError, ClientError

from local.door import Door, Receive, Scope, Send, answer, refusal
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


class Page:
    """The ASGI application. `hosts` are the server's names."""

    def __init__(self, stack: Stack, hosts: set[str]) -> None:
        self.board = Board(stack)
        self.hands = Hands(stack, self.board)
        self._hosts, self._origins = hosts, re.compile("|".join(re.escape(f"http://{host}") for host in hosts))
        sockets = [f"ws://{host}" for host in sorted(hosts)] + [stack.aws.endpoint.replace("http", "ws", 1)]
        policy = f"default-src 'none'; img-src data:; script-src 'self'; style-src 'self'; connect-src {' '.join(sockets)}"
        self._headers = {
            "content_security_policy": f"{policy}; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
            "x_content_type_options": "nosniff",
            "cross_origin_resource_policy": "same-origin",
            "cache_control": "no-cache",  # not no-store: a browser would end the socket of a page that is left
        }

    def check(self, scope: Scope, headers: Mapping[str, str]) -> str:
        return refusal(headers, self._hosts, self._origins, ("same-origin", "none"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"] == "/live":
            await self._talk(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        elif scope["method"] == "GET" and scope["path"] in FILES:
            name, kind = FILES[scope["path"]]
            await answer(send, 200, (HERE / name).read_bytes(), **self._headers, content_type=f"{kind}; charset=utf-8")
        else:
            await answer(send, 404, b"there is no such page\n")

    async def _talk(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        seen: dict[str, int] = {}
        showing = asyncio.create_task(self._show(seen, send))
        with suppress(OSError):  # the tab was closed
            while (message := await receive())["type"] == "websocket.receive":
                if said := await self._obey(message.get("text") or ""):
                    await self._send_news(seen, send)  # so that a button's new state comes before the answer
                    await send({"type": "websocket.send", "text": json.dumps({"said": said})})
        showing.cancel()

    async def _show(self, seen: dict[str, int], send: Send) -> None:
        """Send each part of the board when it changes, as long as the tab is open."""
        with suppress(OSError):
            while True:
                await asyncio.to_thread(self.board.look)
                await self._send_news(seen, send)
                await asyncio.sleep(EVERY_SECONDS)

    async def _send_news(self, seen: dict[str, int], send: Send) -> None:
        if news := self.board.newer(seen):
            await send({"type": "websocket.send", "text": news})

    async def _obey(self, text: str) -> dict[str, Any] | None:
        """The result of an order, with a status like HTTP's."""
        try:
            order = json.loads(text)
            if not isinstance(order, dict):
                raise OrderError("an order is a JSON object")
            if order.get("action") == "heartbeat":
                return None
            return {"status": 200, "text": await asyncio.to_thread(self.hands.do, order)}
        except OrderError as problem:
            return {"status": problem.status, "text": str(problem)}
        except (ValueError, RecursionError):
            return {"status": 400, "text": "an order is a JSON object"}
        except (BotoCoreError, ClientError, OSError) as problem:
            return {"status": 502, "text": f"the local AWS refused: {problem}"}


@contextmanager
def page(stack: Stack) -> Iterator[str]:
    """The page's URL, for as long as the block runs."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    shown = Page(stack, {f"127.0.0.1:{port}", f"localhost:{port}"})
    config = uvicorn.Config(
        Door(shown, shown.check),
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=LONGEST_ORDER,
        timeout_graceful_shutdown=1,
        date_header=False,
        server_header=False,
        log_level="critical",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="page")
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()
        shown.hands.close()
