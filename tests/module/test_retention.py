"""No message expires before it has reached the dead-letter queue, and there it lies long enough to be looked at."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from tools.terraform import TerraformError

from .retries import attempts

FOUR_DAYS = 4 * 86400
INPUTS = "cleanup_function = {{ timeout = {timeout} }}\nretry_queue = {{ max_receive_count = {count} }}"
# The most that is accepted with the default, and with the longest time-out.
MOST = [(120, 830), (900, 159)]


@pytest.mark.parametrize(("timeout", "count"), MOST)
def test_the_last_attempt_comes_before_the_message_expires(timeout: int, count: int, plan: Callable[..., dict[str, Any]]) -> None:
    resources = plan(INPUTS.format(timeout=timeout, count=count))
    queue, dead_letters = (resources[f"module.retry_queue[0].aws_sqs_queue.{name}"] for name in ("retry", "dead_letter"))
    slowest = list(islice(attempts(spread=lambda: 1.0, held_up=lambda: 20 + timeout), count + 1))[-1]  # the receipt that gives it up
    unasked = count * (queue["visibility_timeout_seconds"] + 20)
    assert max(slowest, unasked) <= queue["message_retention_seconds"] <= dead_letters["message_retention_seconds"] - FOUR_DAYS


@pytest.mark.parametrize(("timeout", "count"), MOST)
def test_one_attempt_more_is_refused_with_the_number_that_fits(timeout: int, count: int, plan: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(TerraformError, match=rf"max_receive_count must be at\s+│?\s*most {count}\s"):
        plan(INPUTS.format(timeout=timeout, count=count + 1))
