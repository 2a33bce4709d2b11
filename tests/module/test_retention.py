"""No message expires before it has reached the dead-letter queue, and there it lies long enough to be looked at."""

from __future__ import annotations

from itertools import islice

import pytest

from .calls import MOST_RECEIPTS
from .conftest import Plans
from .retries import attempts

pytestmark = pytest.mark.xdist_group("known")

FOUR_DAYS = 4 * 86400


@pytest.mark.parametrize(("timeout", "count"), MOST_RECEIPTS.items())
def test_the_last_attempt_comes_before_the_message_expires(timeout: int, count: int, known: Plans) -> None:
    resources = known[f"timeout_{timeout}"]
    queue, dead_letters = (resources[f"module.retry_queue[0].aws_sqs_queue.{name}"] for name in ("retry", "dead_letter"))
    slowest = list(islice(attempts(spread=lambda: 1.0, held_up=lambda: 20 + timeout), count + 1))[-1]  # the receipt that gives it up
    unasked = count * (queue["visibility_timeout_seconds"] + 20)
    assert max(slowest, unasked) <= queue["message_retention_seconds"] <= dead_letters["message_retention_seconds"] - FOUR_DAYS
