"""A log line in Embedded Metric Format becomes metrics.

MiniStack: It stays a log line.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs

from . import replaces

_append = cloudwatch_logs._append_log_events


@replaces(cloudwatch_logs, "_append_log_events", "e47cae7a15a4")
def append_log_events(stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
    _append(stream, events)
    lines = [line for line in map(_parse, events) if line]
    for line in lines:
        for directive in line["_aws"]["CloudWatchMetrics"]:
            _store(line, directive)
    if lines:
        cloudwatch._evaluate_all_alarms()


def _parse(event: dict[str, Any]) -> dict[str, Any] | None:
    try:
        line = json.loads(event["message"])
    except ValueError:
        return None
    return line if isinstance(line, dict) and "_aws" in line else None


def _store(line: dict[str, Any], directive: dict[str, Any]) -> None:
    for dimensions in directive["Dimensions"]:
        named = {name: str(line[name]) for name in dimensions}
        for metric in directive["Metrics"]:
            value = line[metric["Name"]]
            values = [float(v) for v in value] if isinstance(value, list) else [float(value)]
            cloudwatch._store_datum(
                directive["Namespace"],
                metric["Name"],
                named,
                line["_aws"]["Timestamp"] / 1000,
                metric.get("Unit", "None"),
                None,
                values,
                None,
                None,
            )
