"""A server on loopback that answers as DynamoDB does, over TLS or plain HTTP, and counts what passes on the wire.

`Server` is also what the tests of the function talk to: tests/unit/fast_delete_server.py.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import ssl
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import trustme

CLOSE, GOODBYE, RESET = "close", "close after TLS's close_notify", "reset"
RECORD = {
    "connectedAt": {"N": "1795234579479"},
    "expiresAt": {"N": "1795242079"},
    "clientId": {"S": "user-4711"},
    "sourceIp": {"S": "198.51.100.253"},
    "userAgent": {"S": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"},
}


class Request(NamedTuple):
    headers: dict[str, str]
    body: str


def answer(body: bytes, status: bytes = b"HTTP/1.1 200 OK", more: bytes = b"") -> bytes:
    """An answer as DynamoDB writes it, with more headers if given."""
    return (
        b"%s\r\nServer: Server\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n"
        b"x-amzn-RequestId: 4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG\r\nx-amz-crc32: %d\r\n%s\r\n%s"
        % (status, len(body), zlib.crc32(body), more, body)
    )


class Connection:
    """TLS in memory between the socket and us, so that what passes on the wire can be counted: bytes each way, and round trips.

    A round trip is when the client waits for something: TCP's handshake counts, a server's silence does not.
    """

    def __init__(self, raw: socket.socket, context: ssl.SSLContext | None, wire: Counter[str]) -> None:
        self._raw, self._wire = raw, wire
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True) if context else None
        self.dropped = False
        wire.update(["connections", "round_trips"])

    def handshake(self) -> bool:
        """Begins TLS, if it is spoken. Returns whether a session was resumed."""
        if self._tls is None:
            return False
        self._pump(self._tls.do_handshake)
        self._wire["round_trips"] -= self._tls.version() == "TLSv1.3"  # its last flight, session tickets, keeps nobody waiting
        return bool(self._tls.session_reused)

    def requests(self) -> Iterator[Request]:
        while True:
            received = b""
            while b"\r\n\r\n" not in received:
                received += self._read()
            head, _, body = received.partition(b"\r\n\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.decode().split("\r\n")[1:])}
            while len(body) < int(headers.get("content-length", 0)):
                body += self._read()
            yield Request(headers, body.decode())

    def _read(self) -> bytes:
        received: bytes = self._pump(self._tls.read, 65_536) if self._tls else self._raw.recv(65_536)
        if not received:
            raise ConnectionError
        return received

    def write(self, data: bytes) -> None:
        if self._tls:
            self._pump(self._tls.write, data)
        else:
            self._raw.sendall(data)

    def _pump(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """Runs a step of TLS, moving bytes as it asks for them."""
        while True:
            try:
                result = step(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                chunk = self._raw.recv(65_536)
                if not chunk:
                    raise ConnectionError from None
                self._wire["received"] += len(chunk)
                self._in.write(chunk)
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        data = self._out.read()
        if data:
            self._wire["sent"] += len(data)  # before the client can go on
            self._wire["round_trips"] += 1
            self._raw.sendall(data)

    def end(self, how: str) -> None:
        """Ends the connection, unless the client was first."""
        with contextlib.suppress(OSError):
            if how == GOODBYE and self._tls:
                with contextlib.suppress(ssl.SSLWantReadError):
                    self._tls.unwrap()
                self._raw.sendall(self._out.read())
            if how == RESET:
                self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self._raw.shutdown(socket.SHUT_RDWR)  # wakes a thread that reads from it
        self._raw.close()


class Server(socketserver.ThreadingTCPServer):
    """Accepts connections, over TLS if it has a certificate, and serves each by `serve` in a thread of its own."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, certificate: trustme.LeafCert | None) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.wire = Counter[str]()
        self.open: list[Connection] = []
        self.port: int = self.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if certificate and self._context:
            certificate.configure_cert(self._context)
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        for connection in list(self.open):
            connection.end(CLOSE)
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(request, self._context, self.wire)
        self.open.append(connection)
        with contextlib.suppress(OSError, ValueError):
            self.serve(connection)
        self.open.remove(connection)

    def serve(self, connection: Connection) -> None:
        raise NotImplementedError


class Endpoint(Server):
    """Answers DeleteItem."""

    def serve(self, connection: Connection) -> None:
        connection.handshake()
        for request in connection.requests():
            if connection.dropped:
                connection.end(RESET)
                return
            self.wire["requests"] += 1
            self.wire["boto3"] += "Boto3/" in request.headers.get("user-agent", "")
            asked = json.loads(request.body)
            body = {"Attributes": RECORD | asked["Key"]} if asked.get("ReturnValues") == "ALL_OLD" else {}
            connection.write(answer(json.dumps(body).encode(), more=b"Connection: keep-alive\r\n"))

    def close_idle_connections(self) -> None:
        for connection in list(self.open):
            connection.end(GOODBYE)

    def drop_idle_connections(self) -> None:
        """Resets each when it is used next, as after a freeze."""
        for connection in self.open:
            connection.dropped = True

    def count(self) -> dict[str, int]:
        """The counters since the last call."""
        counted = dict(self.wire)
        self.wire.clear()
        return counted
