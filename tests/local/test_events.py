"""An alarm is about one function, and its rule reaches whom the target's policy allows, and nobody else."""

from __future__ import annotations

import json

from .conftest import ARN, KEEP_EVENT, SEND, Api, policy

THROWS = """
    def handler(event, context):
        raise RuntimeError("as planned")
"""
WHEN = {"Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold"}


def function_target(api: Api, rule: str | None) -> str:
    """A function that lets this rule invoke it; None = it lets none."""
    functions, name = api.aws.client("lambda"), api.function(KEEP_EVENT)
    if rule:
        allowed = {"Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com", "SourceArn": rule}
        functions.add_permission(FunctionName=name, StatementId="Rule", **allowed)
    return ARN.format("lambda", f"function:{name}")


def queue_target(api: Api, name: str, rule: str | None) -> str:
    who = {"Principal": {"Service": "events.amazonaws.com"}, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}
    api.aws.client("sqs").create_queue(QueueName=name, Attributes={"Policy": policy({**SEND, **who})} if rule else {})
    return ARN.format("sqs", name)


def test_an_error_alarms_and_invokes_whom_the_rule_may(api: Api) -> None:
    cloudwatch, events, sqs = (api.aws.client(service) for service in ("cloudwatch", "events", "sqs"))
    throws, other = api.function(THROWS), api.function("def handler(event, context): pass")
    for name in (throws, other):
        errors = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": [{"Name": "FunctionName", "Value": name}]}
        cloudwatch.put_metric_alarm(AlarmName=name, **errors, **WHEN)
    arn = cloudwatch.describe_alarms(AlarmNames=[throws])["MetricAlarms"][0]["AlarmArn"]
    rule = events.put_rule(Name=throws, EventPattern=json.dumps({"source": ["aws.cloudwatch"], "resources": [arn]}))["RuleArn"]
    allowed = {"none": None, "another": ARN.format("events", "rule/another"), "this": rule}
    targets = [*(function_target(api, who) for who in allowed.values()), *(queue_target(api, *its) for its in allowed.items())]
    events.put_targets(Rule=throws, Targets=[{"Id": str(number), "Arn": arn} for number, arn in enumerate(targets)])

    for function in (throws, other):
        api.aws.client("lambda").invoke(FunctionName=function)
    alarms = cloudwatch.describe_alarms(AlarmNames=[throws, other])["MetricAlarms"]
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
