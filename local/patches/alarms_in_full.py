"""PutMetricAlarm keeps metric math, and PutCompositeAlarm keeps the suppressor.

MiniStack: Both are dropped, so Terraform plans the same change for ever. Here they are stored and described, not evaluated.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

from typing import Any

from ministack.services import cloudwatch

from . import replaces

_put_metric, _put_composite = cloudwatch._put_metric_alarm, cloudwatch._put_composite_alarm
SUPPRESSOR = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


@replaces(cloudwatch, "_put_metric_alarm", "953a67ff4bb1")
def put_metric_alarm(params: dict[str, Any], data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
    answer = _put_metric(params, data, is_cbor, is_json)
    request = data if is_cbor or is_json else _tree(params)
    if answer[0] == 200 and request.get("Metrics"):
        alarm = cloudwatch._alarms[request["AlarmName"]]
        for name in OF_ONE_METRIC:
            alarm.pop(name, None)
        alarm["Metrics"] = [_typed(query) for query in request["Metrics"]]
    return answer


@replaces(cloudwatch, "_put_composite_alarm", "d1c8174c3d5b")
def put_composite_alarm(params: dict[str, Any], data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
    answer = _put_composite(params, data, is_cbor, is_json)
    request = data if is_cbor or is_json else _tree(params)
    if answer[0] == 200 and request.get("ActionsSuppressor"):
        suppressor = {name: request[name] for name in SUPPRESSOR}
        cloudwatch._composite_alarms[request["AlarmName"]].update(_typed(suppressor))
    return answer


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


def _typed(value: Any) -> Any:
    """Numbers and truths, which the Query protocol writes as text."""
    if isinstance(value, list):
        return [_typed(inner) for inner in value]
    if isinstance(value, dict):
        typed = {name: _typed(inner) for name, inner in value.items()}
        for name in typed.keys() & {"Period", *SUPPRESSOR[1:]}:
            typed[name] = int(typed[name])
        if "ReturnData" in typed:
            typed["ReturnData"] = typed["ReturnData"] in (True, "true")
        return typed
    return value
