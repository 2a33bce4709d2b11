"""EventBridge passes an event on to the queues that let its rule."""

from __future__ import annotations

import json
import uuid

import pytest

from local.aws import LocalAws


def queue(aws: LocalAws, source_arn: str | None) -> tuple[str, str]:
    """URL and ARN of a queue that lets EventBridge send in this rule's name; None = it lets nobody."""
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    if source_arn:
        who = {"Principal": {"Service": "events.amazonaws.com"}, "Condition": {"ArnEquals": {"aws:SourceArn": source_arn}}}
        statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn, **who}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


@pytest.mark.parametrize("refuses", [None, "arn:aws:events:ap-northeast-2:000000000000:rule/another"], ids=["nobody", "another rule"])
def test_a_queue_that_does_not_let_the_rule_gets_nothing(refuses: str | None, aws: LocalAws) -> None:
    events, sqs, name = aws.client("events"), aws.client("sqs"), f"r-{uuid.uuid4().hex[:8]}"
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    (refused, refused_arn), (allowed, allowed_arn) = queue(aws, refuses), queue(aws, rule)
    events.put_targets(Rule=name, Targets=[{"Id": "refused", "Arn": refused_arn}, {"Id": "allowed", "Arn": allowed_arn}])
    answer = events.put_events(Entries=[{"Source": name, "DetailType": "Test", "Detail": '{"rule": "who allows"}'}])
    assert answer["FailedEntryCount"] == 0
    [message] = sqs.receive_message(QueueUrl=allowed, WaitTimeSeconds=10)["Messages"]
    assert json.loads(message["Body"])["detail"] == {"rule": "who allows"}
    assert "Messages" not in sqs.receive_message(QueueUrl=refused)
