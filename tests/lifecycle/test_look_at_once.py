"""Events that the function behind the route could not take: after an alarm the sweep looks at once instead of at its next tick."""

from __future__ import annotations

import pytest

from tools.clients import open_clients
from tools.deployment import Watch
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("lifecycle")

LOST = {f"lost-{i}" for i in range(5)}
STAYING = {f"stays-{i}" for i in range(3)}
TWO_MINUTES_MS = 120_000  # far from being silent for so long that a usual sweep would ask


def test_throttled_disconnects_are_found_without_the_schedule(stacks: dict[str, Stack]) -> None:
    stack = stacks["prod"]
    with Watch(stack) as watch:
        losing, staying = open_clients(stack.url, LOST), open_clients(stack.url, STAYING)
        assert watch.wait_until_there(LOST | STAYING)
        stack.age(watch.records.values(), TWO_MINUTES_MS)
        with stack.reserved("disconnect", 0):
            for client in losing:
                client.close()
            assert watch.wait_until_gone(LOST)
        assert watch.records.keys() == STAYING
        assert all(client.is_open() for client in staying)
        for client in staying:
            client.close()
        assert watch.wait_until_gone(STAYING)
