"""CloudWatch's alarms and metrics."""

from __future__ import annotations

import json
from types import FunctionType
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id
from ministack.services import cloudwatch, eventbridge

from . import replaces
from .permissions import denies

ROLES = {"ssm": "AWSServiceRoleForCloudWatchAlarms_ActionSSM", "ssm-incidents": "AWSServiceRoleForCloudWatchAlarms_ActionSSMIncidents"}
SUPPRESSOR = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


@replaces(cloudwatch, "_evaluate_alarm", "a0b0acd3d432")
def evaluate_alarm(original: Any, alarm: dict[str, Any]) -> None:
    """An alarm reads the metric with exactly its own dimensions, and is evaluated as soon as Lambda publishes it.

    MiniStack: All metrics of one name are added up, so one function's errors are every function's. Only PutMetricData evaluates alarms.
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension
    """
    metric = _looks_at(alarm)
    only_this = {**vars(cloudwatch), "_metrics": {metric: list(cloudwatch._metrics.get(metric, []))}}
    FunctionType(original.__code__, only_this)(alarm)


@replaces(cloudwatch, "record_metric", "7f777bfbe523")
def record_metric(
    original: Any, namespace: str, metric_name: str, value: float, unit: str = "None", dimensions: dict[str, str] | None = None
) -> None:
    original(namespace, metric_name, value, unit, dimensions)
    metric = (namespace, metric_name, cloudwatch._dims_key(dimensions or {}))
    for alarm in list(cloudwatch._alarms.values()):
        if _looks_at(alarm) == metric:
            cloudwatch._evaluate_alarm(alarm)


def _looks_at(alarm: dict[str, Any]) -> tuple[Any, ...]:
    dimensions = cloudwatch._dims_from_list(alarm.get("Dimensions") or [])
    return alarm.get("Namespace"), alarm.get("MetricName"), cloudwatch._dims_key(dimensions)


@replaces(cloudwatch, "_record_history", "c5890b06e5c8")
def record_history(original: Any, alarm_name: str, old_state: str, new_state: str, reason: str, *more: Any, **others: Any) -> None:
    """CloudWatch sends an EventBridge event for every change of an alarm's state.

    MiniStack: Only SNS topics are notified.
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
    """
    original(alarm_name, old_state, new_state, reason, *more, **others)
    alarm = cloudwatch._alarms.get(alarm_name) or cloudwatch._composite_alarms.get(alarm_name)
    detail = {
        "alarmName": alarm_name,
        "configuration": {"description": alarm.get("AlarmDescription", "")},
        "state": {"value": new_state, "reason": reason},
        "previousState": {"value": old_state},
    }
    event = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Resources": [alarm["AlarmArn"]],
        "Detail": json.dumps(detail),
    }
    eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)


@replaces(cloudwatch, "_put_metric_alarm", "953a67ff4bb1")
@replaces(cloudwatch, "_put_composite_alarm", "d1c8174c3d5b")
def put_alarm(original: Any, params: dict[str, Any], data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
    """PutMetricAlarm keeps metric math, and PutCompositeAlarm keeps the suppressor.

    MiniStack: Both are dropped, so Terraform always plans the same change. Here they are stored and described, not evaluated.
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    request = data if is_cbor or is_json else _tree(params)
    answer = _refused(request, is_json, is_cbor) or original(params, data, is_cbor, is_json)
    if answer[0] == 200 and request.get("Metrics"):
        alarm = cloudwatch._alarms[request["AlarmName"]]
        for name in OF_ONE_METRIC:
            alarm.pop(name, None)
        alarm["Metrics"] = request["Metrics"]
    if answer[0] == 200 and request.get("ActionsSuppressor"):
        cloudwatch._composite_alarms[request["AlarmName"]].update({name: request[name] for name in SUPPRESSOR})
    return answer


def _refused(request: dict[str, Any], is_json: bool, is_cbor: bool) -> Any:
    """An alarm that opens an OpsItem or an incident needs a service-linked role, and the caller needs permission to create it.

    MiniStack: The permission is not checked.
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    for kind in {action.split(":")[2] for action in request.get("AlarmActions") or ()} & set(ROLES):
        service = f"{kind}.alarms.cloudwatch.amazonaws.com"
        role = f"arn:aws:iam::{get_account_id()}:role/aws-service-role/{service}/{ROLES[kind]}"
        if denies("iam:CreateServiceLinkedRole", role, service_context={"iam:AWSServiceName": service}):
            message = f"not authorized to perform: iam:CreateServiceLinkedRole on resource: {role}"
            return cloudwatch._error("AccessDenied", message, 403, is_json, is_cbor)
    return None


@replaces(cloudwatch, "_describe_alarms", "ab8f092ff9ae")
def describe_alarms(original: Any, params: dict[str, Any], data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
    """DescribeAlarms returns all fields of an alarm, over the Query protocol too.

    MiniStack: Most fields are missing there. The Terraform provider before 6.50 uses that protocol and always plans the same change.
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
    """
    if is_cbor or is_json:
        return original(params, data, is_cbor, is_json)
    status, _head, answer = original(params, _tree(params), False, True)
    if status != 200:
        return original(params, data, is_cbor, is_json)
    return cloudwatch._xml(200, "DescribeAlarmsResponse", f"<DescribeAlarmsResult>{_xml(json.loads(answer))}</DescribeAlarmsResult>")


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        fields = {name: v for name, v in value.items() if v not in (None, "") and name[0] != "_"}
        fields |= {name: cloudwatch._ts_iso(v) for name, v in fields.items() if name.endswith("Timestamp")}
        return "".join(f"<{name}>{_xml(v)}</{name}>" for name, v in fields.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(v)}</member>" for v in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))


def _tree(params: dict[str, Any]) -> Any:
    """The Query protocol's flat names, `Metrics.member.1.MetricStat.Period`, as the objects and lists they stand for."""
    tree: dict[str, Any] = {}
    for name, value in params.items():
        *path, last = name.split(".")
        branch = tree
        for step in path:
            branch = branch.setdefault(step, {})
        branch[last] = value[0] if isinstance(value, list) else value
    return _lists(tree)


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if list(value) == ["member"]:
        return [_lists(value["member"][number]) for number in sorted(value["member"], key=int)]
    return {name: _lists(inner) for name, inner in value.items()}
