"""What is lost on the way is found: in an outage of DynamoDB, and when no function is free for an event."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.acts import failures, sweeping
from tools.acts.trial import Trial
from tools.clients import open_clients, spread
from tools.deployment import Watch, until
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("lifecycle")

LEAVING, LOST, LIVING = 60, 20, 10
TWO_MINUTES_MS = 120_000  # far from being silent for so long that a usual sweep would ask


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


def test_throttled_disconnects_are_found_without_the_schedule(stacks: dict[str, Stack]) -> None:
    """After an alarm the sweep looks at once instead of at its next tick."""
    stack, lost, staying = stacks["prod"], {f"lost-{i}" for i in range(5)}, {f"stays-{i}" for i in range(3)}
    with Watch(stack) as watch:
        leaving, living = open_clients(stack.url, lost), open_clients(stack.url, staying)
        assert watch.wait_until_there(lost | staying)
        stack.age(watch.records.values(), TWO_MINUTES_MS)
        with stack.reserved("disconnect", 0):
            for client in leaving:
                client.close()
            assert watch.wait_until_gone(lost, 180)
        assert watch.records.keys() == staying
        assert all(client.is_open() for client in living)
        for client in living:
            client.close()
        assert watch.wait_until_gone(staying)
