"""Limits how fast API Gateway is asked. `@connections` shares the account's 10,000 requests per second with all of its APIs."""

from __future__ import annotations

import time
from threading import Lock

from ask_gateway import ALIVE, GONE, THROTTLED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ask_gateway import Probe

USUAL_PER_SECOND = 10
QUIET_S = 30.0  # no single questions for so long after a 429
PROMPT_S = 0.5  # slower answers do not raise the rate
PAUSE_S = 1.0  # after a 429; the 429s of requests already sent count as the same refusal
SLOWEST = 1.0  # per second, unless it began slower


class Steady:
    """For single questions: at most `per_second`. For half a minute after a 429 nothing is asked, and the answer is THROTTLED."""

    def __init__(self, probe: Probe, per_second: float = USUAL_PER_SECOND) -> None:
        self._probe = probe
        self._gap_s = 1 / per_second
        self._turn = Lock()
        self._next = self._quiet_until = 0.0  # s, time.monotonic()

    @property
    def refusal(self) -> str:
        """The last reason why nothing is known."""
        return self._probe.refusal

    def ask(self, connection_id: str) -> str:
        """As Probe.ask."""
        return self._heard(self._probe.ask(connection_id)) if self._may() else THROTTLED

    def disconnect(self, connection_id: str) -> bool:
        """Closes the socket: whether it is closed now (also when it was gone)."""
        return self._may() and self._heard(self._probe.disconnect(connection_id)) in (ALIVE, GONE)

    def _may(self) -> bool:
        with self._turn:
            if time.monotonic() < self._quiet_until:
                return False
            if (wait := self._next - time.monotonic()) > 0:
                time.sleep(wait)
            self._next = time.monotonic() + self._gap_s
            return True

    def _heard(self, answer: str) -> str:
        if answer == THROTTLED:
            self._quiet_until = time.monotonic() + QUIET_S
        return answer


class Rising:
    """For many questions: begins with `first` per second, doubles after each second of prompt answers up to `most`, and halves on a 429."""

    def __init__(self, first: float, most: float) -> None:
        self.highest = 0.0  # the highest rate at which something was asked
        self._rate = first
        self._least = min(first, SLOWEST)
        self._most = most
        self._prompt = 0  # prompt answers in a row at this rate
        self._next = self._paused_until = 0.0  # s, time.monotonic()
        self._lock = Lock()

    def turn(self, deadline: float) -> bool:
        """Waits until the next question may be asked. Returns False at once if that is after the deadline (s, time.monotonic())."""
        while (wait := self._wait()) > 0:
            if time.monotonic() + wait >= deadline:
                return False
            time.sleep(wait)
        return True

    def _wait(self) -> float:
        """How long (s) the next question has to wait. 0.0 takes the turn."""
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                return self._next - now
            self._next = now + 1 / self._rate
            self.highest = max(self.highest, self._rate)
            return 0.0

    def heard(self, answer: str, took_s: float) -> None:
        with self._lock:
            self._prompt = self._prompt + 1 if answer in (ALIVE, GONE) and took_s <= PROMPT_S else 0
            if answer == THROTTLED and (now := time.monotonic()) >= self._paused_until:
                self._next = self._paused_until = now + PAUSE_S
                self._rate = max(self._rate / 2, self._least)
            elif self._prompt >= self._rate:
                self._rate = min(self._rate * 2, self._most)
                self._prompt = 0
