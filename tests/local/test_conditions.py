"""Conditions of policies, and messages that are moved, as AWS judges them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import LocalAws
from tools.permissions import User

from .conftest import Api, policy

ATTRIBUTES = {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["connectionId", "stage"]}}
READ = {**ATTRIBUTES, "StringEqualsIfExists": {"dynamodb:Select": ["SPECIFIC_ATTRIBUTES"]}}
WRITE = {**ATTRIBUTES, "StringEqualsIfExists": {"dynamodb:ReturnValues": ["NONE"]}}
KEY = {"connectionId": {"S": "one"}}
ALLOWED = {"ProjectionExpression": "connectionId, #s", "ExpressionAttributeNames": {"#s": "stage"}}
SET = {"Key": KEY, "UpdateExpression": "SET stage = :v", "ExpressionAttributeValues": {":v": {"S": "v"}}}


@pytest.fixture
def table(aws: LocalAws) -> str:
    name = uuid.uuid4().hex
    aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
    )
    return name


@pytest.mark.parametrize(
    ("method", "arguments", "allowed"),
    [
        ("scan", ALLOWED, True),
        ("scan", {}, False),
        ("scan", {"ProjectionExpression": "connectionId, clientId"}, False),
        ("scan", {**ALLOWED, "FilterExpression": "attribute_exists(clientId)"}, False),
        ("batch_get_item", {"Keys": [KEY], **ALLOWED}, True),
        ("batch_get_item", {"Keys": [KEY]}, False),
        ("update_item", {**SET, "ConditionExpression": "attribute_not_exists(connectionId)"}, True),
        ("update_item", {**SET, "UpdateExpression": "SET clientId = :v"}, False),
        ("update_item", {**SET, "ReturnValues": "ALL_OLD"}, False),
    ],
)
def test_attributes_that_are_not_allowed_are_denied(
    aws: LocalAws, table: str, method: str, arguments: dict[str, Any], allowed: bool
) -> None:
    reading = {"Effect": "Allow", "Action": ["dynamodb:Scan", "dynamodb:BatchGetItem"], "Resource": "*", "Condition": READ}
    writing = {"Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": "*", "Condition": WRITE}
    user = User(aws, f"u-{uuid.uuid4().hex[:8]}", policy(reading, writing))
    call = getattr(user.client("dynamodb"), method)
    with nullcontext() if allowed else pytest.raises(ClientError, match="not authorized"):
        call(RequestItems={table: arguments}) if method == "batch_get_item" else call(TableName=table, **arguments)


@pytest.mark.parametrize("named", [True, False])
def test_a_functions_role_is_who_sends(api: Api, named: bool) -> None:
    function = api.function("""
        import boto3
        def handler(event, context):
            boto3.client("sqs").send_message(QueueUrl="{queue}", MessageBody="sent")
    """)
    sender = f"arn:aws:iam::000000000000:role/{function if named else 'other'}"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    deny["Condition"] = {"ArnNotLike": {"aws:PrincipalArn": [sender]}}  # type: ignore[assignment]
    sqs = api.aws.client("sqs")
    sqs.set_queue_attributes(QueueUrl=api.events, Attributes={"Policy": policy(deny)})
    assert ("FunctionError" not in api.aws.client("lambda").invoke(FunctionName=function)) is named
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.send_message(QueueUrl=api.events, MessageBody="by the root")


Queues = tuple[Callable[..., Any], str, str]


@pytest.fixture
def letters(aws: LocalAws) -> Iterator[Queues]:
    """The ARNs of a queue and of its dead-letter queue, in which a letter of each kind lies: moved by SQS, and sent."""
    sqs = aws.client("sqs")
    urls = [sqs.create_queue(QueueName=uuid.uuid4().hex)["QueueUrl"] for _ in range(2)]
    arns = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"] for url in urls]
    redrive = json.dumps({"deadLetterTargetArn": arns[1], "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=urls[0], Attributes={"RedrivePolicy": redrive})
    sqs.send_message(QueueUrl=urls[0], MessageBody="moved")
    for _ in range(2):
        sqs.receive_message(QueueUrl=urls[0], VisibilityTimeout=0)
    sqs.send_message(QueueUrl=urls[1], MessageBody="sent")

    def received(number: int) -> set[str]:
        found = sqs.receive_message(QueueUrl=urls[number], MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
        return {message["Body"] for message in found}

    yield received, arns[0], arns[1]
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


def test_messages_are_moved_to_the_queue_that_is_named(aws: LocalAws, letters: Queues) -> None:
    received, queue, dead = letters
    assert aws.client("sqs").start_message_move_task(SourceArn=dead, DestinationArn=queue)["TaskHandle"]
    assert (received(1), received(0)) == (set(), {"moved", "sent"})
    [task] = aws.client("sqs").list_message_move_tasks(SourceArn=dead)["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)


def test_a_message_that_was_sent_there_has_no_source(aws: LocalAws, letters: Queues) -> None:
    received, _, dead = letters
    aws.client("sqs").start_message_move_task(SourceArn=dead)
    [task] = aws.client("sqs").list_message_move_tasks(SourceArn=dead)["Results"]
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert received(1) == {"sent"}


@pytest.mark.parametrize("lacking", ["StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "SendMessage", ""])
def test_moving_messages_takes_the_permissions_of_both_queues(aws: LocalAws, letters: Queues, lacking: str) -> None:
    _, queue, dead = letters
    actions = ["StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"]
    allowed = [{"Effect": "Allow", "Action": f"sqs:{action}", "Resource": dead} for action in actions if action != lacking]
    allowed += [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue}] if lacking != "SendMessage" else []
    sqs = User(aws, f"u-{uuid.uuid4().hex[:8]}", policy(*allowed)).client("sqs")
    with pytest.raises(ClientError, match=f"sqs:{lacking}") if lacking else nullcontext():
        sqs.start_message_move_task(SourceArn=dead, DestinationArn=queue)


def test_a_table_tells_how_far_back_its_backups_go(aws: LocalAws, table: str) -> None:
    dynamodb = aws.client("dynamodb")
    for days in (35, 1):
        asked = {"RecoveryPeriodInDays": days} if days != 35 else {}
        enabled: Any = {"PointInTimeRecoveryEnabled": True, **asked}
        dynamodb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=enabled)
        found = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert found["RecoveryPeriodInDays"] == days
