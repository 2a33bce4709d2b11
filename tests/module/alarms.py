"""CloudWatch's evaluation of alarms, simulated: alarms as Terraform plans them, metrics as a model publishes them, and who is paged when.

As documented in CloudWatch's user guide: the windows of an alarm slide with each evaluation, one a minute ("Alarm evaluation window"); how
missing data counts ("Configuring how CloudWatch alarms treat missing data"); metric math, where a missing value is 0 and a quotient by 0
no value ("Using metric math"); and a composite alarm that waits for its suppressor ("Suppressing composite alarm actions").
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import Mock

import retry

MINUTE = 60
OURS = "WebSocketConnections"  # where every metric is under the module's name
OK, ALARM, UNKNOWN = "OK", "ALARM", "INSUFFICIENT_DATA"

Values = dict[str, Any]  # a resource's, as planned
Page = tuple[int, str]  # s, name of the alarm
Key = tuple[Any, ...]  # namespace, name, dimensions of a metric

STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    "Minimum": min,
    "Average": lambda values: sum(values) / len(values),
    "SampleCount": len,
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


@dataclass
class Metrics:
    """What has been published, minute by minute: CloudWatch keeps no finer time of these metrics. A value may arrive late (s)."""

    values: dict[Key, dict[int, list[tuple[float, float]]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    late: float = 0  # the most (s)

    def put(self, at: float, name: str, value: float, namespace: str = OURS, late: float = 0, **dimensions: str) -> None:
        if namespace == OURS:
            dimensions["Name"] = "chat"
        self.values[_key(namespace, name, dimensions)][int(at // MINUTE) * MINUTE].append((at + late, value))
        self.late = max(self.late, late)

    def failed(self, function: str, began: float, took: float) -> None:
        """An error, as Lambda reports it: of the time at which its invocation began, when it is over and a minute has passed."""
        self.put(began, "Errors", 1, "AWS/Lambda", late=took + MINUTE, FunctionName=function)

    def point(self, key: Key, statistic: str, start: int, end: int, now: float) -> float | None:
        minutes = self.values.get(key)
        if not minutes:
            return None
        looked_at = minutes if len(minutes) < (end - start) // MINUTE else range(max(start, 0), end, MINUTE)
        found = [value for minute in looked_at if start <= minute < end for arrived, value in minutes.get(minute, ()) if arrived <= now]
        return STATISTICS[statistic](found) if found else None


def _key(namespace: str, name: str, dimensions: dict[str, str]) -> Key:
    return namespace, name, *sorted(dimensions.items())


def judge(breaches: list[bool | None], alarm: Values, state: str) -> str:
    """The state after data points, oldest first, that breach the threshold, don't, or are missing (None)."""
    needed = alarm["evaluation_periods"]
    real = [breach for breach in breaches if breach is not None][-needed:]
    missing = alarm["treat_missing_data"]
    if missing == "ignore":
        if sum(real) >= (alarm.get("datapoints_to_alarm") or needed):
            return ALARM
        return OK if not all(real) else state
    judged = [*real, *[missing == "breaching"] * (needed - len(real))]
    return ALARM if sum(judged) >= (alarm.get("datapoints_to_alarm") or needed) else OK


@dataclass
class Simulation:
    """Alarms and composite alarms by name, made at second 0. `extra` is how many more data points than its evaluation periods an alarm
    looks at when some are missing: AWS doesn't say, its example has two."""

    alarms: dict[str, Values]
    composites: dict[str, Values] = field(default_factory=dict)
    extra: int = 2

    @classmethod
    def of(cls, resources: dict[str, Values], extra: int = 2) -> Simulation:
        def named(kind: str) -> dict[str, Values]:
            return {values["alarm_name"]: values for address, values in resources.items() if f".{kind}." in address}

        return cls(named("aws_cloudwatch_metric_alarm"), named("aws_cloudwatch_composite_alarm"), extra)

    def only(self, name: str) -> Simulation:
        return replace(self, alarms={name: self.alarms[name]}, composites={})

    def run(self, metrics: Metrics, until: int, at: Callable[[int], bool] = lambda minute: True) -> list[Page]:
        """Who was paged by second `until`, with evaluations in those minutes for which `at` is true."""
        series = {name: Series(metrics, alarm) for name, alarm in self.alarms.items()}
        states = dict.fromkeys([*self.alarms, *self.composites], UNKNOWN)
        waiting: dict[str, int] = {}  # composite alarm -> when its wait is over
        paged = []
        for now in (minute * MINUTE for minute in range(1, until // MINUTE + 1) if at(minute)):
            for name, alarm in self.alarms.items():
                before, states[name] = states[name], judge(series[name].until(now, self.extra), alarm, states[name])
                if states[name] == ALARM != before and alarm["alarm_actions"]:
                    paged.append((now, name))
            for name, composite in self.composites.items():
                children = re.findall(r'ALARM\("([^"]+)"\)', composite["alarm_rule"])
                before, states[name] = states[name], ALARM if any(states[child] == ALARM for child in children) else OK
                [suppressor] = composite["actions_suppressor"]
                if states[name] != ALARM:
                    waiting.pop(name, None)
                elif before != ALARM:
                    waiting[name] = now + suppressor["wait_period"]
                if waiting.get(name, math.inf) <= now and states[suppressor["alarm"]] != ALARM:
                    del waiting[name]
                    paged.append((now, name))
        return paged


class Series:
    """What an alarm looks at: a metric, or several by their names in an expression."""

    def __init__(self, metrics: Metrics, alarm: Values) -> None:
        self._metrics, self._alarm = metrics, alarm
        named = {query["id"]: metric for query in alarm["metric_query"] for metric in query["metric"]}
        named = named or {"": {**alarm, "stat": alarm["statistic"]}}
        self._parts = {name: (_key(m["namespace"], m["metric_name"], m["dimensions"]), m["stat"]) for name, m in named.items()}
        self._period = next(iter(named.values()))["period"]
        self._expression = "".join(query["expression"] or "" for query in alarm["metric_query"])
        self._breaches = functools.cache(self._breach)  # most data points are looked at many times

    def until(self, now: int, extra: int) -> list[bool | None]:
        """Whether each data point breaches the threshold, oldest first, None where one is missing."""
        ends = (now - self._period * back for back in reversed(range(self._alarm["evaluation_periods"] + extra)))
        return [self._breaches(end, math.inf if end + self._metrics.late <= now else now) for end in ends]

    def _breach(self, end: int, now: float) -> bool | None:
        points = {name: self._metrics.point(key, stat, end - self._period, end, now) for name, (key, stat) in self._parts.items()}
        if all(point is None for point in points.values()):
            return None
        value = points.get("") or 0.0
        if self._expression:
            condition, chosen, other = re.fullmatch(r"IF\(([^,]+), ([^,]+), ([^,]+)\)", self._expression).groups()  # type: ignore[union-attr]
            numbers = {name: point or 0.0 for name, point in points.items()}
            try:
                value = float(eval(f"({chosen}) if ({condition}) else ({other})", {}, numbers))
            except ZeroDivisionError:
                return None
        return COMPARISONS[self._alarm["comparison_operator"]](value, self._alarm["threshold"])


def attempts(spread: Callable[[], float], held_up: Callable[[], float]) -> Iterator[float]:
    """When a message that always fails is tried, by the function's own back-off.

    Seconds from the first attempt to each one: `spread` is what the function draws from 0.5-1, `held_up` a poll and a batch take (s).
    """
    sqs, now = Mock(), 0.0
    queue = retry.Queue("url", lambda service: sqs)  # type: ignore[arg-type]
    for count in itertools.count(1):
        yield now
        queue.retry_later("receipt", count, spread())
        now += sqs.change_message_visibility.call_args.kwargs["VisibilityTimeout"] + held_up()
