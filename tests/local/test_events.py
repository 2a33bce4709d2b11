"""Alarms, rules and schedules reach whom they may, and nobody else."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from local.aws import LocalAws

from .conftest import KEEP_EVENT, Api, policy

THROWS = """
    def handler(event, context):
        raise RuntimeError("as planned")
"""
ANOTHER_RULE = "arn:aws:events:ap-northeast-2:000000000000:rule/another"
SCHEDULE = {
    "ScheduleExpression": "rate(5 minutes)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {"Arn": "arn:aws:lambda:ap-northeast-2:000000000000:function:f", "RoleArn": "arn:aws:iam::000000000000:role/r"},
}


def alarm(aws: LocalAws, function: str) -> str:
    """An alarm on the function's errors, by its ARN."""
    cloudwatch = aws.client("cloudwatch")
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": [{"Name": "FunctionName", "Value": function}]}
    when = {"Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName=function, **metric, **when)
    return str(cloudwatch.describe_alarms(AlarmNames=[function])["MetricAlarms"][0]["AlarmArn"])


def function_target(api: Api, rule: str | None) -> str:
    """A function that lets this rule invoke it; None = it lets none."""
    functions, name = api.aws.client("lambda"), api.function(KEEP_EVENT)
    if rule:
        allowed = {"Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com", "SourceArn": rule}
        functions.add_permission(FunctionName=name, StatementId="Rule", **allowed)
    return str(functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"])


def queue_target(api: Api, rule: str | None) -> str:
    sqs = api.aws.client("sqs")
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])
    if rule:
        who = {"Principal": {"Service": "events.amazonaws.com"}, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}
        statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn, **who}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(statement)})
    return arn


def test_an_error_alarms_and_invokes_whom_the_rule_may(api: Api) -> None:
    aws, events, sqs = api.aws, api.aws.client("events"), api.aws.client("sqs")
    throws, other = api.function(THROWS), api.function("def handler(event, context): pass")
    arn = alarm(aws, throws)
    alarm(aws, other)
    rule = events.put_rule(Name=throws, EventPattern=json.dumps({"source": ["aws.cloudwatch"], "resources": [arn]}))["RuleArn"]
    functions = [function_target(api, allowed) for allowed in (None, ANOTHER_RULE, rule)]
    queues = [queue_target(api, allowed) for allowed in (None, ANOTHER_RULE, rule)]
    events.put_targets(Rule=throws, Targets=[{"Id": str(number), "Arn": arn} for number, arn in enumerate(functions + queues)])

    for function in (throws, other):
        aws.client("lambda").invoke(FunctionName=function)
    alarms = aws.client("cloudwatch").describe_alarms(AlarmNames=[throws, other])["MetricAlarms"]
    assert {found["AlarmName"]: found["StateValue"] for found in alarms} == {throws: "ALARM", other: "OK"}
    urls = [sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"] for queue in queues]
    [queued] = sqs.receive_message(QueueUrl=urls.pop(), WaitTimeSeconds=10)["Messages"]
    event = api.next_event() or {}
    assert event == json.loads(queued["Body"])
    assert (event["source"], event["detail-type"], event["resources"]) == ("aws.cloudwatch", "CloudWatch Alarm State Change", [arn])
    assert event["detail"]["alarmName"] == throws
    assert (event["detail"]["previousState"]["value"], event["detail"]["state"]["value"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert api.next_event(wait=1) is None
    assert not any("Messages" in sqs.receive_message(QueueUrl=url) for url in urls)


def test_a_rate_schedule_runs_at_once(api: Api) -> None:
    functions, scheduler, name = api.aws.client("lambda"), api.aws.client("scheduler"), uuid.uuid4().hex
    function = functions.get_function(FunctionName=api.function(KEEP_EVENT))["Configuration"]
    target = {"Arn": function["FunctionArn"], "RoleArn": function["Role"], "Input": '{"from": "schedule"}'}
    scheduler.create_schedule(Name=name, **{**SCHEDULE, "Target": target})
    assert api.next_event(wait=20) == {"from": "schedule"}
    scheduler.delete_schedule(Name=name)


def test_a_repeated_token_repeats_the_answer(aws: LocalAws) -> None:
    scheduler: Any = aws.client("scheduler")
    first, second = (scheduler.create_schedule(Name="repeated", ClientToken="one", **SCHEDULE) for _ in range(2))
    assert first["ScheduleArn"] == second["ScheduleArn"]
    for changes in ({"ClientToken": "two"}, {"ClientToken": "one", "State": "DISABLED"}):
        with pytest.raises(scheduler.exceptions.ConflictException):
            scheduler.create_schedule(Name="repeated", **SCHEDULE, **changes)
    for _ in range(2):
        scheduler.delete_schedule(Name="repeated", ClientToken="three")
