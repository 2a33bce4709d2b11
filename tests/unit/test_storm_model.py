"""The model of a storm agrees with what can be worked out by hand, and with Erlang's formula."""

from __future__ import annotations

import random
from itertools import accumulate

import pytest

from bench.storm_model import NEW_TABLE, Function, Queue, evenly, lost, true_again_s, true_by_queue_s


def erlang_b(servers: int, load: float) -> float:
    """The share that a loss system of so many servers turns away, whatever the distribution of the service's duration."""
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


@pytest.mark.parametrize(("environments", "load"), [(1, 0.5), (40, 50.0)])
def test_events_at_random_are_lost_as_erlang_says(environments: int, load: float) -> None:
    source = random.Random(4711)
    arrivals = accumulate(source.expovariate(load) for _ in range(50_000))
    share = lost(arrivals, Function(cold=1.0, warm=1.0), environments, warm=environments) / 50_000
    assert share == pytest.approx(erlang_b(environments, load), abs=0.01)


@pytest.mark.parametrize(
    ("events", "cold", "warm", "concurrency", "expected"),
    [
        ([0.0, 1.0, 1.05, 1.1], 1.0, 0.1, 1, 1),  # the third: a started environment serves the next event warm
        ([0.0] * 1500 + [1.0] * 150, 10.0, 0.1, 3000, 550),  # environments start at the rate that Lambda allows
        ([*evenly(100, 2)], 0.001, 0.001, 1, 80),  # a concurrency of one takes ten requests a second
    ],
)
def test_what_exceeds_the_environments_is_lost(events: list[float], cold: float, warm: float, concurrency: int, expected: int) -> None:
    assert lost(events, Function(cold=cold, warm=warm), concurrency) == expected


def test_what_was_lost_is_asked_about_twice_after_the_alarm() -> None:
    assert true_again_s(310) == 180 + 45 + 2 * 5  # 10 + 20 + 40 + 80 + 160 in five seconds: the rate doubles each second
    assert true_again_s(10_000_000) == 7_800  # no storm outlives expiry


def test_a_queue_works_off_what_its_batches_and_the_table_take() -> None:
    """Five at a time remove 500 a second, and each second five more come: in two seconds 500·2 + 2.5·100·2² = 2,000."""
    assert true_by_queue_s(2_000, 0.05, 0, 0.01, Queue(batches=1000, writes_per_s=1e9)) == pytest.approx(2.0, abs=0.1)
    throttled_for_a_minute = Queue(batches=5, writes_per_s=250)
    assert true_by_queue_s(1_000, 0.05, 0, 0.01, throttled_for_a_minute) == pytest.approx(60 + 2, abs=0.1)
    assert true_by_queue_s(10_000, 60, 0.2, 0.01, NEW_TABLE) < 0.1  # slower than the queue
