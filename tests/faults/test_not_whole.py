"""Retries that DynamoDB answers now and then with something that is not whole: no record is taken for gone, none is lost."""

from __future__ import annotations

from local.fault_proxy import NOT_WHOLE
from tests.faults.conftest import MakeWorld
from tests.faults.features import HISTORIES, RELATED
from tests.faults.world import ENDINGS, World

CLOSED = ENDINGS["client closed without a code"]


def close_by_retry(world: World, count: int) -> None:
    """Connections whose removal the route could only queue; then DynamoDB is back, with one answer in three not whole."""
    events = [event for number in range(count) for event in world.end(world.connect(f"client{number}", CLOSED.age_s), CLOSED)]
    world.fail("dynamodb", "ServiceUnavailable")
    for event in events:
        world.send(event)
    world.heal()
    for what in NOT_WHOLE:
        world.fail("dynamodb", what).probability = 0.1
    for _ in range(3):
        world.until_retried()
    world.heal()
    for _ in range(3):
        world.until_retried()


def test_no_record_is_lost_to_answers_that_are_not_whole(make_world: MakeWorld) -> None:
    world = make_world(RELATED, HISTORIES)
    close_by_retry(world, 40)
    assert all(fault.hits for fault in world.faults)
    assert world.problems() == []
