"""MiniStack, patched, under uvicorn on a free port of loopback. `local.aws` starts it; it says its port and its folder on standard output.

python -m local.server URL-THAT-FUNCTIONS-AND-THE-GATEWAY-USE-FOR-AWS
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from local import one_write
from local.door import refusal

Scope = MutableMapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
LARGEST_MESSAGE = 128 * 1024

SETTINGS = {
    "AUTH": "true",  # verify every signature, and judge every call of a function by its role
    "MINISTACK_HOST": "127.0.0.1",
    "IOT_MTLS_ENABLED": "0",  # else it listens on all addresses
    "DOCKER_HOST": "unix:///nonexistent",  # else it takes containers of another MiniStack for its own, and stops them
    "LOG_LEVEL": "ERROR",
}
DATA_PLANE = "/_aws/execute-api/"
PAGES_OF_THIS_MACHINE = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")


class Aws:
    """What MiniStack answers: signed requests of programs, and WebSockets of programs and of this machine's own pages.

    Its management, which is all paths that begin with an underscore but the data plane's, is closed. The file `sockets` has as many bytes
    as WebSockets are open: a size changes in one step, so nobody reads half of it.
    """

    def __init__(self, app: Any, hosts: set[str], sockets: Path) -> None:
        self._app, self._hosts, self._file, self._sockets = app, hosts, sockets, 0
        sockets.touch()

    def _refusal(self, scope: Scope) -> str:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}
        if scope["type"] == "websocket":
            return refusal(headers, self._hosts, PAGES_OF_THIS_MACHINE)
        if scope["path"].startswith("/_") and not scope["path"].startswith(DATA_PLANE):
            return "MiniStack's management is closed"
        return refusal(headers, self._hosts) or ("" if "authorization" in headers else "requests must be signed")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        opened = 0

        async def note(message: dict[str, Any]) -> None:
            nonlocal opened
            if message["type"] == "websocket.accept":
                opened = 1
                self._count(1)
            await send(message)

        if scope["type"] != "lifespan" and (why := self._refusal(scope)):
            await _refuse(scope, send, f"{why}\n".encode())
            return
        try:
            await self._app(scope, receive, note)
        finally:
            self._count(-opened)

    def _count(self, change: int) -> None:
        self._sockets += change
        os.truncate(self._file, self._sockets)


async def _refuse(scope: Scope, send: Send, why: bytes) -> None:
    """Answer 403."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})  # before it is accepted
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(why))]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": why})


def main(endpoint: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    # Inherited by what it accepts. asyncio leaves sockets of protocol 0 alone, and then every second call on a kept-alive connection
    # waits 40 ms for a delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = listener.getsockname()[1]
    # MiniStack reads its settings when it is imported; functions inherit all of them.
    os.environ.update(SETTINGS, GATEWAY_PORT=str(port), AWS_ENDPOINT_URL=endpoint)
    patches = importlib.import_module("local.patches")
    for patch in pkgutil.iter_modules(patches.__path__):
        importlib.import_module(f"local.patches.{patch.name}")
    hosts = {f"127.0.0.1:{port}", urlsplit(endpoint).netloc}  # the fault proxy passes `Host` on, since it is signed
    # hypercorn, MiniStack's own server, reports every close as 1006; of uvicorn's protocols this one tells code and reason.
    config = uvicorn.Config(
        Aws(importlib.import_module("ministack.app").app, hosts, Path(os.environ["TMPDIR"], "open-sockets")),
        http=one_write.OneWriteProtocol,
        ws="websockets-sansio",
        ws_max_size=LARGEST_MESSAGE,
        ws_ping_interval=None,
        timeout_keep_alive=3600,
        date_header=False,
        server_header=False,
        log_level="warning",
    )
    print(port, os.environ["TMPDIR"], flush=True)  # the port is open: calls wait until the server runs
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main(sys.argv[1])
