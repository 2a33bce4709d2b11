"""MiniStack, patched, under uvicorn on a free port of loopback. `local.aws` starts it; it says its port and its folder on standard output.

python -m local.server URL-THAT-FUNCTIONS-AND-THE-GATEWAY-USE-FOR-AWS
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import socket
import sys

import uvicorn

from local import one_write

# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
LARGEST_MESSAGE = 128 * 1024

SETTINGS = {
    "AUTH": "true",  # verify every signature, and judge every call of a function by its role
    "MINISTACK_HOST": "127.0.0.1",
    "IOT_MTLS_ENABLED": "0",  # else it listens on all addresses
    "DOCKER_HOST": "unix:///nonexistent",  # else it takes containers of another MiniStack for its own, and stops them
    "LOG_LEVEL": "ERROR",
}


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
    app = importlib.import_module("ministack.app").app

    # hypercorn, MiniStack's own server, reports every close as 1006; of uvicorn's protocols this one tells code and reason.
    config = uvicorn.Config(
        app,
        http=one_write.OneWriteProtocol,
        ws="websockets-sansio",
        ws_max_size=LARGEST_MESSAGE,
        ws_ping_interval=None,
        timeout_keep_alive=3600,
        date_header=False,
        server_header=False,
        log_level="warning",
    )
    print(port, os.environ["TMPDIR"], flush=True)
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main(sys.argv[1])
