"""CloudWatch Logs, and what Lambda writes there."""

from __future__ import annotations

import json
import queue
import re
import time
import uuid
from contextvars import ContextVar
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import AccountRegionScopedDict, error_response_json, json_response
from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc

from . import replaces
from .functions import MARK

LONGEST_WAIT = 5.0  # for the mark of a worker that is alive, but too busy to write it
LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
METRICS = {
    "Duration": "durationMs",
    "Billed Duration": "billedDurationMs",
    "Memory Size": "memorySizeMB",
    "Max Memory Used": "maxMemoryUsedMB",
}

_logging: ContextVar[dict[str, str]] = ContextVar("logging")  # the configuration of the function whose log is being written
_definitions: Any = AccountRegionScopedDict()


@replaces(lambda_runtime.Worker, "_drain_stderr_bounded", "3fd7cc742872")
def drain(_original: Any, self: Any) -> str:
    """Everything that an invocation prints is in its own log, and in no other invocation's.

    MiniStack: It reads what has arrived a few milliseconds after the answer. On a busy machine the last lines are lost or appear in the
    next invocation. Here the worker marks the end.
    Source: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
    """
    lines: list[str] = []
    deadline = time.monotonic() + LONGEST_WAIT
    while time.monotonic() < deadline:
        try:
            line = self._stderr_queue.get(timeout=0.05)
        except queue.Empty:
            if self._stderr_thread.is_alive():
                continue
            break  # the worker died
        if line == MARK:
            break
        lines.append(line)
    return "\n".join(lines)


@replaces(lambda_svc, "_emit_lambda_logs", "111efbf06968")
def emit_lambda_logs(original: Any, function: dict[str, Any], *arguments: Any, **options: Any) -> None:
    token = _logging.set((function.get("config") or function).get("LoggingConfig") or {})
    try:
        original(function, *arguments, **options)
    finally:
        _logging.reset(token)


@replaces(cloudwatch_logs, "_append_log_events", "e47cae7a15a4")
def append_log_events(original: Any, stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """Each line has an id. With JSON logs, Lambda's own lines are JSON, and each kind of line is kept from its configured level on.

    MiniStack: A function's lines have no id, which `aws logs tail --follow` needs. START, END and REPORT are text whatever the logging
    configuration says, and nothing is filtered.
    Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    settings, events = _logging.get({}), [{"eventId": str(uuid.uuid4()), **event} for event in events]
    if settings.get("LogFormat") == "JSON":
        lines = ((event, _as_logged(event["message"], settings)) for event in events)
        events = [{**event, "message": message} for event, message in lines if message]
    original(stream, events)
    with_metrics = [line for line in (_fields(event["message"]) for event in events) if "_aws" in line]
    for line in with_metrics:
        _make_metrics(line)
    if with_metrics:
        cloudwatch._evaluate_all_alarms()


def _fields(message: str) -> dict[str, Any]:
    """The fields of a line that is a JSON object; {} for any other."""
    try:
        found = json.loads(message)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _make_metrics(line: dict[str, Any]) -> None:
    """A log line in Embedded Metric Format becomes metrics.

    MiniStack: It stays a log line.
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            named = {name: str(line[name]) for name in dimensions}
            for metric in directive["Metrics"]:
                value = line[metric["Name"]]
                values = [float(v) for v in (value if isinstance(value, list) else [value])]
                at, unit = line["_aws"]["Timestamp"] / 1000, metric.get("Unit", "None")
                cloudwatch._store_datum(directive["Namespace"], metric["Name"], named, at, unit, None, values, None, None)


def _as_logged(message: str, settings: dict[str, str]) -> str:
    """The line as Lambda writes it; "" when its level is too low."""
    if report := re.match(r"(START|END|REPORT) RequestId: (\S+)", message):
        return _platform(report[1], report[2], message) if _reaches("INFO", settings.get("SystemLogLevel")) else ""
    return message if _reaches(_fields(message).get("level"), settings.get("ApplicationLogLevel")) else ""


def _reaches(level: str | None, least: str | None) -> bool:
    return level is None or level not in LEVELS or LEVELS.index(level) >= LEVELS.index(least or "INFO")


def _platform(kind: str, request_id: str, message: str) -> str:
    record: dict[str, Any] = {"requestId": request_id}
    if kind == "END":
        return ""  # platform.runtimeDone, which is logged at level DEBUG
    if kind == "REPORT":
        values = dict(re.findall(r"\t([A-Z][\w ]+): (\d+)", message))
        record |= {"status": "success", "metrics": {METRICS[name]: int(value) for name, value in values.items()}}
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    return json.dumps({"time": stamp, "type": f"platform.{kind.lower()}", "record": record})


@replaces(cloudwatch_logs, "handle_request", "e453a3f37b62")
async def handle_request(original: Any, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
    handler = HANDLERS.get(headers.get("x-amz-target", "").rpartition(".")[2])
    return handler(json.loads(body)) if handler else await original(method, path, headers, body, query)


def set_key(data: dict[str, Any]) -> Any:
    """A log group's KMS key can be set, changed and removed.

    MiniStack: A key is known only from CreateLogGroup.
    Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html
    """
    name = data.get("logGroupName") or data["resourceIdentifier"].partition(":log-group:")[2].removesuffix(":*")
    if name not in cloudwatch_logs._log_groups:
        return error_response_json("ResourceNotFoundException", f"The specified log group does not exist: {name}", 400)
    cloudwatch_logs._log_groups[name]["kmsKeyId"] = data.get("kmsKeyId")
    return json_response({})


def put_query(data: dict[str, Any]) -> Any:
    """Saved queries of CloudWatch Logs Insights can be stored, described and deleted.

    MiniStack: The operations are missing.
    Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html
    """
    key = data.get("queryDefinitionId") or str(uuid.uuid4())
    if data.get("queryDefinitionId") and key not in _definitions:
        return error_response_json("ResourceNotFoundException", f"There is no query definition {key}", 400)
    kept: dict[str, Any] = {name: data[name] for name in ("name", "queryString", "logGroupNames") if name in data}
    _definitions[key] = {**kept, "queryDefinitionId": key, "lastModified": int(time.time() * 1000)}
    return json_response({"queryDefinitionId": key})


def describe_queries(data: dict[str, Any]) -> Any:
    prefix = data.get("queryDefinitionNamePrefix", "")
    found: list[dict[str, Any]] = [kept for kept in _definitions.values() if kept["name"].startswith(prefix)]
    return json_response({"queryDefinitions": found})


def delete_query(data: dict[str, Any]) -> Any:
    if _definitions.pop(data["queryDefinitionId"], None) is None:
        return error_response_json("ResourceNotFoundException", "There is no such query definition", 400)
    return json_response({"success": True})


HANDLERS = {
    "AssociateKmsKey": set_key,
    "DisassociateKmsKey": set_key,
    "PutQueryDefinition": put_query,
    "DescribeQueryDefinitions": describe_queries,
    "DeleteQueryDefinition": delete_query,
}
