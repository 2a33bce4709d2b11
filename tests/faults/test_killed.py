"""Killed between any two steps: an invocation dies right after its n-th HTTP call, for every n; retries and sweeps bring truth.

Dying before a call is dying after the one before it; dying before the first is an event that was dropped (test_matrix.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.conftest import MakeWorld
from tests.faults.world import CLOSED, FEATURES, HISTORY, KEYED, TIMEOUT_S, VISIBILITY_S, Connection, World

QUEUE_VISIBILITY_S = 6 * TIMEOUT_S["disconnect"]


def connections(world: World, others: int = 2) -> Iterator[tuple[int, Connection]]:
    """One to end for each n, until an invocation has made fewer calls than that; of its client's others, `newest` closes all but one."""
    call = 0
    while world.was_killed:
        call += 1
        client = f"killed-after-{call}"
        for other in range(others):
            world.connect(client, age_s=100 + other)
        yield call, world.connect(client, CLOSED.age_s)
    assert call > 5
    world.until_retried()


def test_killed_while_it_serves_a_disconnect(make_world: MakeWorld) -> None:
    world = make_world(FEATURES["everything"])
    for call, connection in connections(world):
        world.kill_after = call
        world.close(connection)
    world.until_swept()
    world.until_retried()
    assert world.problems() == []


def test_killed_while_it_works_off_the_disconnect_queue(make_world: MakeWorld) -> None:
    """With poison among the events."""
    world = make_world(FEATURES["everything"], FEATURES["queue"])
    for call, connection in connections(world):
        world.sqs.send_message(QueueUrl=world.urls["disconnects"], MessageBody="poison")
        world.kill_after = call
        world.close(connection)
        world.advance(QUEUE_VISIBILITY_S + 1)
        world.drain()
    assert world.messages(world.dead_letter_url) >= call  # each at least once
    world.sqs.purge_queue(QueueUrl=world.dead_letter_url)
    assert world.problems() == []


@pytest.mark.parametrize("tables", [(None,), (KEYED, HISTORY)], ids=["a closing", "steps"])
def test_killed_while_it_retries(make_world: MakeWorld, tables: tuple[str | None, ...]) -> None:
    world = make_world(FEATURES["everything"])
    for call, connection in connections(world):
        for table in tables:
            world.fail("dynamodb", "ServiceUnavailable", table=table)
        world.close(connection)
        world.heal()
        world.kill_after = call
        world.poll()
        world.advance(VISIBILITY_S + 1)
        world.drain()
    assert world.problems() == []


def test_killed_while_it_sweeps(make_world: MakeWorld) -> None:
    world = make_world(FEATURES["everything"])
    for call, connection in connections(world, others=1):
        world.end(connection)
        world.advance(700)
        world.kill_after = call
        world.sweep()
        world.advance(300)
        world.sweep()
        world.drain()
    assert world.problems() == []
