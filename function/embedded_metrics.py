"""Metrics in a log line: CloudWatch extracts them, so a line and its metric can't disagree, and no PutMetricData call is needed.

Source: CloudWatch user guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from log import Metrics

NAMESPACE = "WebSocketConnections"


def add(line: dict[str, Any], metrics: Mapping[str, Metrics], name: str, now_ms: int) -> None:
    """Adds `_aws` and the metrics' values to a line; `metrics` as log.emit has them, `name` is their dimension Name, time in epoch ms."""
    line["Name"] = name
    directives = []
    for dimension, values in metrics.items():
        directives.append(
            {
                "Namespace": NAMESPACE,
                "Dimensions": [["Name", dimension] if dimension else ["Name"]],
                "Metrics": [{"Name": metric, "Unit": unit} for metric, (_, unit) in values.items()],
            }
        )
        line.update((metric, value) for metric, (value, _) in values.items())
    line["_aws"] = {"Timestamp": now_ms, "CloudWatchMetrics": directives}
