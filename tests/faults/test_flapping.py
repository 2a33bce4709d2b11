"""Clients that leave and come back, again and again."""

from __future__ import annotations

import pytest

from tests.faults.conftest import MakeWorld
from tests.faults.features import FEATURES
from tests.faults.world import ENDINGS, GRACE_S, World

CLOSED = ENDINGS["client closed without a code"]


def wait(world: World, seconds: int, step_s: int = 5) -> None:
    for _ in range(0, seconds, step_s):
        world.advance(step_s)
        world.drain()


def offline(world: World) -> list[str]:
    return [detail["id"] for detail in world.announced if detail["kind"] == "Offline"]


def test_a_reconnect_loop_leaves_nothing_to_retry_under_newest(make_world: MakeWorld) -> None:
    """One tab stays open, another reconnects every 40 s (a page in a loop, a phone in a tunnel)."""
    world = make_world(FEATURES["newest"])
    world.connect("kim", 1_000)
    flapping = world.connect("kim")
    for _ in range(20):
        wait(world, 39, 13)
        events = world.end(flapping, CLOSED)
        world.advance(1)
        flapping = world.connect("kim")
        world.send(events[0])
    assert world.messages(world.queue_url) < 3
    assert {line["level"] for line in world.lines} == {"INFO"}


@pytest.mark.parametrize("extras", ["announcements", "everything"])
def test_only_the_last_end_counts_for_a_client_that_flaps(extras: str, make_world: MakeWorld) -> None:
    """It is never away for longer than the grace period, until it leaves for good."""
    world = make_world(FEATURES[extras])
    for _ in range(4):
        connection = world.connect("kim")
        wait(world, 45)
        events = world.end(connection, CLOSED)
        world.send(events[0])
        wait(world, 10)
    assert offline(world) == []
    wait(world, GRACE_S)
    assert offline(world) == [f"offline/{connection.id}"]
    assert world.problems() == []


@pytest.mark.parametrize("service", ["events", "dynamodb"])
def test_an_outage_makes_no_second_absence(service: str, make_world: MakeWorld) -> None:
    """Two connections end at once; what is to be done about one of them has to be retried, until after the other's check."""
    world = make_world(FEATURES["announcements"])
    first, second = world.connect("kim", 90), world.connect("kim", 90)
    world.send(world.end(first, CLOSED)[0])
    fault = world.fail(service, "ThrottlingException", "PutEvents" if service == "events" else "UpdateItem")
    world.send(world.end(second, CLOSED)[0])
    wait(world, 30)
    fault.probability = 0.0
    wait(world, 2 * GRACE_S)
    world.until_retried()
    assert len(set(offline(world))) == 1
    assert world.problems() == []
