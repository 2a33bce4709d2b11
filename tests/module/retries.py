"""When a message that always fails is tried, by the function's own back-off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import retry


def attempts(spread: Callable[[], float], held_up: Callable[[], float]) -> Iterator[float]:
    """Seconds from the first attempt to each one: `spread` is what the function draws from 0.5-1, `held_up` a poll and a batch take (s)."""
    hidden: list[int] = []

    class Sqs:
        def change_message_visibility(self, VisibilityTimeout: int, **_: Any) -> None:
            hidden.append(VisibilityTimeout)

    queue = retry.Queue("url", lambda service: Sqs())  # type: ignore[arg-type]
    now, count = 0.0, 0
    while True:
        yield now
        count += 1
        queue.retry_later("receipt", count, spread())
        now += hidden[-1] + held_up()
