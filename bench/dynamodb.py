"""An endpoint that answers DeleteItem as DynamoDB does, over TLS on loopback, and counts what passes on the wire.

Runs as a process of its own (`python -m bench.dynamodb CERTIFICATE`): prints its port, then obeys lines on stdin:
`close` closes the idle connections, `drop` resets each when it is used next, as after a freeze, `count` prints and resets the counters;
each answers one JSON line. Ends with its stdin.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

RECORD = {
    "connectedAt": {"N": "1795234579479"},
    "expiresAt": {"N": "1795242079"},
    "clientId": {"S": "user-4711"},
    "sourceIp": {"S": "198.51.100.253"},
    "userAgent": {"S": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"},
}


class Wire:
    """What passed: bytes each way, round trips (the client waited for something: TCP's handshake counts, a server's silence does not)."""

    def __init__(self) -> None:
        self.sent = self.received = self.round_trips = self.connections = self.requests = self.boto3 = 0


class Connection:
    """TLS in memory between the socket and us, so that the bytes on the wire can be counted."""

    def __init__(self, raw: socket.socket, context: ssl.SSLContext, wire: Wire) -> None:
        self.raw, self.wire = raw, wire
        self.dropped = False
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)

    def _pump(self, step: Any, *arguments: Any) -> Any:
        """Runs a step of TLS, moving bytes as it asks for them."""
        while True:
            try:
                result = step(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                chunk = self.raw.recv(65_536)
                if not chunk:
                    raise ConnectionError from None
                self.wire.received += len(chunk)
                self._in.write(chunk)
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        data = self._out.read()
        if data:
            self.raw.sendall(data)
            self.wire.sent += len(data)
            self.wire.round_trips += 1

    def serve(self) -> None:
        self.wire.connections += 1
        self.wire.round_trips += 1
        self._pump(self._tls.do_handshake)
        self.wire.round_trips -= 1 if self._tls.version() == "TLSv1.3" else 0  # its last flight, session tickets, keeps nobody waiting
        while True:
            request = b""
            while not _whole(request):
                request += self._pump(self._tls.read, 65_536)
                if self.dropped:
                    self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    raise ConnectionError
            self.wire.requests += 1
            self.wire.boto3 += b"Boto3/" in request
            self._pump(self._tls.write, _answer(request))

    def close(self) -> None:
        """Says good-bye as TLS does, and closes, unless the client was first."""
        with contextlib.suppress(OSError):
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
            self.raw.sendall(self._out.read())
            self.raw.shutdown(socket.SHUT_RDWR)


def _whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    if not end:
        return False
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return len(body) >= length


def _answer(request: bytes) -> bytes:
    asked = json.loads(request.partition(b"\r\n\r\n")[2])
    body = json.dumps({"Attributes": RECORD | asked["Key"]} if asked.get("ReturnValues") == "ALL_OLD" else {}).encode()
    return (
        b"HTTP/1.1 200 OK\r\nServer: Server\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: application/x-amz-json-1.0\r\n"
        b"Content-Length: %d\r\nConnection: keep-alive\r\nx-amzn-RequestId: 4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG\r\n"
        b"x-amz-crc32: %d\r\n\r\n%s" % (len(body), zlib.crc32(body), body)
    )


def main(certificate: str, tickets: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.num_tickets = int(tickets)
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    wire, open_connections = Wire(), list[Connection]()

    def accept() -> None:
        while True:
            raw, _ = listener.accept()
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(raw, context, wire)
            open_connections.append(connection)
            threading.Thread(target=serve, args=[connection], daemon=True).start()

    def serve(connection: Connection) -> None:
        try:
            connection.serve()
        except (OSError, ValueError):
            pass
        finally:
            connection.raw.close()
            if connection in open_connections:
                open_connections.remove(connection)

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    for command in sys.stdin:
        answer: dict[str, int] = {}
        if command.strip() == "close":
            for connection in list(open_connections):
                connection.close()
        elif command.strip() == "drop":
            for connection in list(open_connections):
                connection.dropped = True
        else:
            answer, wire.__dict__ = vars(wire).copy(), vars(Wire())
        print(json.dumps(answer), flush=True)


class Process:
    """The endpoint, started; a context manager."""

    def __init__(self, certificate: Path, tickets: int = 2) -> None:
        command = [sys.executable, "-m", "bench.dynamodb", str(certificate), str(tickets)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"https://127.0.0.1:{int(self._process.stdout.readline())}"

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def _command(self, line: str) -> dict[str, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer: dict[str, int] = json.loads(self._process.stdout.readline())
        return answer

    def close_idle_connections(self) -> None:
        self._command("close")

    def drop_idle_connections(self) -> None:
        self._command("drop")

    def count(self) -> dict[str, int]:
        """The counters since the last call."""
        return self._command("count")


if __name__ == "__main__":
    main(*sys.argv[1:])
