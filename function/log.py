"""One JSON object per line on stdout. CloudWatch's queries can read it in both log formats, JSON and text.

`level` and `timestamp` are the names that Lambda's log-level filter looks for. That filter would also drop the metrics in a line
(embedded_metrics.py), so LOG_LINE_LEVEL is applied here instead.
"""

from __future__ import annotations

import json
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ending import Ended
    from route_settings import RouteSettings

    Metrics = Mapping[str, tuple[float, str]]  # name -> value, unit

REMOVED = "removed"
ALREADY_GONE = "already_gone"
KEPT = "kept"  # the record has changed since it was judged: nothing to report

LONGEST_ERROR = 500

_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode
_level, _metrics_name = "INFO", ""


def configure(settings: RouteSettings) -> None:
    """For all lines from now on."""
    global _level, _metrics_name
    _level, _metrics_name = settings.log_level, settings.metrics_name


def emit(outcome: str, fields: Mapping[str, Any], level: str = "INFO", metrics: Mapping[str, Metrics] | None = None) -> None:
    """Writes a line. With LOG_LINE_LEVEL "WARN" only lines above INFO and lines with metrics are written. `metrics` maps the dimension
    besides Name (a field's name, or "" for none) to its metrics."""
    if level == "INFO" and not metrics and _level == "WARN":
        return
    now = time.time()
    seconds = int(now)
    line: dict[str, Any] = {
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int((now - seconds) * 1000):03d}Z",
        "level": level,
        "outcome": outcome,
    }
    line.update(fields)
    line.pop("clientId", None)  # may be personal data; the optional history has it
    if metrics:
        import embedded_metrics

        embedded_metrics.add(line, metrics, _metrics_name, int(now * 1000))
    sys.stdout.write(_encode(line) + "\n")
    sys.stdout.flush()


def report(outcome: str, ended: Ended, counted: bool, **more: object) -> None:
    """Writes a connection's line. `counted` adds the metric `Closed`, once per connection: by the caller that removed the record."""
    if outcome == KEPT:
        return
    emit(outcome, {**ended, **more}, metrics={"cause": {"Closed": (1, "Count")}} if counted and outcome == REMOVED else None)


def error(
    step: str, problem: BaseException, fields: Mapping[str, Any], outcome: str = "error", level: str = "ERROR", more: Metrics | None = None
) -> None:
    """Writes a line about a problem and counts it in the metric `Failures`, in total and by step. `more` are further metrics."""
    detail = {"step": step, "error": describe(problem)}
    failure: Metrics = {"Failures": (1, "Count")}
    emit(outcome, {**fields, **detail}, level, {"": {**failure, **(more or {})}, "step": failure})


def describe(problem: BaseException) -> str:
    """An exception's type and text, cut to a sane length."""
    return f"{type(problem).__name__}: {problem}"[:LONGEST_ERROR]
