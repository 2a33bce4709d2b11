"""What monitoring needs of the local AWS beyond plain alarms: metric math, composite alarms that wait, saved queries."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import LocalAws
from tests.local.test_alarms_and_metrics import ALARM, describe_alarms_by_query

METRIC = {"Namespace": "Test", "MetricName": "Failures", "Dimensions": [{"Name": "Name", "Value": "demo"}]}
MATH: dict[str, Any] = {
    **{name: ALARM[name] for name in ("AlarmName", "EvaluationPeriods", "Threshold", "ComparisonOperator")},
    "Metrics": [
        {"Id": "percent", "Expression": "IF(part > 3, part, 0)", "Label": "%", "ReturnData": True},
        {"Id": "part", "MetricStat": {"Metric": METRIC, "Period": 3600, "Stat": "Sum"}, "ReturnData": False},
    ],
}


def test_an_alarm_keeps_its_metric_math(aws: LocalAws) -> None:
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(**MATH)
    [alarm] = cloudwatch.describe_alarms(AlarmNames=["failures"])["MetricAlarms"]
    assert alarm["Metrics"] == MATH["Metrics"]
    assert not {"MetricName", "Statistic", "Period"} & alarm.keys()
    described = describe_alarms_by_query(aws)
    assert "<Metrics><member><Id>percent</Id><Expression>IF(part &gt; 3, part, 0)</Expression>" in described
    assert "<Statistic>" not in described


def test_a_composite_alarm_keeps_its_suppressor(aws: LocalAws) -> None:
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(**ALARM)
    suppressor = {"ActionsSuppressor": "failures", "ActionsSuppressorWaitPeriod": 900, "ActionsSuppressorExtensionPeriod": 60}
    cloudwatch.put_composite_alarm(AlarmName="composite", AlarmRule='ALARM("failures")', **suppressor)
    [alarm] = cloudwatch.describe_alarms(AlarmNames=["composite"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert {name: alarm[name] for name in suppressor} == suppressor


def test_a_query_is_saved_changed_found_and_deleted(aws: LocalAws) -> None:
    logs = aws.client("logs")
    saved = {"name": "chat/what failed", "queryString": "filter ispresent(error)", "logGroupNames": ["/aws/lambda/chat"]}
    key = logs.put_query_definition(**saved)["queryDefinitionId"]
    logs.put_query_definition(**{**saved, "queryString": "limit 1", "queryDefinitionId": key})
    [found] = logs.describe_query_definitions(queryDefinitionNamePrefix="chat/")["queryDefinitions"]
    assert (found["queryDefinitionId"], found["name"], found["queryString"]) == (key, saved["name"], "limit 1")
    assert logs.describe_query_definitions(queryDefinitionNamePrefix="other/")["queryDefinitions"] == []
    assert logs.delete_query_definition(queryDefinitionId=key)["success"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        logs.delete_query_definition(queryDefinitionId=key)
