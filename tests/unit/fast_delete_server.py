"""A TLS (or plain) HTTP server on loopback that does to each request what the test says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import zlib
from typing import Any, NamedTuple

import trustme

CLOSE, GOODBYE, RESET, HANG, TRICKLE = "close", "close after TLS's close_notify", "reset", "hang", "trickle"


class Request(NamedTuple):
    headers: dict[str, str]
    body: str


def answer(body: bytes, status: bytes = b"HTTP/1.1 200 OK", more: bytes = b"") -> bytes:
    """An answer as DynamoDB writes it."""
    return (
        status
        + b"\r\nServer: Server\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n"
        % len(body)
        + b"x-amzn-RequestId: 4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG\r\nx-amz-crc32: %d\r\n%s\r\n" % (zlib.crc32(body), more)
        + body
    )


class Server:
    """`answers`: what to do for each request, in order: bytes, an action, an event to wait for, or a list of them.

    `welcome`: an action on each new connection, instead of reading a request.
    """

    def __init__(self, certificate: trustme.LeafCert | None, tls: bool = True) -> None:
        self.answers: list[Any] = []
        self.welcome: str | None = None
        self.requests: list[Request] = []
        self.connections = 0
        self.resumed: list[bool | None] = []
        self.ended = threading.Semaphore(0)  # one for each connection that the server ended
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if certificate and self._context:
            certificate.configure_cert(self._context)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _start(self, target: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._sockets.append(connection)
                self.connections += 1
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._sockets.append(connection)
                self.resumed.append(connection.session_reused)
            if self.welcome:
                self._act(connection, self.welcome)
                return
            while request := _read(connection):
                self.requests.append(request)
                steps = self.answers.pop(0)
                for step in steps if isinstance(steps, list) else [steps]:
                    self._act(connection, step)

    def _act(self, connection: socket.socket, step: bytes | str | threading.Event) -> None:
        if isinstance(step, bytes):
            connection.sendall(step)
        elif isinstance(step, threading.Event):
            step.wait(10)
        elif step == HANG:
            self._stop.wait()
        elif step == TRICKLE:
            while not self._stop.wait(0.05):
                connection.sendall(b"H")
        else:
            if step == GOODBYE and isinstance(connection, ssl.SSLSocket):
                connection.settimeout(0)
                with contextlib.suppress(ssl.SSLWantReadError):
                    connection.unwrap()
            if step == RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            self.ended.release()


def _read(connection: socket.socket) -> Request | None:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65_536)
        if not chunk:
            return None
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.decode().split("\r\n")[1:])}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65_536)
    return Request(headers, body.decode())
