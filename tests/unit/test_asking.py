"""Asking API Gateway who is still connected: what its answers say, several questions at a time, and how fast."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier
from typing import Any
from unittest.mock import Mock

import pytest
from ask_gateway import Probe
from ask_many import LONGEST_THROTTLED_S, MOST_REFUSALS, UNDER_WAY, Inquiry
from aws import Clients
from keep_pace import Rising, Steady
from record import Record

from bench.dynamodb import CLOSE, RESET, answer
from tests.faults.clock import InLine
from tests.unit.fake_aws import Answer, FakeAws, error
from tests.unit.fast_delete_server import HANG, Server
from tests.unit.support import Clock, record

# One question

OK = answer(b"{}")
VERDICTS = [
    (200, "none", "alive"),
    (410, "GoneException", "gone"),
    (403, "ForbiddenException", "refused"),
    (404, "NotFoundException", "refused"),
    (429, "LimitExceededException", "throttled"),
    (500, "InternalServerErrorException", "refused"),
    (503, "ServiceUnavailable", "refused"),
]


def asker(timeout: float = 2.0) -> Probe:
    return Probe(Clients(timeout=timeout, attempts=3))


@pytest.mark.parametrize("operation", ["GET", "DELETE"])
@pytest.mark.parametrize(("status", "code", "verdict"), VERDICTS)
def test_an_answer_is_a_verdict_and_is_asked_for_once(operation: str, status: int, code: str, verdict: str, aws: FakeAws) -> None:
    if status != 200:
        aws.on(f"{operation} @connections", error(status, code))
    probe = asker()
    ask = {"GET": probe.ask, "DELETE": probe.disconnect}[operation]
    assert ask("c=") == verdict
    assert [(request.operation, request.parameters["connectionId"]) for request in aws.requests] == [(f"{operation} @connections", "c=")]
    assert (code in probe.refusal) is bool(probe.refusal) is (verdict not in ("alive", "gone"))


@pytest.mark.parametrize("ends", [CLOSE, RESET])
@pytest.mark.parametrize("ask", [Probe.ask, Probe.disconnect])
def test_a_broken_kept_connection_repeats_the_question(ask: Callable[..., str], ends: str, endpoint: Server) -> None:
    """As the first one is that comes after Lambda had the environment frozen."""
    endpoint.answers = [OK, ends, OK]
    probe = asker()
    assert [ask(probe, "c"), ask(probe, "c")] == ["alive", "alive"]
    assert (len(endpoint.requests), endpoint.connections) == (3, 2)


@pytest.mark.parametrize(("answers", "refusal"), [([HANG], "Timeout"), ([CLOSE, CLOSE], "Closed")], ids=["hangs", "breaks again"])
def test_a_question_without_an_answer_is_a_refusal(answers: list[str], refusal: str, endpoint: Server) -> None:
    endpoint.answers = [*answers]
    probe = asker(timeout=0.5)
    assert probe.ask("c") == "refused"
    assert refusal in probe.refusal
    assert len(endpoint.requests) == len(answers)


def test_one_broken_connection_closes_all_kept_ones(endpoint: Server) -> None:
    probe = asker()

    def two_at_once() -> None:
        both = Barrier(2)
        endpoint.answers += [[both, OK], [both, OK]]
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(probe.ask, "cd")) == ["alive", "alive"]

    two_at_once()
    endpoint.answers += [CLOSE, OK]
    assert probe.ask("c") == "alive"
    two_at_once()
    assert endpoint.connections == 2 + 2


# Many questions, several at a time

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


def test_so_many_at_a_time_are_asked_about_and_handled(aws: FakeAws) -> None:
    """Who is gone is handled before the next question. Else as many removals as there are answers would be under way."""
    aws.gone = {f"c{n}" for n in range(40)}
    asked: list[int] = []
    together = Barrier(UNDER_WAY, action=lambda: asked.append(len(aws.requests)), timeout=10)

    def meet(record: Record) -> None:
        together.wait()

    ask(inquiry(), 2 * UNDER_WAY, if_gone=meet)
    assert asked == [UNDER_WAY, 2 * UNDER_WAY]


# How fast

PROMPTLY, SLOWLY = 0.03, 0.6


def asked_for(pace: Rising, clock: Clock, seconds: float, answer: str = "alive", took_s: float = PROMPTLY) -> list[float]:
    """When something was asked (s from now), by somebody who asks whenever it is their turn and always hears the same."""
    began, turns = clock.now, []
    while pace.turn(began + seconds):
        turns.append(clock.now - began)
        pace.heard(answer, took_s)
    return turns


def per_second(turns: list[float]) -> list[int]:
    return [sum(second <= turn < second + 1 for turn in turns) for second in range(int(turns[-1]))]


def gaps(turns: list[float]) -> list[float]:
    return [round(later - earlier, 6) for earlier, later in pairwise(turns)]


def test_the_rate_doubles_each_second_up_to_the_limit(clock: Clock) -> None:
    pace = Rising(10, 300)
    turns = asked_for(pace, clock, 12)
    assert per_second(turns)[:5] == pytest.approx([10, 20, 40, 80, 160], rel=0.1)
    assert per_second(turns)[-1] == pytest.approx(300, abs=1)
    assert min(gaps(turns)) == pytest.approx(1 / 300, abs=1e-5)
    assert pace.highest == 300


@pytest.mark.parametrize(("answer", "took_s"), [("alive", SLOWLY), ("gone", SLOWLY), ("refused", PROMPTLY)])
def test_slow_or_useless_answers_do_not_raise_the_rate(answer: str, took_s: float, clock: Clock) -> None:
    pace = Rising(10, 300)
    asked_for(pace, clock, 10, answer, took_s)
    assert pace.highest == 10


def test_a_slow_answer_now_and_then_begins_the_second_anew(clock: Clock) -> None:
    pace = Rising(10, 300)
    for _ in range(5):
        for took_s in [PROMPTLY] * 9 + [SLOWLY]:
            pace.heard("alive", took_s)
    asked_for(pace, clock, 0.05)
    assert pace.highest == 10


@pytest.mark.parametrize(("first", "refusals"), [(300, 1), (80, 16)])
def test_a_429_pauses_and_halves_the_rate_until_it_rises_again(first: float, refusals: int, clock: Clock) -> None:
    """What was under way at a 429 is the same refusal."""
    pace = Rising(first, 300)
    for _ in range(refusals):
        pace.heard("throttled", PROMPTLY)
    turns = asked_for(pace, clock, 8)
    assert 1.0 <= turns[0] < 1.01
    assert gaps(turns)[0] == pytest.approx(2 / first, abs=1e-5)
    assert per_second(turns)[-1] == pytest.approx(300, abs=1)


def test_an_endpoint_that_only_says_429_is_asked_once_a_second(clock: Clock) -> None:
    pace = Rising(10, 300)
    assert set(gaps(asked_for(pace, clock, 60, "throttled"))) == {1.0}
    assert asked_for(pace, clock, 5)[1] <= 2  # the rate that is left


def test_a_wait_beyond_the_deadline_fails_at_once(clock: Clock) -> None:
    pace = Rising(0.1, 0.1)
    assert pace.turn(clock.now + 1)
    before = clock.now
    assert not pace.turn(before + 5)
    assert clock.now == before


def test_a_rate_below_one_a_second_is_kept(clock: Clock) -> None:
    assert len(asked_for(Rising(0.2, 0.2), clock, 60)) == 12


@pytest.mark.parametrize("ask", [Steady.ask, Steady.disconnect])
def test_steady_asks_nothing_for_half_a_minute_after_a_429(ask: Callable[..., object], clock: Clock) -> None:
    probe = Mock(refusal="why", **{"ask.return_value": "throttled", "disconnect.return_value": "throttled"})
    pace = Steady(probe)
    ask(pace, "a")
    assert [pace.ask("b"), pace.disconnect("c")] == ["throttled", False]
    assert (len(probe.method_calls), pace.refusal) == (1, "why")
    clock.sleep(30)
    probe.ask.return_value = "alive"
    assert pace.ask("c") == "alive"


@pytest.mark.parametrize(("answer", "closed"), [("alive", True), ("gone", True), ("refused", False), ("throttled", False)])
def test_a_socket_is_closed_when_it_was_open_or_is_gone(answer: str, closed: bool, clock: Clock) -> None:
    assert Steady(Mock(**{"disconnect.return_value": answer})).disconnect("c") is closed
