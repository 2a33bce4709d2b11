"""The model of a storm agrees with what can be worked out by hand, and with Erlang's formula."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from bench.storm_model import NEW_TABLE, Function, Queue, asking_s, evenly, lost, true_again_s, true_by_queue_s


def erlang_b(servers: int, load: float) -> float:
    """The share that a loss system of so many servers turns away, whatever the distribution of the service's duration."""
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def at_random(number: int, per_s: float) -> Iterator[float]:
    source, now = random.Random(4711), 0.0
    for _ in range(number):
        now += source.expovariate(per_s)
        yield now


@pytest.mark.parametrize(("environments", "load"), [(1, 0.5), (10, 8.0), (40, 50.0)])
def test_events_at_random_are_lost_as_erlang_says(environments: int, load: float) -> None:
    share = lost(at_random(50_000, load), Function(cold=1.0, warm=1.0), environments, warm=environments) / 50_000
    assert share == pytest.approx(erlang_b(environments, load), abs=0.01)


@pytest.mark.parametrize(
    ("events", "cold", "warm", "concurrency", "expected"),
    [
        ([0.0, 0.0, 0.0], 1.0, 0.1, 2, 1),  # finds every environment busy
        ([0.0, 1.0, 1.05, 1.1], 1.0, 0.1, 1, 1),  # the third: a started environment serves the next event warm
        ([0.0] * 1500, 10.0, 0.1, 3000, 500),  # environments start at the rate that Lambda allows
        ([0.0] * 1500 + [1.0] * 150, 10.0, 0.1, 3000, 550),
        ([*evenly(100, 2)], 0.001, 0.001, 1, 80),  # a concurrency of one takes ten requests a second
    ],
)
def test_what_exceeds_the_environments_is_lost(events: list[float], cold: float, warm: float, concurrency: int, expected: int) -> None:
    assert lost(events, Function(cold=cold, warm=warm), concurrency) == expected


@pytest.mark.parametrize(("questions", "seconds"), [(10, 1), (10 + 20 + 40 + 80 + 160, 5), (10 + 20 + 40 + 80 + 160 + 300, 6)])
def test_a_sweep_asks_at_a_rate_that_doubles_up_to_its_highest(questions: int, seconds: float) -> None:
    assert asking_s(questions) == seconds


def test_what_was_lost_is_asked_about_twice_after_the_alarm() -> None:
    assert true_again_s(310) == 180 + 45 + 2 * 5
    assert true_again_s(10_310) == 180 + asking_s(10_000) + 45 + asking_s(10_000 + 310) + 45 + asking_s(310)
    assert true_again_s(0) == 0
    assert true_again_s(10_000_000) == 7_800  # no storm outlives expiry


def test_a_queue_works_off_what_its_batches_take() -> None:
    """Five at a time remove 500 a second, and each second five more come: in two seconds 500·2 + 2.5·100·2² = 2,000."""
    slow = Queue(batches=1000, writes_per_s=1e9)
    assert true_by_queue_s(2_000, 0.05, 0, 0.01, slow) == pytest.approx(2.0, abs=0.1)
    assert true_by_queue_s(100_000, 0.05, 0, 0.01, slow._replace(batches=5)) == pytest.approx(200, abs=1)


def test_what_the_table_throttles_comes_back_a_minute_later() -> None:
    half = Queue(batches=5, writes_per_s=250)
    assert true_by_queue_s(1_000, 0.05, 0, 0.01, half) == pytest.approx(60 + 2, abs=0.1)


def test_a_storm_slower_than_the_queue_shows_at_most_a_moment() -> None:
    assert true_by_queue_s(10_000, 60, 0.2, 0.01, NEW_TABLE) < 0.1
