"""Policies are judged as AWS judges them, where nothing else would show it.

Actions and resources are shown by the policies of docs/permissions (`make permissions CHECK=1`, tests/lifecycle), a condition on the
principal by tests/lifecycle/test_queue.py.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import LocalAws
from tools.permissions import User

from .conftest import ARN, policy

KEY = {"connectionId": {"S": "one"}}
NAMED = {"ProjectionExpression": "connectionId, #s", "ExpressionAttributeNames": {"#s": "stage"}}
SET = {"Key": KEY, "UpdateExpression": "SET stage = :v", "ExpressionAttributeValues": {":v": {"S": "v"}}}


def user(aws: LocalAws, *statements: dict[str, Any]) -> User:
    return User(aws, f"u-{uuid.uuid4().hex[:8]}", policy(*statements))


def test_attributes_that_are_not_allowed_are_denied(aws: LocalAws) -> None:
    attributes = {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["connectionId", "stage"]}}
    read = {**attributes, "StringEqualsIfExists": {"dynamodb:Select": ["SPECIFIC_ATTRIBUTES"]}}
    write = {**attributes, "StringEqualsIfExists": {"dynamodb:ReturnValues": ["NONE"]}}
    reading = {"Effect": "Allow", "Action": ["dynamodb:Scan", "dynamodb:BatchGetItem"], "Resource": "*", "Condition": read}
    writing = {"Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": "*", "Condition": write}
    dynamodb = user(aws, reading, writing).client("dynamodb")
    for method, arguments, allowed in (
        ("scan", NAMED, True),
        ("scan", {}, False),
        ("scan", {"ProjectionExpression": "connectionId, clientId"}, False),
        ("scan", {**NAMED, "FilterExpression": "attribute_exists(clientId)"}, False),
        ("batch_get_item", {"Keys": [KEY], **NAMED}, True),
        ("batch_get_item", {"Keys": [KEY]}, False),
        ("update_item", {**SET, "ConditionExpression": "attribute_not_exists(connectionId)"}, True),
        ("update_item", {**SET, "UpdateExpression": "SET clientId = :v"}, False),
        ("update_item", {**SET, "ReturnValues": "ALL_OLD"}, False),
    ):
        request = {"RequestItems": {"none": arguments}} if method == "batch_get_item" else {"TableName": "none", **arguments}
        with pytest.raises(ClientError, match="ResourceNotFound" if allowed else "not authorized"):
            getattr(dynamodb, method)(**request)


def test_moving_messages_takes_the_permissions_of_both_queues(aws: LocalAws) -> None:
    sqs = aws.client("sqs")
    names = [uuid.uuid4().hex for _ in range(2)]
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in names]
    queue, dead = (ARN.format("sqs", name) for name in names)
    sqs.send_message(QueueUrl=urls[1], MessageBody="moved")
    of_dead = ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
    statements = {name: {"Effect": "Allow", "Action": f"sqs:{name}", "Resource": dead} for name in of_dead}
    statements["SendMessage"] = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue}
    for lacking in statements:
        operator = user(aws, *(statement for name, statement in statements.items() if name != lacking)).client("sqs")
        with pytest.raises(ClientError, match=f"sqs:{lacking}"):
            operator.start_message_move_task(SourceArn=dead, DestinationArn=queue)

    user(aws, *statements.values()).client("sqs").start_message_move_task(SourceArn=dead, DestinationArn=queue)
    [task] = sqs.list_message_move_tasks(SourceArn=dead)["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    assert [message["Body"] for message in sqs.receive_message(QueueUrl=urls[0])["Messages"]] == ["moved"]
