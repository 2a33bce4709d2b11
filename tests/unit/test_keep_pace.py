"""How fast API Gateway is asked: by who has many questions, and by who asks in passing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from unittest.mock import Mock

import keep_pace
import pytest
from keep_pace import Rising, Steady

from tests.unit.support import Clock

PROMPTLY, SLOWLY = 0.03, 0.6


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that only sleeping moves."""
    simulated = Clock(1_000.0)
    monkeypatch.setattr(keep_pace, "time", simulated)
    return simulated


def asked_for(pace: Rising, time: Clock, seconds: float, answer: str = "alive", took_s: float = PROMPTLY) -> list[float]:
    """When something was asked (s from now), by somebody who asks whenever it is their turn and always hears the same."""
    began, turns = time.now, []
    while pace.turn(began + seconds):
        turns.append(time.now - began)
        pace.heard(answer, took_s)
    return turns


def per_second(turns: list[float]) -> list[int]:
    return [sum(second <= turn < second + 1 for turn in turns) for second in range(int(turns[-1]))]


def gaps(turns: list[float]) -> list[float]:
    return [round(later - earlier, 6) for earlier, later in pairwise(turns)]


def test_the_rate_doubles_each_second_up_to_the_limit(time: Clock) -> None:
    pace = Rising(10, 300)
    turns = asked_for(pace, time, 12)
    assert per_second(turns)[:5] == pytest.approx([10, 20, 40, 80, 160], rel=0.1)
    assert per_second(turns)[-1] == pytest.approx(300, abs=1)
    assert min(gaps(turns)) == pytest.approx(1 / 300, abs=1e-5)
    assert pace.highest == 300


@pytest.mark.parametrize(("answer", "took_s"), [("alive", SLOWLY), ("gone", SLOWLY), ("refused", PROMPTLY)])
def test_slow_or_useless_answers_do_not_raise_the_rate(answer: str, took_s: float, time: Clock) -> None:
    pace = Rising(10, 300)
    asked_for(pace, time, 10, answer, took_s)
    assert pace.highest == 10


def test_a_slow_answer_now_and_then_begins_the_second_anew(time: Clock) -> None:
    pace = Rising(10, 300)
    for _ in range(5):
        for took_s in [PROMPTLY] * 9 + [SLOWLY]:
            pace.heard("alive", took_s)
    asked_for(pace, time, 0.05)
    assert pace.highest == 10


@pytest.mark.parametrize(("first", "refusals"), [(300, 1), (80, 16)])
def test_a_429_pauses_and_halves_the_rate_until_it_rises_again(first: float, refusals: int, time: Clock) -> None:
    """What was under way at a 429 is the same refusal."""
    pace = Rising(first, 300)
    for _ in range(refusals):
        pace.heard("throttled", PROMPTLY)
    turns = asked_for(pace, time, 8)
    assert 1.0 <= turns[0] < 1.01
    assert gaps(turns)[0] == pytest.approx(2 / first, abs=1e-5)
    assert per_second(turns)[-1] == pytest.approx(300, abs=1)


def test_an_endpoint_that_only_says_429_is_asked_once_a_second(time: Clock) -> None:
    pace = Rising(10, 300)
    assert set(gaps(asked_for(pace, time, 60, "throttled"))) == {1.0}
    assert asked_for(pace, time, 5)[1] <= 2  # the rate that is left


def test_a_wait_beyond_the_deadline_fails_at_once(time: Clock) -> None:
    pace = Rising(0.1, 0.1)
    assert pace.turn(time.now + 1)
    before = time.now
    assert not pace.turn(before + 5)
    assert time.now == before


def test_a_rate_below_one_a_second_is_kept(time: Clock) -> None:
    assert len(asked_for(Rising(0.2, 0.2), time, 60)) == 12


@pytest.mark.parametrize("ask", [Steady.ask, Steady.disconnect])
def test_steady_asks_nothing_for_half_a_minute_after_a_429(ask: Callable[..., object], time: Clock) -> None:
    probe = Mock(refusal="why", **{"ask.return_value": "throttled", "disconnect.return_value": "throttled"})
    pace = Steady(probe)
    ask(pace, "a")
    assert [pace.ask("b"), pace.disconnect("c")] == ["throttled", False]
    assert (len(probe.method_calls), pace.refusal) == (1, "why")
    time.sleep(30)
    probe.ask.return_value = "alive"
    assert pace.ask("c") == "alive"


@pytest.mark.parametrize(("answer", "closed"), [("alive", True), ("gone", True), ("refused", False), ("throttled", False)])
def test_a_socket_is_closed_when_it_was_open_or_is_gone(answer: str, closed: bool, time: Clock) -> None:
    assert Steady(Mock(**{"disconnect.return_value": answer})).disconnect("c") is closed
