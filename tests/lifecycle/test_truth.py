"""200 real clients leave while DynamoDB is away, and three in ten of their `$disconnect` never arrive: the table is true all the same."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from local.aws import is_disconnect
from tools.clients import Watch, open_clients, spread
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("lifecycle")

LEAVING = {f"leaves-{i}" for i in range(200)}
STAYING = {f"stays-{i}" for i in range(80)}  # most of the questions find somebody, so that none is asked twice
OUTAGE_SECONDS = 10
SILENT_MS = 12 * 60 * 1000  # past the idle time-out, so that the sweep asks


def settled(condition: Callable[[], bool]) -> bool:
    """Whether it comes true, in the time that a machine with too much to do may need; an idle one needs half a minute."""
    deadline = time.monotonic() + 300
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.5)
    return condition()


def test_the_table_is_true_after_lost_disconnects_and_an_outage(
    stacks: dict[str, Stack], record_property: Callable[[str, object], None]
) -> None:
    stack = stacks["staging"]
    stack.clear()
    errors_before = stack.errors("disconnect")
    with Watch(stack.aws, stack.table) as watch:
        leaving, staying = open_clients(stack.url, LEAVING), open_clients(stack.url, STAYING)
        assert watch.wait_for(lambda: watch.records.keys() == LEAVING | STAYING, 60)

        with stack.aws.faults.fail("lambda", "cut", probability=0.3, where=is_disconnect) as lost:
            with stack.aws.faults.fail("dynamodb", "InternalServerError"):
                left_at = {}
                back_at = time.monotonic() + OUTAGE_SECONDS
                for client in leaving:
                    client.close()
                    left_at[client.name] = time.monotonic()
                watch.wait_for(lambda: time.monotonic() >= back_at, OUTAGE_SECONDS)
            assert settled(lambda: len(watch.records) <= len(STAYING) + lost.hits + stack.errors("disconnect") - errors_before)
        assert 40 <= lost.hits <= 80
        delivered = [watch.gone_at[name] - left_at[name] for name in LEAVING & watch.gone_at.keys()]
        record_property(f"time to truth, {len(delivered)} clients in a {OUTAGE_SECONDS} s outage of DynamoDB", spread(delivered))

        stack.age(watch.records.values(), SILENT_MS)  # the dead and the living alike
        asked_at = time.monotonic()
        stack.sweep()
        assert watch.wait_until_gone(LEAVING, 60)
        swept = [watch.gone_at[name] - asked_at for name in LEAVING if watch.gone_at[name] > asked_at]
        record_property(f"time to truth, {len(swept)} lost $disconnect, from the sweep that asks about them", spread(swept))

        assert watch.records.keys() == STAYING
        assert all(client.is_open() for client in staying)
        for client in staying:
            client.close()
        assert watch.wait_until_gone(STAYING)
    assert settled(lambda: stack.messages() == 0)
