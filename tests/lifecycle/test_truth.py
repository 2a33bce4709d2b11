"""200 real clients leave while DynamoDB is away, and three in ten of their `$disconnect` never arrive: the table is true all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.acts import failures, sweeping
from tools.acts.trial import Trial
from tools.clients import spread
from tools.deployment import until
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("lifecycle")

LEAVING, LOST = 200, 60
LIVING = 80  # most of the questions find somebody, so that none is asked twice


def test_true_after_lost_disconnects_and_an_outage(stacks: dict[str, Stack], record_property: Callable[[str, object], None]) -> None:
    stack = stacks["staging"]
    stack.clear()
    trial = Trial(stack)
    failures.outage(trial, LEAVING, LOST)
    sweeping.sweep_lost(trial, "outage", living=LIVING)
    assert trial.broken == []
    for name, seconds in trial.figures.items():
        record_property(f"time to truth, {len(seconds)} clients, {name}", spread(seconds))
    assert stack.records() == []
    assert until(lambda: stack.messages(stack.retry_queue), lambda number: number == 0, 300) == 0
