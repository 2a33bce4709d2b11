"""An alarm is about one function, and its rule reaches whom the target's policy allows, and nobody else."""

from __future__ import annotations

import json
from typing import Any

from .conftest import KEEP_EVENT, Api, policy

THROWS = """
    def handler(event, context):
        raise RuntimeError("as planned")
"""
ANOTHER_RULE = "arn:aws:events:ap-northeast-2:000000000000:rule/another"
WHEN = {"Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold"}


def alarm(api: Api, function: str) -> dict[str, Any]:
    """An alarm on the function's errors."""
    cloudwatch, dimensions = api.aws.client("cloudwatch"), [{"Name": "FunctionName", "Value": function}]
    cloudwatch.put_metric_alarm(AlarmName=function, Namespace="AWS/Lambda", MetricName="Errors", Dimensions=dimensions, **WHEN)
    return dict(cloudwatch.describe_alarms(AlarmNames=[function])["MetricAlarms"][0])


def function_target(api: Api, rule: str | None) -> str:
    """A function that lets this rule invoke it; None = it lets none."""
    functions, name = api.aws.client("lambda"), api.function(KEEP_EVENT)
    if rule:
        allowed = {"Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com", "SourceArn": rule}
        functions.add_permission(FunctionName=name, StatementId="Rule", **allowed)
    return str(functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"])


def queue_target(api: Api, name: str, rule: str | None) -> str:
    sqs = api.aws.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])
    if rule:
        who = {"Principal": {"Service": "events.amazonaws.com"}, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}
        statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn, **who}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(statement)})
    return arn


def test_an_error_alarms_and_invokes_whom_the_rule_may(api: Api) -> None:
    aws, events, sqs = api.aws, api.aws.client("events"), api.aws.client("sqs")
    throws, other = api.function(THROWS), api.function("def handler(event, context): pass")
    arn = alarm(api, throws)["AlarmArn"]
    alarm(api, other)
    rule = events.put_rule(Name=throws, EventPattern=json.dumps({"source": ["aws.cloudwatch"], "resources": [arn]}))["RuleArn"]
    allowed = {"none": None, "another": ANOTHER_RULE, "this": rule}
    targets = [*(function_target(api, who) for who in allowed.values()), *(queue_target(api, *its) for its in allowed.items())]
    events.put_targets(Rule=throws, Targets=[{"Id": str(number), "Arn": arn} for number, arn in enumerate(targets)])

    for function in (throws, other):
        aws.client("lambda").invoke(FunctionName=function)
    alarms = aws.client("cloudwatch").describe_alarms(AlarmNames=[throws, other])["MetricAlarms"]
    assert {found["AlarmName"]: found["StateValue"] for found in alarms} == {throws: "ALARM", other: "OK"}
    urls = {name: sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in allowed}
    [queued] = sqs.receive_message(QueueUrl=urls["this"], WaitTimeSeconds=10)["Messages"]
    event = api.next_event() or {}
    assert event == json.loads(queued["Body"])
    assert (event["source"], event["detail-type"], event["resources"]) == ("aws.cloudwatch", "CloudWatch Alarm State Change", [arn])
    assert event["detail"]["alarmName"] == throws
    assert (event["detail"]["previousState"]["value"], event["detail"]["state"]["value"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert api.next_event(wait=1) is None
    assert not any("Messages" in sqs.receive_message(QueueUrl=urls[name]) for name in ("none", "another"))
