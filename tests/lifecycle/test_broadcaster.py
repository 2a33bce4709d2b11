"""examples/broadcaster beside an environment: whoever posts to connections learns first which are gone, and the table soon after."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.provider import kept_provider
from tools import demo
from tools.acts import failures, sweeping
from tools.acts.trial import Trial
from tools.clients import open_clients
from tools.deployment import Watch
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("lifecycle")

LIVES, DEAD = "lives-0", [f"gone-{i}" for i in range(4)]


@pytest.fixture(scope="module")
def stack(applied: dict[str, Stack]) -> Iterator[Stack]:
    stack = applied["staging"]
    broadcaster = stack.broadcaster()
    broadcaster.init()
    with kept_provider(broadcaster):
        broadcaster.apply()
        assert broadcaster.plan() == ""
        yield stack
        broadcaster.destroy()


@pytest.fixture
def watch(stack: Stack) -> Iterator[Watch]:
    """Of a table with one who lives and some whose `$disconnect` was lost, all old enough for a report."""
    stack.clear()
    failures.lose(Trial(stack), "gone", len(DEAD))
    [lives] = open_clients(stack.url, [LIVES])
    with Watch(stack) as watch:
        assert watch.wait_until_there([LIVES, *DEAD])
        stack.age(watch.records.values(), sweeping.A_WHILE_MS)
        yield watch
        lives.close()
        assert watch.wait_until_gone([LIVES])
    stack.clear()


def test_the_demos_acts_hold(stack: Stack) -> None:
    """`make demo`, on a stack that is there."""
    stack.clear()
    trial = Trial(stack, each=2)
    trial.take(demo.acts(stack, each=2))
    assert trial.broken == []
    assert {"fast path", "queued", "lost", "expired", "probe", "reported"} <= trial.verdicts.keys()


def test_without_ids_the_whole_table_is_posted_to(stack: Stack, watch: Watch) -> None:
    assert stack.broadcast(message="hello") == {"sent": 1, "gone": len(DEAD), "failed": 0}
    assert watch.wait_until_gone(DEAD)
    assert stack.broadcast(message="hello again") == {"sent": 1, "gone": 0, "failed": 0}


def test_no_report_removes_a_living_connection(stack: Stack, watch: Watch) -> None:
    ids = watch.ids([LIVES, *DEAD])
    ended = {"connectionId": ids[LIVES], "cause": "client_closed", "endedAt": int(time.time() * 1000)}
    dead = {"gone": {"connectionId": ids[DEAD[0]]}}
    for message in ({"gone": {"connectionId": ids[LIVES]}}, {"close": {"ended": ended}}, {"gone": {"connectionId": "never"}}, dead, dead):
        stack.send(stack.report_queue, {"version": 1, **message})
    assert watch.wait_until_gone(DEAD[:1])
    assert watch.wait_for(lambda: stack.messages(stack.report_queue) == 0, 60)
    assert watch.records.keys() == {LIVES, *DEAD[1:]}
    assert stack.messages(stack.dead_letters) == 0


def test_a_sender_reports_only_with_the_modules_policy(stack: Stack, watch: Watch) -> None:
    with stack.without_statement(f"{stack.name}-broadcast", "ReportGone", "report-gone"):
        assert stack.broadcast(message="hello")["gone"] == len(DEAD)
    assert stack.messages(stack.report_queue) == 0
    assert watch.records.keys() == {LIVES, *DEAD}
