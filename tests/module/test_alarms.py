"""Who is paged, by simulation: the alarms as Terraform plans them, fed with what the functions publish when things go well or wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import takewhile
from typing import Any

import pytest

from .alarms import ALARM, MINUTE, OK, UNKNOWN, Metrics, Simulation, attempts, judge
from .calls import TOPIC
from .conftest import Plans

HOUR, DAY = 3600, 86400
LONG = 8 * HOUR
PERIODS = {"swept_often": 5 * MINUTE, "swept_daily": DAY}
TIMEOUTS = {"timeout_60": 60, "swept_daily": 900}

pytestmark = pytest.mark.xdist_group("plans")  # to plan once


@pytest.fixture(scope="module", params=[0, 5], ids="looks {} data points further back".format)
def simulation(request: pytest.FixtureRequest, known: Plans) -> Simulation:
    """AWS doesn't say how far an alarm looks back when data is missing, so what holds must hold however far."""
    return Simulation.of(known["swept_often"], extra=request.param)


# What CloudWatch's user guide gives as examples: "How alarm state is evaluated when data is missing". 0 within, X beyond, - missing.
@pytest.mark.parametrize(
    ("points", "needed", "ignore", "breaching", "not_breaching"),
    [
        ("0-X-X", 3, OK, OK, OK),
        ("0----", 3, OK, OK, OK),
        ("-----", 3, UNKNOWN, ALARM, OK),
        ("0XX-X", 3, ALARM, ALARM, ALARM),
        ("--X--", 3, UNKNOWN, ALARM, OK),
        ("0-X-X", 2, ALARM, ALARM, ALARM),
        ("00X0X", 2, ALARM, ALARM, ALARM),
        ("0-X--", 2, OK, ALARM, OK),
        ("----0", 2, OK, ALARM, OK),
        ("---X-", 2, UNKNOWN, ALARM, OK),
    ],
)
def test_the_simulation_does_as_aws_documents(points: str, needed: int, ignore: str, breaching: str, not_breaching: str) -> None:
    breaches = [{"0": False, "X": True, "-": None}[point] for point in points]
    for missing, expected in (("ignore", ignore), ("breaching", breaching), ("notBreaching", not_breaching)):
        alarm = {"evaluation_periods": 3, "datapoints_to_alarm": needed, "treat_missing_data": missing}
        assert judge(breaches, alarm, UNKNOWN) == expected, missing


# What is published.


def swept(
    metrics: Metrics, period: int, until: float, start: float = 0, took: float = 30, segments: tuple[int, ...] = (0, 1), **values: float
) -> Metrics:
    """What sweeps publish when nothing is wrong, but for `values`. The Scheduler is precise to a minute."""
    usual = {"RemovedExpired": 0, "RemovedGone": 0, "SweepFailures": 0, "Silent": 0, "ForeignRecords": 0, "Undated": 0, "Unproven": 0}
    for tick in range(int(start), int(until), period):
        for segment in segments:
            at = tick + random.uniform(0, 60) + took
            for name, value in {**usual, **values}.items():
                metrics.put(at, name, value)
            metrics.put(at, "ActiveConnections", 100, segment=str(segment))
    return metrics


def invoked(metrics: Metrics, at: float, times: int = 1, logged: float | None = 0) -> None:
    """The disconnect function, by events of this minute; its lines come so late (s) or not at all."""
    metrics.put(at, "Invocations", times, "AWS/Lambda", late=0 if logged == 0 else 30, FunctionName="chat-disconnect")
    if logged is not None:
        metrics.put(at, "IncomingLogEvents", times, "AWS/Logs", late=logged, LogGroupName="/aws/lambda/chat-disconnect")


def disconnected(metrics: Metrics, per_minute: int, until: float) -> Metrics:
    """What Lambda publishes of the function behind `$disconnect`."""
    for at in range(0, int(until), MINUTE):
        invoked(metrics, at, per_minute)
        for name in ("Errors", "Throttles"):
            metrics.put(at, name, 0, "AWS/Lambda", FunctionName="chat-disconnect")
    return metrics


def calm(until: float = LONG, per_minute: int = 10) -> Metrics:
    return disconnected(swept(Metrics(), 300, until), per_minute, until)


def failing(metrics: Metrics, sent: float, until: float, spread: Callable[[], float]) -> Metrics:
    """A message that fails until then."""
    for age in takewhile(lambda age: sent + age < until, attempts(spread, held_up=lambda: random.uniform(0, 60))):
        metrics.put(sent + age, "RetryAge", int(age))
        metrics.put(sent + age, "Failures", 1)
        metrics.put(sent + age, "Failures", 1, step="retry")
    return metrics


SPREADS: dict[str, Callable[[], float]] = {
    "the shortest waits": lambda: 0.5,
    "the longest waits": lambda: 1.0,
    "waits as they come": lambda: random.uniform(0.5, 1.0),
}


def failures_that_pass() -> Metrics:
    """Every quarter of an hour something fails for as long as half a minute."""
    metrics = calm()
    for sent in range(0, LONG, 900):
        metrics.put(sent, "Failures", 1, step="close")
        failing(metrics, sent, until=sent + random.uniform(1, 30), spread=SPREADS["waits as they come"])
    return metrics


def in_queue(queue: str, name: str, value: Callable[[int], float]) -> Metrics:
    """A calm time, and from the second hour on this value of a queue at each time."""
    metrics = calm()
    for at in range(HOUR, LONG, MINUTE):
        metrics.put(at, name, value(at), "AWS/SQS", QueueName=queue)
    return metrics


def oldest(queue: str, age: Callable[[int], float]) -> Metrics:
    return in_queue(queue, "ApproximateAgeOfOldestMessage", age)


def only_by_the_queue(minutes_between: float) -> Metrics:
    """Removals that fail at first, from the second hour on."""
    metrics = swept(Metrics(), 300, LONG)
    for number in range(int(LONG / minutes_between / MINUTE)):
        at = number * minutes_between * MINUTE
        invoked(metrics, at)
        if at > HOUR:
            metrics.put(at, "Failures", 1, step="close")
    return metrics


def once(metric: str, **where: Any) -> Metrics:
    metrics = calm()
    metrics.put(HOUR, metric, 1, **where)
    return metrics


def one_segment(**values: float) -> Metrics:
    return swept(calm(), 300, LONG, start=HOUR, took=150, segments=(1,), **values)


def sweeps_that_fail() -> Metrics:
    metrics = disconnected(swept(Metrics(), 300, HOUR), 10, LONG)
    for at in range(HOUR, LONG, 300):
        metrics.failed("chat-cleanup", at, took=1)
        metrics.put(at, "Failures", 1, step="sweep")
    return metrics


def lines_late(seconds: float | None) -> Metrics:
    metrics = swept(Metrics(), 300, LONG)
    for at in range(HOUR, LONG, MINUTE):
        invoked(metrics, at, 10, seconds)
    return metrics


def missed(per_hour: int, arrived_per_minute: int) -> Metrics:
    """Connections that the sweep removes. Without any event, the function has no metric at all."""
    metrics = calm(LONG, arrived_per_minute) if arrived_per_minute else swept(Metrics(), 300, LONG)
    for at in range(HOUR, LONG, HOUR):
        metrics.put(at + 300, "RemovedExpired", per_hour // 2)
        metrics.put(at + 600, "RemovedGone", per_hour - per_hour // 2)
    return metrics


QUIET: dict[str, Callable[[], Metrics]] = {
    "a calm time": calm,
    "no connection at all": lambda: swept(Metrics(), 300, LONG),
    "failures that pass": failures_that_pass,
    "a probe that is refused now and then": lambda: swept(calm(), 300, LONG, segments=(1,), ProbesRefused=5),
    "records that one sweep could not remove": lambda: swept(calm(), 300, HOUR + 1, start=HOUR, segments=(1,), SweepFailures=3),
    # An announcement waits for a quarter of an hour, the batch before it takes its time.
    "messages that are delayed": lambda: oldest("chat-retry", lambda at: at % 1140),
    "lines that are a minute late": lambda: lines_late(60),
    "lines that are four minutes late": lambda: lines_late(240),
    "one in sixteen endings missed": lambda: missed(40, 10),
    "too few to tell": lambda: missed(9, 0),
}


@pytest.mark.parametrize("metrics", QUIET.values(), ids=QUIET)
def test_nobody_is_paged(metrics: Callable[[], Metrics], simulation: Simulation) -> None:
    assert simulation.run(metrics(), LONG) == []


# What begins with the second hour, the one alarm that pages, and within how many minutes.
PAGING: list[tuple[Callable[[], Metrics], str, int]] = [
    (lambda: only_by_the_queue(0.1), "chat-falling-back", 60),
    (lambda: only_by_the_queue(10), "chat-falling-back", 60),
    (lambda: once("Errors", namespace="AWS/Lambda", FunctionName="chat-disconnect"), "chat-disconnect-errors", 10),
    (lambda: once("Throttles", namespace="AWS/Lambda", FunctionName="chat-disconnect"), "chat-disconnect-throttles", 10),
    (lambda: once("FastPathOff"), "chat-fast-path-off", 10),
    (lambda: in_queue("chat-retry-dead-letter", "ApproximateNumberOfMessagesVisible", lambda _: 1), "chat-dead-letters", 10),
    (lambda: one_segment(ProbesRefused=100), "chat-probes-refused", 30),  # a permanent 403
    (lambda: one_segment(SweepFailures=3), "chat-sweep-failures", 30),
    (lambda: one_segment(ForeignRecords=3), "chat-foreign-records", 15),
    (lambda: one_segment(Undated=3), "chat-undated-records", 15),
    (lambda: one_segment(Unproven=3), "chat-unproven", 20),
    (sweeps_that_fail, "chat-cleanup-errors", 15),
    (lambda: oldest("chat-retry", lambda at: at - HOUR), "chat-retries-waiting", 40),
    (lambda: oldest("chat-reports", lambda at: at - HOUR), "chat-reports-waiting", 40),
    (lambda: lines_late(None), "chat-unlogged", 60),
    (lambda: missed(12, 0), "chat-missed", 120),  # a stage that was never deployed
    (lambda: missed(100, 10), "chat-missed", 120),  # one in seven
]


@pytest.mark.parametrize(("metrics", "alarm", "within_min"), PAGING)
def test_one_alarm_pages_once(metrics: Callable[[], Metrics], alarm: str, within_min: int, simulation: Simulation) -> None:
    [(when, name)] = simulation.run(metrics(), 6 * HOUR)
    assert name == alarm
    assert HOUR < when <= HOUR + within_min * MINUTE


def test_failing_sweeps_page_once_with_the_shortest_timeout(known: Plans) -> None:
    """The schedule is precise to a minute, so some periods of the alarm contain no sweep, only other work that succeeds."""
    metrics = calm()
    for at in range(0, LONG, MINUTE):
        metrics.put(at, "Errors", 0, "AWS/Lambda", FunctionName="chat-cleanup")
    for number, at in enumerate(range(HOUR + 270, LONG, 300)):
        metrics.failed("chat-cleanup", at + 59 * (number % 2), took=1)
    [(_, name)] = Simulation.of(known["timeout_60"]).only("chat-cleanup-errors").run(metrics, LONG)
    assert name == "chat-cleanup-errors"


@pytest.mark.parametrize("spread", SPREADS.values(), ids=SPREADS)
def test_a_message_that_always_fails_pages_once(spread: Callable[[], float], simulation: Simulation) -> None:
    metrics = failing(calm(), sent=HOUR, until=LONG, spread=spread)
    [(when, name)] = simulation.run(metrics, LONG)
    assert name == "chat-failing"
    assert HOUR + 900 < when < HOUR + 2400
    for phase in range(minutes := simulation.alarms[name]["period"] // MINUTE):
        [_] = simulation.only(name).run(metrics, LONG, at=lambda minute, phase=phase: minute % minutes == phase)  # type: ignore[misc]


@pytest.fixture(scope="module", params=PERIODS)
def scheduled(request: pytest.FixtureRequest, known: Plans) -> tuple[Simulation, int]:
    """And the period. Alarms for which the schedule makes no difference are looked at once."""
    often, simulation = (Simulation.of(known[name]) for name in ("swept_often", request.param))
    if request.param != "swept_often":
        simulation.alarms = {name: alarm for name, alarm in simulation.alarms.items() if alarm != often.alarms[name]}
    return simulation, PERIODS[request.param]


def often(period: int) -> Callable[[int], bool]:
    """In which minutes to look: all, or with a sweep a day every tenth."""
    return lambda minute: minute % max(1, period // 8640) == 0


@pytest.mark.parametrize("took", [30, 600])
def test_the_first_apply_pages_nobody(took: int, scheduled: tuple[Simulation, int]) -> None:
    """The alarms are there at second 0; the schedule runs for the first time within its period, the first sweep takes a while."""
    simulation, period = scheduled
    for first in (0, period // 2, period - MINUTE):
        metrics = swept(Metrics(), period, 4 * period, start=first, took=took)
        assert simulation.run(metrics, 4 * period, often(period)) == [], first


def test_a_schedule_that_never_runs_pages_once(scheduled: tuple[Simulation, int]) -> None:
    simulation, period = scheduled
    [(when, name)] = simulation.run(Metrics(), 8 * period, often(period))
    assert name == "chat-sweep-silent"
    assert when <= 2 * period + 600


@pytest.mark.parametrize("silent", [(0,), (0, 1)])
def test_sweeps_that_stop_page_once_for_all_segments(silent: tuple[int, ...], scheduled: tuple[Simulation, int]) -> None:
    simulation, period = scheduled
    metrics = swept(Metrics(), period, 4 * period, segments=silent)
    swept(metrics, period, 16 * period, segments=tuple({0, 1} - set(silent)))
    [(when, name)] = simulation.run(metrics, 16 * period, often(period))
    assert name == "chat-sweep-silent"
    assert 6 * period < when <= 12 * period


def test_other_work_that_fails_hides_no_silent_sweep(simulation: Simulation) -> None:
    metrics = disconnected(swept(Metrics(), 300, HOUR), 10, 6 * HOUR)
    for at in range(0, 6 * HOUR, 900):
        metrics.failed("chat-cleanup", at, took=1)
    assert "chat-sweep-silent" in [name for _, name in simulation.run(metrics, 3 * HOUR)]


@pytest.mark.parametrize("began", range(HOUR, HOUR + 300, 47))
@pytest.mark.parametrize("call", TIMEOUTS)
def test_an_error_pages_however_late_it_is_known(call: str, began: int, known: Plans) -> None:
    metrics = calm(2 * HOUR)
    for at in range(0, 2 * HOUR, MINUTE):  # others succeed: then an alarm does not look further back
        metrics.put(at, "Errors", 0, "AWS/Lambda", FunctionName="chat-cleanup")
    metrics.failed("chat-cleanup", began, took=TIMEOUTS[call])
    metrics.failed("chat-disconnect", began, took=29)
    paged = Simulation.of(known[call]).run(metrics, 2 * HOUR)
    assert {name for _, name in paged} == {"chat-cleanup-errors", "chat-disconnect-errors"}


def test_letters_that_are_left_page_again_before_they_expire(simulation: Simulation) -> None:
    """Each hour somebody looks, which hides them; after 14 days they are gone."""
    metrics = Metrics()
    for at in range(0, 16 * DAY, 10 * MINUTE):
        lying = HOUR <= at < 14 * DAY and at % (9 * HOUR)
        metrics.put(at, "ApproximateNumberOfMessagesVisible", bool(lying), "AWS/SQS", QueueName="chat-retry-dead-letter")
    left = simulation.only("chat-dead-letters-left").run(metrics, 16 * DAY, at=lambda minute: minute % 10 == 0)
    assert [when // HOUR for when, _ in left] == [pytest.approx(72, abs=4)]


def test_every_alarm_that_pages_says_what_happened(known: Plans) -> None:
    alarms = [values for values in known["swept_often"].values() if values.get("alarm_actions")]
    assert len(alarms) == 18
    for alarm in alarms:
        assert alarm["alarm_actions"] == alarm["ok_actions"] == [TOPIC]
        assert 60 < len(alarm["alarm_description"]) < 1024
