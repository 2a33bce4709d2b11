"""Who is paged, by simulation: the alarms as Terraform plans them, fed with what the functions publish when things go well or wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from .alarms import ALARM, MINUTE, OK, UNKNOWN, Metrics, Simulation, judge
from .retries import attempts

Resources = dict[str, dict[str, Any]]

HOUR, DAY = 3600, 86400
TOPIC = "arn:aws:sns:eu-central-1:111122223333:pager"
INPUTS = """
  sweep            = {{ probe = {{ report_queue = true }}, segments = 2, schedule = "{schedule}" }}
  cleanup_function = {{ timeout = {timeout} }}
  monitoring       = {{ alarm_actions = ["{topic}"] }}
"""
PERIODS = {"rate(5 minutes)": 5 * MINUTE, "rate(1 day)": DAY}

pytestmark = pytest.mark.xdist_group("alarms")  # to plan once


# What AWS would call the queues: a plan does not know it, since their names are generated.
QUEUES = {
    "chat-dead-letters": "chat-retry-dead-letter",
    "chat-dead-letters-left": "chat-retry-dead-letter",
    "chat-retries-waiting": "chat-retry",
    "chat-reports-waiting": "chat-reports",
}


@pytest.fixture(scope="module")
def planned_alarms(plan: Callable[..., Resources]) -> Callable[..., Resources]:
    def planned(schedule: str = "rate(5 minutes)", timeout: int = 120) -> Resources:
        resources = plan(INPUTS.format(schedule=schedule, timeout=timeout, topic=TOPIC))
        for values in resources.values():
            if queue := QUEUES.get(values.get("alarm_name", "")):
                values["dimensions"] = {"QueueName": queue}
        return resources

    return planned


@pytest.fixture(scope="module")
def resources(planned_alarms: Callable[..., Resources]) -> Resources:
    return planned_alarms()


@pytest.fixture(scope="module", params=[0, 5], ids="looks {} data points further back".format)
def simulation(request: pytest.FixtureRequest, resources: Resources) -> Simulation:
    """AWS doesn't say how far an alarm looks back when data is missing, so what holds must hold however far."""
    return Simulation.of(resources, extra=request.param)


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


def failing(metrics: Metrics, sent: float, until: float, spread: Callable[[], float]) -> None:
    for age in attempts(spread, held_up=lambda: random.uniform(0, 60)):
        if sent + age >= until:
            return
        metrics.put(sent + age, "RetryAge", int(age))
        metrics.put(sent + age, "Failures", 1)
        metrics.put(sent + age, "Failures", 1, step="retry")


SPREADS: dict[str, Callable[[], float]] = {
    "the shortest waits": lambda: 0.5,
    "the longest waits": lambda: 1.0,
    "waits as they come": lambda: random.uniform(0.5, 1.0),
}


def named(metrics: Metrics, name: str = "chat") -> Metrics:
    """Every metric of the module's own is under Name too."""
    for key in [key for key in metrics.values if key[0] == "WebSocketConnections" and ("Name", name) not in key]:
        namespace, metric, *dimensions = key
        under_name = (namespace, metric, *sorted([*dimensions, ("Name", name)]))
        metrics.values[under_name] = metrics.values.pop(key)
    return metrics


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


def disconnected(metrics: Metrics, per_minute: int, until: float) -> Metrics:
    """What Lambda publishes of the function behind `$disconnect`."""
    for at in range(0, int(until), MINUTE):
        for name, value in (("Invocations", per_minute), ("Errors", 0), ("Throttles", 0)):
            metrics.put(at, name, value, "AWS/Lambda", FunctionName="chat-disconnect")
        metrics.put(at, "IncomingLogEvents", per_minute, "AWS/Logs", LogGroupName="/aws/lambda/chat-disconnect")
    return metrics


def calm(until: float, per_minute: int = 10) -> Metrics:
    return disconnected(swept(Metrics(), 300, until), per_minute, until)


def alarms(paged: list[tuple[int, str]]) -> set[str]:
    return {name for _, name in paged}


def test_a_calm_day_pages_nobody(simulation: Simulation) -> None:
    assert simulation.run(named(calm(DAY)), DAY) == []


def test_a_day_without_any_connection_pages_nobody(simulation: Simulation) -> None:
    assert simulation.run(named(swept(Metrics(), 300, DAY)), DAY) == []


@pytest.mark.parametrize("spread", SPREADS.values(), ids=SPREADS)
def test_a_message_that_always_fails_pages_once(spread: Callable[[], float], simulation: Simulation) -> None:
    metrics = calm(8 * HOUR)
    failing(metrics, sent=HOUR, until=8 * HOUR, spread=spread)
    [(when, name)] = simulation.run(named(metrics), 8 * HOUR)
    assert name == "chat-failing"
    assert HOUR + 900 < when < HOUR + 2400
    for phase in range(minutes := simulation.alarms[name]["period"] // MINUTE):
        [_] = simulation.only(name).run(metrics, 8 * HOUR, at=lambda minute, phase=phase: minute % minutes == phase)  # type: ignore[misc]


def test_failures_that_pass_page_nobody(simulation: Simulation) -> None:
    """Every quarter of an hour something fails for as long as half a minute."""
    metrics = calm(DAY)
    for sent in range(0, DAY, 900):
        metrics.put(sent, "Failures", 1, step="close")
        failing(metrics, sent, until=sent + random.uniform(1, 30), spread=SPREADS["waits as they come"])
    assert simulation.run(named(metrics), DAY) == []


@pytest.mark.parametrize("minutes_between", [0.1, 10])
def test_removals_that_only_succeed_by_the_queue_page(minutes_between: float, simulation: Simulation) -> None:
    metrics = swept(Metrics(), 300, 6 * HOUR)
    for number in range(int(6 * 60 / minutes_between)):
        at = number * minutes_between * MINUTE
        metrics.put(at, "Invocations", 1, "AWS/Lambda", FunctionName="chat-disconnect")
        metrics.put(at, "IncomingLogEvents", 1, "AWS/Logs", LogGroupName="/aws/lambda/chat-disconnect")
        if at > HOUR:
            metrics.put(at, "Failures", 1, step="close")
    [(when, name)] = simulation.run(named(metrics), 6 * HOUR)
    assert name == "chat-falling-back"
    assert when <= 2 * HOUR


@pytest.mark.parametrize(("metric", "alarm"), [("Errors", "chat-disconnect-errors"), ("Throttles", "chat-disconnect-throttles")])
def test_one_lost_disconnect_pages(metric: str, alarm: str, simulation: Simulation) -> None:
    metrics = calm(3 * HOUR)
    metrics.put(HOUR, metric, 1, "AWS/Lambda", FunctionName="chat-disconnect")
    assert alarms(simulation.run(named(metrics), 3 * HOUR)) == {alarm}


def test_a_dead_letter_pages_once_while_it_lies_there(simulation: Simulation) -> None:
    metrics = calm(DAY)
    for at in range(HOUR, DAY, MINUTE):
        metrics.put(at, "ApproximateNumberOfMessagesVisible", 1, "AWS/SQS", QueueName="chat-retry-dead-letter")
    assert [name for _, name in simulation.run(named(metrics), DAY)] == ["chat-dead-letters"]


@pytest.mark.parametrize(
    ("metric", "value", "alarm", "within_min"),
    [
        ("ProbesRefused", 100, "chat-probes-refused", 30),  # a permanent 403
        ("SweepFailures", 3, "chat-sweep-failures", 30),
        ("ForeignRecords", 3, "chat-foreign-records", 15),
        ("Undated", 3, "chat-undated-records", 15),
        ("Unproven", 3, "chat-unproven", 20),
    ],
)
def test_what_one_segment_alone_reports_pages_once(metric: str, value: int, alarm: str, within_min: int, simulation: Simulation) -> None:
    metrics = swept(calm(6 * HOUR), 300, 6 * HOUR, start=HOUR, took=150, segments=(1,), **{metric: value})
    [(when, name)] = simulation.run(named(metrics), 6 * HOUR)
    assert name == alarm
    assert when <= HOUR + within_min * MINUTE


def test_a_probe_that_is_refused_now_and_then_pages_nobody(simulation: Simulation) -> None:
    metrics = swept(calm(DAY), 300, DAY, segments=(1,), ProbesRefused=5)
    assert simulation.run(named(metrics), DAY) == []


def test_records_that_one_sweep_could_not_remove_page_nobody(simulation: Simulation) -> None:
    metrics = swept(calm(6 * HOUR), 300, HOUR + 1, start=HOUR, segments=(1,), SweepFailures=3)
    assert simulation.run(named(metrics), 6 * HOUR) == []


@pytest.fixture(scope="module", params=PERIODS)
def scheduled(request: pytest.FixtureRequest, planned_alarms: Callable[..., Resources]) -> tuple[Simulation, int]:
    return Simulation.of(planned_alarms(schedule=request.param)), PERIODS[request.param]


@pytest.mark.parametrize("took", [30, 600])
def test_the_first_apply_pages_nobody(took: int, scheduled: tuple[Simulation, int]) -> None:
    """The alarms are there at second 0; the schedule runs for the first time within its period, the first sweep takes a while."""
    simulation, period = scheduled
    for first in range(0, period, period // 5):
        metrics = swept(Metrics(), period, 6 * period, start=first, took=took)
        assert simulation.run(named(metrics), 6 * period) == [], first


def test_a_schedule_that_never_runs_pages_once(scheduled: tuple[Simulation, int]) -> None:
    simulation, period = scheduled
    [(when, name)] = simulation.run(Metrics(), 8 * period)
    assert name == "chat-sweep-silent"
    assert when <= 2 * period + 600


@pytest.mark.parametrize("silent", [(0,), (0, 1)])
def test_sweeps_that_stop_page_once_for_all_segments(silent: tuple[int, ...], scheduled: tuple[Simulation, int]) -> None:
    simulation, period = scheduled
    metrics = swept(Metrics(), period, 4 * period, segments=silent)
    swept(metrics, period, 16 * period, segments=tuple({0, 1} - set(silent)))
    [(when, name)] = simulation.run(named(metrics), 16 * period)
    assert name == "chat-sweep-silent"
    assert 6 * period < when <= 12 * period


def test_a_sweep_that_fails_pages_for_its_errors_only(simulation: Simulation) -> None:
    metrics = disconnected(swept(Metrics(), 300, HOUR), 10, 6 * HOUR)
    for at in range(HOUR, 6 * HOUR, 300):
        metrics.failed("chat-cleanup", at, took=1)
        metrics.put(at, "Failures", 1, step="sweep")
    assert [name for _, name in simulation.run(named(metrics), 6 * HOUR)] == ["chat-cleanup-errors"]


def test_other_work_that_fails_hides_no_silent_sweep(simulation: Simulation) -> None:
    metrics = disconnected(swept(Metrics(), 300, HOUR), 10, 6 * HOUR)
    for at in range(0, 6 * HOUR, 900):
        metrics.failed("chat-cleanup", at, took=1)
    assert "chat-sweep-silent" in alarms(simulation.run(named(metrics), 3 * HOUR))


@pytest.fixture(scope="module", params=[60, 900], ids="time-out {} s".format)
def slow(request: pytest.FixtureRequest, planned_alarms: Callable[..., Resources]) -> tuple[Simulation, int]:
    return Simulation.of(planned_alarms(timeout=request.param)), request.param


@pytest.mark.parametrize("began", range(HOUR, HOUR + 300, 47))
def test_an_error_pages_however_late_it_is_known(slow: tuple[Simulation, int], began: int) -> None:
    simulation, timeout = slow
    metrics = calm(2 * HOUR)
    for at in range(0, 2 * HOUR, MINUTE):  # others succeed: then an alarm does not look further back
        metrics.put(at, "Errors", 0, "AWS/Lambda", FunctionName="chat-cleanup")
    metrics.failed("chat-cleanup", began, took=timeout)
    metrics.failed("chat-disconnect", began, took=29)
    assert alarms(simulation.run(named(metrics), 2 * HOUR)) == {"chat-cleanup-errors", "chat-disconnect-errors"}


@pytest.mark.parametrize(("queue", "alarm"), [("chat-retry", "chat-retries-waiting"), ("chat-reports", "chat-reports-waiting")])
def test_messages_that_nobody_receives_page_once(queue: str, alarm: str, simulation: Simulation) -> None:
    metrics = calm(6 * HOUR)
    for at in range(HOUR, 6 * HOUR, MINUTE):
        metrics.put(at, "ApproximateAgeOfOldestMessage", at - HOUR, "AWS/SQS", QueueName=queue)
    [(when, name)] = simulation.run(named(metrics), 6 * HOUR)
    assert name == alarm
    assert when <= HOUR + 2400


def test_messages_that_are_delayed_page_nobody(simulation: Simulation) -> None:
    """An announcement waits for a quarter of an hour, the batch before it takes its time."""
    metrics = calm(6 * HOUR)
    for at in range(HOUR, 6 * HOUR, MINUTE):
        metrics.put(at, "ApproximateAgeOfOldestMessage", at % 1140, "AWS/SQS", QueueName="chat-retry")
    assert simulation.run(named(metrics), 6 * HOUR) == []


def test_letters_that_are_left_page_again_before_they_expire(simulation: Simulation) -> None:
    """Each hour somebody looks, which hides them; after 14 days they are gone."""
    metrics = Metrics()
    for at in range(0, 16 * DAY, 10 * MINUTE):
        lying = HOUR <= at < 14 * DAY and at % (9 * HOUR)
        metrics.put(at, "ApproximateNumberOfMessagesVisible", bool(lying), "AWS/SQS", QueueName="chat-retry-dead-letter")
    left = simulation.only("chat-dead-letters-left").run(metrics, 16 * DAY, at=lambda minute: minute % 10 == 0)
    assert [when // HOUR for when, _ in left] == [pytest.approx(72, abs=4)]


@pytest.mark.parametrize("late", [60, 240])
@pytest.mark.parametrize("logged", [True, False], ids=["the lines are late", "the log group is gone"])
def test_a_log_group_that_is_gone_pages(logged: bool, late: int, simulation: Simulation) -> None:
    metrics = swept(Metrics(), 300, 6 * HOUR)
    for at in range(HOUR, 6 * HOUR, MINUTE):
        metrics.put(at, "Invocations", 10, "AWS/Lambda", late=30, FunctionName="chat-disconnect")
        if logged:
            metrics.put(at, "IncomingLogEvents", 10, "AWS/Logs", late=late, LogGroupName="/aws/lambda/chat-disconnect")
    assert alarms(simulation.run(named(metrics), 6 * HOUR)) == (set() if logged else {"chat-unlogged"})


def missed(per_hour: int, told_per_minute: int, until: int = 6 * HOUR) -> Metrics:
    metrics = calm(until, told_per_minute) if told_per_minute else swept(Metrics(), 300, until)
    for at in range(HOUR, until, HOUR):
        metrics.put(at + 300, "RemovedExpired", per_hour // 2)
        metrics.put(at + 600, "RemovedGone", per_hour - per_hour // 2)
    return named(metrics)


def test_a_stage_that_was_never_deployed_pages(simulation: Simulation) -> None:
    """No `$disconnect` ever comes, so the function has no metric at all."""
    assert alarms(simulation.run(missed(per_hour=12, told_per_minute=0), 6 * HOUR)) == {"chat-missed"}


@pytest.mark.parametrize(
    ("per_hour", "told_per_minute", "expected"),
    [(100, 10, {"chat-missed"}), (40, 10, set()), (9, 0, set())],
    ids=["one in seven", "one in sixteen", "too few to tell"],
)
def test_losing_more_than_a_tenth_of_the_endings_pages(
    per_hour: int, told_per_minute: int, expected: set[str], simulation: Simulation
) -> None:
    assert alarms(simulation.run(missed(per_hour, told_per_minute), 6 * HOUR)) == expected


def test_every_alarm_that_pages_says_what_happened(resources: Resources) -> None:
    telling = {a: v for a, v in resources.items() if "alarm_name" in v and "sweep-silent-" not in a and "sweep-errors" not in a}
    assert {values["alarm_name"] for values in telling.values()} == {
        "chat-disconnect-errors", "chat-disconnect-throttles", "chat-fast-path-off", "chat-falling-back", "chat-missed", "chat-failing",
        "chat-cleanup-errors", "chat-dead-letters", "chat-sweep-silent", "chat-sweep-failures", "chat-probes-refused", "chat-unproven",
        "chat-foreign-records", "chat-undated-records", "chat-retries-waiting", "chat-reports-waiting", "chat-dead-letters-left",
        "chat-unlogged",
    }  # fmt: skip
    for address, alarm in telling.items():
        assert alarm["alarm_actions"] == alarm["ok_actions"] == [TOPIC], address
        if "dead-letters" not in address:  # names the queues' ARNs, which are not known yet
            assert 60 < len(alarm["alarm_description"]) < 1024, address
