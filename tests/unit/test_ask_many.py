"""Many questions, several under way at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from ask_many import LONGEST_THROTTLED_S, MOST_REFUSALS, UNDER_WAY, Inquiry
from aws import Clients
from keep_pace import Rising
from record import Record

from tests.faults.clock import InLine
from tests.unit.fake_aws import Answer, FakeAws, Request, error
from tests.unit.support import Clock, record

THROTTLE, REFUSE = error(429, "LimitExceededException"), error(500, "InternalServerError")


def inquiry(per_second: float = 10_000) -> Inquiry:
    return Inquiry(Clients(timeout=5.0, attempts=1), Rising(per_second, per_second))


def ask(
    inquiry: Inquiry,
    count: int,
    within_s: float = 60,
    if_gone: Callable[[Record], None] | None = None,
    pool: Any = ThreadPoolExecutor,
) -> dict[str, str]:
    records = [record(f"c{number}") for number in range(count)]
    with pool(2 * UNDER_WAY) as threads:
        known = inquiry.ask(records, threads, time.monotonic() + within_s, if_gone)
    assert len({found.connection_id for found, _ in known}) == len(known)
    return {found.connection_id: answer for found, answer in known}


def test_each_is_asked_about_once_and_known_by_its_own_answer(aws: FakeAws) -> None:
    aws.gone = {"c7", "c30"}
    asking = inquiry()
    known = ask(asking, 40)
    assert known == {f"c{n}": "gone" if n in (7, 30) else "alive" for n in range(40)}
    assert asking.answers == {"alive": 38, "gone": 2}
    assert len(aws.requests) == 40


def test_who_met_a_429_is_asked_about_again(aws: FakeAws, clock: Clock) -> None:
    refused: set[str] = set()

    def once(request: Request) -> Answer | None:
        name = request.parameters["connectionId"]
        if name in ("c3", "c8") and name not in refused:
            refused.add(name)
            return THROTTLE(request)
        return None

    aws.on("GET @connections", once)
    asking = inquiry()
    assert len(ask(asking, 10)) == 10
    assert asking.answers == {"alive": 10, "throttled": 2}
    assert "LimitExceeded" in asking.refusal


def test_refusals_between_answers_are_no_reason_to_stop(aws: FakeAws) -> None:
    aws.on("GET @connections", lambda request: REFUSE(request) if request.parameters["connectionId"][-1] in "13579" else None)
    assert ask(inquiry(), 100) == {f"c{n}": "refused" if n % 2 else "alive" for n in range(100)}
    assert len(aws.requests) == 100  # who was refused is not asked about again


def test_an_endpoint_that_refuses_again_and_again_is_given_up(aws: FakeAws, clock: Clock) -> None:
    answers = [Answer(200, {})] * 3
    aws.on("GET @connections", lambda request: answers.pop() if answers else REFUSE(request))
    asking = inquiry()
    known = ask(asking, 100)
    assert asking.given_up
    assert MOST_REFUSALS <= len(aws.requests) - 3 < MOST_REFUSALS + 2 * UNDER_WAY  # those under way at the last answer, and at the end
    assert Counter(known.values()) == {"alive": 3, "refused": len(aws.requests) - 3, "unasked": 100 - len(aws.requests)}


@pytest.mark.parametrize(("throttled_s", "given_up"), [(LONGEST_THROTTLED_S - 5, False), (LONGEST_THROTTLED_S + 5, True)])
def test_429_is_judged_by_how_long_nothing_else_comes(throttled_s: float, given_up: bool, aws: FakeAws, clock: Clock) -> None:
    """However many of them there are: all that is under way when the quota is used up gets one."""
    over = clock.monotonic() + throttled_s
    aws.on("GET @connections", lambda request: THROTTLE(request) if clock.monotonic() < over else None)
    asking = inquiry()
    known = ask(asking, 100, within_s=900, pool=InLine)
    assert asking.given_up is given_up
    assert asking.answers["throttled"] > MOST_REFUSALS
    assert set(known.values()) == {"unasked" if given_up else "alive"}


def test_a_429_now_and_then_is_no_reason_to_stop(aws: FakeAws, clock: Clock) -> None:
    aws.on("GET @connections", lambda request: THROTTLE(request) if len(aws.requests) % 5 == 0 else None)
    asking = inquiry()
    assert set(ask(asking, 300, within_s=900, pool=InLine).values()) == {"alive"}
    assert sum(clock.slept) > 2 * LONGEST_THROTTLED_S


def test_nothing_is_asked_after_the_deadline(aws: FakeAws, clock: Clock) -> None:
    known = ask(inquiry(per_second=10), 40, within_s=2)
    assert 18 <= Counter(known.values())["alive"] == len(aws.requests) <= 21
    assert Counter(known.values())["unasked"] == 40 - len(aws.requests)


def test_a_429_without_time_to_repeat_is_unasked(aws: FakeAws, clock: Clock) -> None:
    aws.on("GET @connections", THROTTLE)
    assert ask(inquiry(), 3, within_s=0.5) == dict.fromkeys(["c0", "c1", "c2"], "unasked")


def test_so_many_at_a_time_are_asked_about_and_handled(aws: FakeAws) -> None:
    """Who is gone is handled before the next question. Else as many removals as there are answers would be under way."""
    aws.gone = {f"c{n}" for n in range(40)}
    asked: list[int] = []
    together = Barrier(UNDER_WAY, action=lambda: asked.append(len(aws.requests)), timeout=10)

    def meet(record: Record) -> None:
        together.wait()

    ask(inquiry(), 2 * UNDER_WAY, if_gone=meet)
    assert asked == [UNDER_WAY, 2 * UNDER_WAY]
