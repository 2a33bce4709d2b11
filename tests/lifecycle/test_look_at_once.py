"""Events that the function behind the route could not take: an alarm tells, and the sweep looks at once instead of at its next tick."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tools.clients import Watch, open_clients
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("lifecycle")

LOST = {f"lost-{i}" for i in range(5)}
STAYING = {f"stays-{i}" for i in range(3)}
TWO_MINUTES_MS = 120_000  # far from being silent for so long that a usual sweep would ask


@contextmanager
def throttled(stack: Stack) -> Iterator[None]:
    functions, name = stack.aws.client("lambda"), f"history-{stack.name}-disconnect"
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        functions.delete_function_concurrency(FunctionName=name)


def test_connections_whose_disconnect_was_throttled_are_found_without_the_schedule(stacks: dict[str, Stack]) -> None:
    stack = stacks["prod"]
    with Watch(stack.aws, stack.table) as watch:
        losing, staying = open_clients(stack.url, LOST), open_clients(stack.url, STAYING)
        assert watch.wait_for(lambda: watch.records.keys() == LOST | STAYING, 30)
        stack.age(watch.records.values(), TWO_MINUTES_MS)
        with throttled(stack):
            for client in losing:
                client.close()
            assert watch.wait_until_gone(LOST, 60)
        assert watch.records.keys() == STAYING
        assert all(client.is_open() for client in staying)
        for client in staying:
            client.close()
        assert watch.wait_until_gone(STAYING)
