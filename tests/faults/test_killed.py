"""Killed between any two steps: an invocation dies right after its n-th HTTP call, for every n; retries and sweeps bring truth.

Dying before a call is dying after the one before it; dying before the first is an event that was dropped (test_matrix.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.conftest import MakeWorld
from tests.faults.features import FEATURES, QUEUE
from tests.faults.world import ENDINGS, HISTORY, KEYED, TIMEOUT_S, VISIBILITY_S, Connection, World

QUEUE_VISIBILITY_S = 6 * TIMEOUT_S["disconnect"]
CLOSED = ENDINGS["client closed without a code"]


def connections(world: World, others: int = 2) -> Iterator[tuple[int, Connection]]:
    """One to end for each n, until an invocation has made fewer calls than that; of its client's others, `newest` closes all but one."""
    call = 0
    while world.was_killed:
        call += 1
        client = f"killed-after-{call}"
        for other in range(others):
            world.connect(client, age_s=100 + other)
        yield call, world.connect(client, CLOSED.age_s)


def test_killed_while_it_serves_a_disconnect(make_world: MakeWorld) -> None:
    world = make_world(FEATURES["everything"])
    for call, connection in connections(world):
        (event,) = world.end(connection, CLOSED)
        world.kill_after = call
        world.send(event)
    assert call > 10
    world.until_swept()
    world.until_retried()
    assert world.problems() == []


def test_killed_while_it_works_off_the_disconnect_queue(make_world: MakeWorld) -> None:
    """With poison among the events."""
    world = make_world(FEATURES["everything"], QUEUE)
    for call, connection in connections(world):
        (event,) = world.end(connection, CLOSED)
        world.sqs.send_message(QueueUrl=world.urls["disconnects"], MessageBody="poison")
        world.kill_after = call
        world.send(event)
        world.advance(QUEUE_VISIBILITY_S + 1)
        world.drain()
    assert call > 10
    world.until_retried()
    assert world.messages(world.dead_letter_url) >= call  # each at least once
    world.sqs.purge_queue(QueueUrl=world.dead_letter_url)
    assert world.problems() == []


def test_killed_while_it_retries_a_closing(make_world: MakeWorld) -> None:
    world = make_world(FEATURES["everything"])
    for call, connection in connections(world):
        (event,) = world.end(connection, CLOSED)
        world.fail("dynamodb", "ServiceUnavailable")
        world.send(event)
        world.heal()
        world.kill_after = call
        world.poll()
        world.advance(VISIBILITY_S + 1)
        world.drain()
    assert call > 10
    world.until_retried()
    assert world.problems() == []


def test_killed_while_it_finishes_steps(make_world: MakeWorld) -> None:
    world = make_world(FEATURES["everything"])
    for call, connection in connections(world):
        (event,) = world.end(connection, CLOSED)
        for table in (KEYED, HISTORY):
            world.fail("dynamodb", "ServiceUnavailable", table=table)
        world.send(event)
        world.heal()
        world.kill_after = call
        world.poll()
        world.advance(VISIBILITY_S + 1)
        world.drain()
    assert call > 5
    world.until_retried()
    assert world.problems() == []


def test_killed_while_it_sweeps(make_world: MakeWorld) -> None:
    world = make_world(FEATURES["everything"])
    for call, connection in connections(world, others=1):
        world.end(connection, CLOSED)
        world.advance(700)
        world.kill_after = call
        world.sweep()
        world.advance(300)
        world.sweep()
        world.drain()
    assert call > 10
    world.until_retried()
    assert world.problems() == []
