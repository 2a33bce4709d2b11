"""Real WebSocket clients, which end in every way a client can."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from socket import SHUT_RDWR
from typing import Any
from urllib.parse import quote

from websockets.sync.client import connect

from local import leash
from local.aws import REPOSITORY

CONNECTING_AT_ONCE = 8


class Client:
    """An open WebSocket connection. Its name is in its record as clientId, and in the function's log as userAgent."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        options: dict[str, Any] = {"user_agent_header": name, "open_timeout": 60, "close_timeout": 5}
        options |= {"proxy": True if url.startswith("wss:") else None, "ping_interval": None}  # no traffic of its own
        self._open = ExitStack()  # websockets 17 wants its connections opened as context managers
        self.socket = self._open.enter_context(connect(f"{url}?clientId={quote(name)}", **options))

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.socket.close(code, reason)

    def close_without_code(self) -> None:
        self.socket.protocol.send_close()
        self.socket.socket.sendall(b"".join(self.socket.protocol.data_to_send()))
        self._open.close()

    def is_open(self) -> bool:
        return bool(self.socket.ping().wait(5))


# How -> what the client does.
ENDINGS: dict[str, Callable[[Client], None]] = {
    "closed with code 1000": lambda client: client.close(1000, "bye"),
    "closed with code 4001": lambda client: client.close(4001, "session expired"),
    "closed without a code": Client.close_without_code,
    "navigated away": lambda client: client.close(1001),
    "message too big": lambda client: client.socket.send("x" * (128 * 1024 + 1)),
    "line cut": lambda client: client.socket.socket.shutdown(SHUT_RDWR),
}


def open_clients(url: str, names: Iterable[str]) -> list[Client]:
    with ThreadPoolExecutor(CONNECTING_AT_ONCE) as pool:
        return list(pool.map(lambda name: Client(url, name), names))


class ClientProcess:
    """A process that holds connections until it is killed, or the block ends."""

    def __init__(self, url: str, names: Iterable[str]) -> None:
        command = [sys.executable, "-m", "tools.clients", url, *names]
        self._process = leash.start(command, cwd=str(REPOSITORY), stdout=subprocess.PIPE)
        self.pid = int(self._process.stdout.readline()) if self._process.stdout else 0  # printed once all are connected

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def __enter__(self) -> ClientProcess:
        return self

    def __exit__(self, *error: object) -> None:
        leash.end(self._process)


class Visitors:
    """Clients that come and leave, two a second, until the block ends."""

    def __init__(self, url: str) -> None:
        self.left: list[str] = []
        self._url, self._over = url, threading.Event()
        self._thread = threading.Thread(target=self._come_and_go, daemon=True)

    def _come_and_go(self) -> None:
        while not self._over.wait(0.25):
            client = Client(self._url, f"visits-{uuid.uuid4()}")
            self._over.wait(0.25)
            client.close()
            self.left.append(client.name)

    def __enter__(self) -> Visitors:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()


def spread(seconds: Iterable[float]) -> str:
    """p50, p99 and maximum of some durations, "never" if there are none."""
    if not (ordered := sorted(seconds)):
        return "never"
    points = {"p50": ordered[len(ordered) // 2], "p99": ordered[int(len(ordered) * 0.99)], "max": ordered[-1]}
    return ", ".join(f"{name} {value:.2f} s" if value >= 1 else f"{name} {value * 1000:.0f} ms" for name, value in points.items())


if __name__ == "__main__":
    held = open_clients(sys.argv[1], sys.argv[2:])
    print(os.getpid(), flush=True)
    threading.Event().wait()
