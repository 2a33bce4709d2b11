"""A server on loopback that does to each request what the test says."""

from __future__ import annotations

import threading
from typing import Any

import trustme

from bench import dynamodb

HANG, TRICKLE = "hang", "trickle"


class Server(dynamodb.Server):
    """`answers`: what to do for each request, in order: bytes, an action, an event or barrier to wait for, or a list of them.

    `welcome`: an action on each new connection, instead of reading a request.
    """

    def __init__(self, certificate: trustme.LeafCert | None) -> None:
        self.answers: list[Any] = []
        self.welcome: str | None = None
        self.requests: list[dynamodb.Request] = []
        self.resumed: list[bool] = []
        self.ended = threading.Semaphore(0)  # one for each connection that the server ended
        self._stop = threading.Event()
        super().__init__(certificate)

    def __exit__(self, *problem: object) -> None:
        self._stop.set()
        super().__exit__(*problem)

    @property
    def connections(self) -> int:
        return self.wire["connections"]

    def serve(self, connection: dynamodb.Connection) -> None:
        self.resumed.append(connection.handshake())
        if self.welcome:
            self._act(connection, self.welcome)
            return
        for request in connection.requests():
            self.requests.append(request)
            steps = self.answers.pop(0) if self.answers else dynamodb.CLOSE
            for step in steps if isinstance(steps, list) else [steps]:
                self._act(connection, step)

    def _act(self, connection: dynamodb.Connection, step: bytes | str | threading.Event | threading.Barrier) -> None:
        if isinstance(step, bytes):
            connection.write(step)
        elif isinstance(step, (threading.Event, threading.Barrier)):
            step.wait(10)
        elif step == HANG:
            self._stop.wait()
        elif step == TRICKLE:
            while not self._stop.wait(0.05):
                connection.write(b"H")
        else:
            connection.end(step)
            self.ended.release()
