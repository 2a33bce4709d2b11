"""Asks API Gateway about many connections, several at a time, as fast as keep_pace lets it."""

from __future__ import annotations

import time
from collections import Counter
from threading import Lock, Semaphore

from ask_gateway import ALIVE, GONE, THROTTLED, Probe
from keep_pace import Rising

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import ThreadPoolExecutor

    from aws import Clients
    from record import Record

UNDER_WAY = 16  # questions at a time
HOPELESS = 20  # questions in a row that told nothing: production needs the quota


class Inquiry:
    """One run's questions: `answers` counts what was told, by what it was."""

    def __init__(self, clients: Clients, pace: Rising) -> None:
        self.pace = pace
        self.answers: Counter[str] = Counter()
        self._probe = Probe(clients)
        self._silent = 0
        self._room = Semaphore(UNDER_WAY)
        self._lock = Lock()

    @property
    def refusal(self) -> str:
        """The last reason why nothing is known."""
        return self._probe.refusal

    @property
    def hopeless(self) -> bool:
        return self._silent >= HOPELESS

    def ask(
        self, records: list[Record], pool: ThreadPoolExecutor, deadline: float, bury: Callable[[Record], None] | None = None
    ) -> list[tuple[Record, str]]:
        """The records that are ALIVE or GONE, and which; when all are known, at the deadline (s, time.monotonic()), or when hopeless.

        `bury` is called with each that is GONE, by the thread that asked, while others ask on.
        """
        known: list[tuple[Record, str]] = []
        while records:
            answers = list(zip(records, pool.map(lambda record: self._ask(record, bury), self._turns(records, deadline)), strict=False))
            known += [(record, answer) for record, answer in answers if answer in (ALIVE, GONE)]
            records = [record for record, answer in answers if answer == THROTTLED]
        return known

    def _turns(self, records: list[Record], deadline: float) -> Iterator[Record]:
        """Hands out the records one by one, each when there is a thread for it and it may be asked about."""
        for record in records:
            self._room.acquire()
            if self.hopeless or time.monotonic() >= deadline or not self.pace.turn(deadline):
                self._room.release()
                return
            yield record

    def _ask(self, record: Record, bury: Callable[[Record], None] | None) -> str:
        began = time.monotonic()
        answer = self._probe.ask(record.connection_id)
        self.pace.heard(answer, time.monotonic() - began)
        with self._lock:
            self.answers[answer] += 1
            self._silent = 0 if answer in (ALIVE, GONE) else self._silent + 1
        try:
            if answer == GONE and bury is not None:
                bury(record)
        finally:
            self._room.release()
        return answer
