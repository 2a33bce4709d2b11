"""Clients that leave and come back, again and again."""

from __future__ import annotations

import pytest

from tests.faults.conftest import MakeWorld
from tests.faults.world import FEATURES, GRACE_S, World


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
        (event,) = world.end(flapping)
        world.advance(1)
        flapping = world.connect("kim")
        world.send(event)
    assert world.messages(world.queue_url) < 3
    assert {line["level"] for line in world.lines} == {"INFO"}


@pytest.mark.parametrize("extras", ["announcements", "everything"])
def test_only_the_last_end_counts_for_a_client_that_flaps(extras: str, make_world: MakeWorld) -> None:
    """It is never away for longer than the grace period, until it leaves for good."""
    world = make_world(FEATURES[extras])
    for _ in range(4):
        connection = world.connect("kim")
        wait(world, 45)
        world.close(connection)
        wait(world, 10)
    assert offline(world) == []
    wait(world, GRACE_S)
    assert offline(world) == [f"offline/{connection.id}"]
    assert world.problems() == []
