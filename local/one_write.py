"""Head and body of an answer leave together, as they do from AWS: uvicorn writes them one after the other.

It is Terraform's provider that needs it. smithy-go (1.22.2, transport/http/internal/io/safe.go) closes a request's body as soon as it has
the head of the answer; net/http, when it has sent the body's last byte but not yet looked for more, takes the closed body's EOF for a
failure and closes the connection. What has arrived by then is still read; what has not is "use of closed network connection", and the
SDK repeats the request. AWS is never so quick that an answer overtakes the look for more; this machine is, about once in a thousand times.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class OneWriteProtocol(H11Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Gathering(transport))  # type: ignore[arg-type]


class Gathering:
    """A transport that sends what is written in one step of the event loop in one piece."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._gathered: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._flush)
        self._gathered.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        gathered, self._gathered = b"".join(self._gathered), []
        if gathered:
            self._transport.write(gathered)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
