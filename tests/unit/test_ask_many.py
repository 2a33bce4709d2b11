"""Many questions, several under way at a time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import TYPE_CHECKING

import pytest
from ask_many import HOPELESS, UNDER_WAY, Inquiry
from aws import Clients
from keep_pace import Rising

from tests.unit.fake_aws import Answer, error
from tests.unit.support import record

if TYPE_CHECKING:
    from record import Record

    from tests.unit.fake_aws import FakeAws, Request
    from tests.unit.support import Clock

THROTTLE, REFUSE = error(429, "LimitExceededException"), error(500, "InternalServerError")


def records(count: int) -> list[Record]:
    return [record(f"c{number}") for number in range(count)]


def ask(inquiry: Inquiry, count: int, within_s: float = 60) -> dict[str, str]:
    with ThreadPoolExecutor(UNDER_WAY) as pool:
        known = inquiry.ask(records(count), pool, time.monotonic() + within_s)
    assert len({record.connection_id for record, _ in known}) == len(known)
    return {record.connection_id: answer for record, answer in known}


def inquiry(per_second: float = 10_000) -> Inquiry:
    return Inquiry(Clients(timeout=5.0, attempts=1), Rising(per_second, per_second))


def test_each_is_asked_about_once_and_known_by_its_own_answer(aws: FakeAws) -> None:
    aws.gone = {"c7", "c30"}
    asking = inquiry()
    known = ask(asking, 40)
    assert known == {f"c{n}": "gone" if n in (7, 30) else "alive" for n in range(40)}
    assert asking.answers == {"alive": 38, "gone": 2}
    assert len(aws.requests) == 40


def test_as_many_are_under_way_as_there_may_be(aws: FakeAws) -> None:
    together = Barrier(UNDER_WAY, timeout=10)

    def meet(request: Request) -> None:
        together.wait()

    aws.on("GET @connections", meet)
    assert len(ask(inquiry(), 2 * UNDER_WAY)) == 2 * UNDER_WAY


def test_no_more_are_under_way(aws: FakeAws) -> None:
    lock, now, most = Lock(), 0, 0

    def count(request: Request) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1

    aws.on("GET @connections", count)
    ask(inquiry(), 4 * UNDER_WAY)
    assert most <= UNDER_WAY


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


def test_who_was_refused_is_not_asked_about_again(aws: FakeAws) -> None:
    aws.on("GET @connections", lambda request: REFUSE(request) if request.parameters["connectionId"] == "c3" else None)
    assert "c3" not in ask(inquiry(), 10)
    assert len(aws.requests) == 10


@pytest.mark.parametrize("refuse", [THROTTLE, REFUSE], ids=["429", "500"])
def test_an_endpoint_that_has_long_told_nothing_is_left_alone(refuse: type, aws: FakeAws, clock: Clock) -> None:
    told = [Answer(200, {})] * 3
    aws.on("GET @connections", lambda request: told.pop() if told else refuse(request))
    asking = inquiry()
    ask(asking, 100)
    assert asking.hopeless
    assert HOPELESS <= len(aws.requests) - 3 < HOPELESS + 2 * UNDER_WAY  # those that were under way at the last answer, and at the end


def test_refusals_between_answers_are_no_reason_to_stop(aws: FakeAws) -> None:
    aws.on("GET @connections", lambda request: REFUSE(request) if request.parameters["connectionId"][-1] in "13579" else None)
    assert len(ask(inquiry(), 100)) == 50


def test_nothing_is_asked_after_the_deadline(aws: FakeAws, clock: Clock) -> None:
    asked = len(ask(inquiry(per_second=10), 40, within_s=2))
    assert 18 <= asked == len(aws.requests) <= 21


def test_to_ask_about_nobody_is_to_know_nothing(aws: FakeAws) -> None:
    assert ask(inquiry(), 0) == {}
