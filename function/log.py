"""One JSON object a line on stdout: CloudWatch's own log queries read it, in JSON and in text log format.

`level` and `timestamp` are the names Lambda's log-level filter looks for. A line may carry metrics (embedded_metrics.py), which that filter
would drop with it: so what LOG_LINE_LEVEL asks for is done here.
"""

from __future__ import annotations

import json
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ended import Ended
    from route_settings import RouteSettings

    Metrics = Mapping[str, tuple[float, str]]  # name -> value, unit

REMOVED = "removed"
ALREADY_GONE = "already_gone"
KEPT = "kept"  # the record says something else by now than what it was judged by: there is nothing to tell

LONGEST_ERROR = 500

_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode
_level, _metrics_name = "INFO", ""


def configure(settings: RouteSettings) -> None:
    """For all lines from now on."""
    global _level, _metrics_name
    _level, _metrics_name = settings.log_level, settings.metrics_name


def emit(outcome: str, fields: Mapping[str, Any], level: str = "INFO", metrics: Mapping[str, Metrics] | None = None) -> None:
    """Writes a line, at LOG_LINE_LEVEL "WARN" only one above INFO or one with metrics: they map the one dimension (a field's name, or ""
    for none) besides Name to the metrics under it."""
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
    line.pop("clientId", None)  # may be a person's name or address: it is in the history, for those who asked for one
    if metrics:
        import embedded_metrics

        embedded_metrics.add(line, metrics, _metrics_name, int(now * 1000))
    sys.stdout.write(_encode(line) + "\n")
    sys.stdout.flush()


def report(outcome: str, ended: Ended, counted: bool, **more: object) -> None:
    """Writes a connection's line; `counted` adds the metric `Closed`, once per connection: for the caller that removed the record."""
    if outcome == KEPT:
        return
    emit(outcome, {**ended, **more}, metrics={"cause": {"Closed": (1, "Count")}} if counted and outcome == REMOVED else None)


def error(
    step: str, problem: BaseException, fields: Mapping[str, Any], outcome: str = "error", level: str = "ERROR", more: Metrics | None = None
) -> None:
    """Writes a line about a problem, which also counts as one of the metric `Failures`, in all and by step; `more` metrics go with it."""
    detail = {"step": step, "error": describe(problem)}
    failure: Metrics = {"Failures": (1, "Count")}
    emit(outcome, {**fields, **detail}, level, {"": {**failure, **(more or {})}, "step": failure})


def describe(problem: BaseException) -> str:
    """An exception's type and text, cut to a sane length."""
    return f"{type(problem).__name__}: {problem}"[:LONGEST_ERROR]
