"""With JSON logs, Lambda's own lines are JSON, and each kind of line is kept from its configured level on.

MiniStack: START, END and REPORT are text whatever the logging configuration says, and nothing is filtered.
Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

from __future__ import annotations

import json
import re
import time
from contextvars import ContextVar
from typing import Any

from ministack.services import cloudwatch_logs, lambda_svc

from . import replaces

LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
METRICS = {
    "Duration": "durationMs",
    "Billed Duration": "billedDurationMs",
    "Memory Size": "memorySizeMB",
    "Max Memory Used": "maxMemoryUsedMB",
}

_logging: ContextVar[dict[str, str]] = ContextVar("logging")  # the configuration of the function whose log is being written
_emit, _append = lambda_svc._emit_lambda_logs, cloudwatch_logs._append_log_events


@replaces(lambda_svc, "_emit_lambda_logs", "111efbf06968")
def emit(function: dict[str, Any], *arguments: Any, **options: Any) -> None:
    token = _logging.set((function.get("config") or function).get("LoggingConfig") or {})
    try:
        _emit(function, *arguments, **options)
    finally:
        _logging.reset(token)


@replaces(cloudwatch_logs, "_append_log_events", "e47cae7a15a4")
def append_log_events(stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
    settings = _logging.get({})
    if settings.get("LogFormat") == "JSON":
        lines = ((event, _as_logged(event["message"], settings)) for event in events)
        events = [{**event, "message": message} for event, message in lines if message]
    _append(stream, events)


def _as_logged(message: str, settings: dict[str, str]) -> str:
    """The line as Lambda writes it; "" when its level is too low."""
    if report := re.match(r"(START|END|REPORT) RequestId: (\S+)", message):
        return _platform(report[1], report[2], message) if _reaches("INFO", settings.get("SystemLogLevel")) else ""
    try:
        level = json.loads(message)["level"]
    except (ValueError, KeyError, TypeError):
        return message
    return message if _reaches(level, settings.get("ApplicationLogLevel")) else ""


def _reaches(level: str, least: str | None) -> bool:
    return level not in LEVELS or LEVELS.index(level) >= LEVELS.index(least or "INFO")


def _platform(kind: str, request_id: str, message: str) -> str:
    record: dict[str, Any] = {"requestId": request_id}
    if kind == "END":
        return ""  # platform.runtimeDone, which is logged at level DEBUG
    if kind == "REPORT":
        values = dict(re.findall(r"\t([A-Z][\w ]+): (\d+)", message))
        record |= {"status": "success", "metrics": {METRICS[name]: int(value) for name, value in values.items()}}
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    return json.dumps({"time": stamp, "type": f"platform.{kind.lower()}", "record": record})
