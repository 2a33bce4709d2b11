"""Asks API Gateway about many connections, several at a time, as fast as keep_pace lets it."""

from __future__ import annotations

import time
from collections import Counter
from threading import Lock, Semaphore

from ask_gateway import ALIVE, GONE, REFUSED, THROTTLED, Probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import ThreadPoolExecutor

    from aws import Clients
    from keep_pace import Rising
    from record import Record

    Answers = list[tuple[Record, str]]

UNDER_WAY = 16  # questions at a time
MOST_REFUSALS = 20  # in a row: the endpoint is wrong or unavailable
LONGEST_THROTTLED_S = 30.0  # of nothing but 429: production needs the quota
UNASKED = "unasked"  # there was no time, or API Gateway does not answer


class Inquiry:
    """The questions of one run. `answers` counts the answers by kind."""

    def __init__(self, clients: Clients, pace: Rising) -> None:
        self.pace = pace
        self.answers: Counter[str] = Counter()
        self.given_up = False  # API Gateway has not answered for too long
        self._probe = Probe(clients)
        self._refusals = 0
        self._throttled_since: float | None = None  # s, time.monotonic()
        self._room = Semaphore(UNDER_WAY)
        self._lock = Lock()

    @property
    def refusal(self) -> str:
        """The last reason why nothing is known."""
        return self._probe.refusal

    def ask(
        self, records: list[Record], pool: ThreadPoolExecutor, deadline: float, if_gone: Callable[[Record], None] | None = None
    ) -> Answers:
        """Each record with its answer: ALIVE, GONE, REFUSED, or UNASKED if the deadline (s, time.monotonic()) came first.

        The thread that got GONE calls `if_gone` with the record while other threads go on asking.
        """
        known: Answers = []
        while records:
            turns = self._turns(records, deadline)
            answers = list(zip(records, pool.map(lambda record: self._ask(record, if_gone), turns), strict=False))
            known += [(record, answer) for record, answer in answers if answer != THROTTLED]
            unasked = records[len(answers) :]
            records = [record for record, answer in answers if answer == THROTTLED]
            if unasked:
                return known + [(record, UNASKED) for record in records + unasked]
        return known

    def _turns(self, records: list[Record], deadline: float) -> Iterator[Record]:
        """Yields the records one by one, each when a thread is free and the pace allows a question."""
        for record in records:
            self._room.acquire()
            if self.given_up or time.monotonic() >= deadline or not self.pace.turn(deadline):
                self._room.release()
                return
            yield record

    def _ask(self, record: Record, if_gone: Callable[[Record], None] | None) -> str:
        began = time.monotonic()
        answer = self._probe.ask(record.connection_id)
        self.pace.heard(answer, time.monotonic() - began)
        with self._lock:
            self._count(answer)
        try:
            if answer == GONE and if_gone is not None:
                if_gone(record)
        finally:
            self._room.release()
        return answer

    def _count(self, answer: str) -> None:
        """Gives up after many refusals in a row, or after a long time of nothing but 429, which all concurrent questions get at once."""
        self.answers[answer] += 1
        now = time.monotonic()
        if answer in (ALIVE, GONE):
            self._refusals, self._throttled_since = 0, None
        elif answer == REFUSED:
            self._refusals += 1
        elif self._throttled_since is None:
            self._throttled_since = now
        throttled_s = 0.0 if self._throttled_since is None else now - self._throttled_since
        self.given_up = self._refusals >= MOST_REFUSALS or throttled_s >= LONGEST_THROTTLED_S
