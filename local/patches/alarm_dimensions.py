"""An alarm reads the metric with exactly its own dimensions, and is evaluated as soon as Lambda publishes it.

MiniStack: All metrics of one name are added up, whatever their dimensions, so one function's errors are every function's. Alarms are
evaluated only when PutMetricData is called.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from ministack.services import cloudwatch

from . import replaces

_evaluate, _record = cloudwatch._evaluate_alarm, cloudwatch.record_metric


def _looks_at(alarm: dict[str, Any]) -> tuple[Any, ...]:
    dimensions = cloudwatch._dims_from_list(alarm.get("Dimensions") or [])
    return alarm.get("Namespace"), alarm.get("MetricName"), cloudwatch._dims_key(dimensions)


@replaces(cloudwatch, "_evaluate_alarm", "a0b0acd3d432")
def evaluate_alarm(alarm: dict[str, Any]) -> None:
    metric = _looks_at(alarm)
    only_this = {**vars(cloudwatch), "_metrics": {metric: list(cloudwatch._metrics.get(metric, []))}}
    FunctionType(_evaluate.__code__, only_this)(alarm)


@replaces(cloudwatch, "record_metric", "7f777bfbe523")
def record_metric(namespace: str, metric_name: str, value: float, unit: str = "None", dimensions: dict[str, str] | None = None) -> None:
    _record(namespace, metric_name, value, unit, dimensions)
    metric = (namespace, metric_name, cloudwatch._dims_key(dimensions or {}))
    for alarm in list(cloudwatch._alarms.values()):
        if _looks_at(alarm) == metric:
            evaluate_alarm(alarm)
