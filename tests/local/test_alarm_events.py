"""CloudWatch tells EventBridge how alarms change, and EventBridge the functions that let its rule."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.aws import LocalAws

from .conftest import KEEP_EVENT, Api

THROWS = """
    def handler(event, context):
        raise RuntimeError("as planned")
"""


def alarm(aws: LocalAws, function: str) -> str:
    """An alarm on the function's errors, by its ARN."""
    cloudwatch = aws.client("cloudwatch")
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": [{"Name": "FunctionName", "Value": function}]}
    when = {"Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName=function, **metric, **when)
    return str(cloudwatch.describe_alarms(AlarmNames=[function])["MetricAlarms"][0]["AlarmArn"])


def rule(aws: LocalAws, alarm_arn: str, target: str, permission: str | None = None, target_input: dict[str, Any] | None = None) -> None:
    """From the alarm's changes to the function `target`, with a permission for `permission` (the rule itself; "" = none)."""
    events, functions = aws.client("events"), aws.client("lambda")
    name = alarm_arn.rpartition(":")[2] + target
    pattern = {"source": ["aws.cloudwatch"], "resources": [alarm_arn]}
    arn = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    if permission != "":
        allowed = {"Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com", "SourceArn": permission or arn}
        functions.add_permission(FunctionName=target, StatementId="Rule", **allowed)
    given = {"Input": json.dumps(target_input)} if target_input else {}
    function_arn = functions.get_function(FunctionName=target)["Configuration"]["FunctionArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "function", "Arn": function_arn, **given}])


def state(aws: LocalAws, name: str) -> str:
    return str(aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])


def test_an_error_moves_only_the_alarm_of_its_function(api: Api) -> None:
    throws, other = api.function(THROWS), api.function(THROWS)
    alarm(api.aws, throws)
    alarm(api.aws, other)
    api.aws.client("lambda").invoke(FunctionName=throws)
    assert (state(api.aws, throws), state(api.aws, other)) == ("ALARM", "INSUFFICIENT_DATA")


def test_a_change_of_state_is_an_event_with_both_states(api: Api) -> None:
    throws, keeps = api.function(THROWS), api.function(KEEP_EVENT)
    arn = alarm(api.aws, throws)
    rule(api.aws, arn, keeps)
    api.aws.client("lambda").invoke(FunctionName=throws)
    event = api.next_event()
    assert event
    assert (event["source"], event["detail-type"], event["resources"]) == ("aws.cloudwatch", "CloudWatch Alarm State Change", [arn])
    assert event["detail"]["alarmName"] == throws
    assert (event["detail"]["previousState"]["value"], event["detail"]["state"]["value"]) == ("INSUFFICIENT_DATA", "ALARM")


@pytest.mark.parametrize("permission", ["", "arn:aws:events:ap-northeast-2:000000000000:rule/another"], ids=["none", "another rule's"])
def test_a_function_that_does_not_let_the_rule_is_not_invoked(permission: str, api: Api) -> None:
    watched, refuses, allows = api.function(THROWS), api.function(KEEP_EVENT), api.function(KEEP_EVENT)
    arn = alarm(api.aws, watched)
    rule(api.aws, arn, refuses, permission, {"rule": "who refuses"})
    rule(api.aws, arn, allows, target_input={"rule": "who allows"})
    api.aws.client("cloudwatch").set_alarm_state(AlarmName=watched, StateValue="ALARM", StateReason="a test")
    assert api.next_event() == {"rule": "who allows"}
    assert api.next_event(wait=1) is None
