"""Policies are judged as AWS judges them: actions, resources, conditions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import LocalAws
from tools.permissions import FOLDER, User, filled

from .conftest import Api, policy

FUNCTION = "arn:aws:lambda:REGION:ACCOUNT:function:f"
MAPPING = "6f2ad3b0-5d4c-4a5e-9f5a-0d1b2c3d4e5f"
RULE = "arn:aws:events:REGION:ACCOUNT:rule/r"
TABLE = "arn:aws:dynamodb:REGION:ACCOUNT:table/t"
CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("lambda:CreateFunction", FUNCTION, "create_function", {"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "Code": {}}),
    ("lambda:GetFunctionConcurrency", FUNCTION, "get_function_concurrency", {"FunctionName": "f"}),
    ("lambda:DeleteFunctionConcurrency", FUNCTION, "delete_function_concurrency", {"FunctionName": "f"}),
    ("lambda:InvokeFunction", FUNCTION, "invoke", {"FunctionName": "f"}),
    ("lambda:ListTags", FUNCTION, "list_tags", {"Resource": filled(FUNCTION)}),
    (
        "lambda:GetEventSourceMapping",
        f"arn:aws:lambda:REGION:ACCOUNT:event-source-mapping:{MAPPING}",
        "get_event_source_mapping",
        {"UUID": MAPPING},
    ),
    ("lambda:CreateEventSourceMapping", "*", "create_event_source_mapping", {"FunctionName": "f"}),
    ("scheduler:GetSchedule", "arn:aws:scheduler:REGION:ACCOUNT:schedule/g/s", "get_schedule", {"GroupName": "g", "Name": "s"}),
    ("events:ListTagsForResource", RULE, "list_tags_for_resource", {"ResourceARN": filled(RULE)}),
    ("events:ListTargetsByRule", RULE, "list_targets_by_rule", {"Rule": "r", "EventBusName": "default"}),
    ("events:DescribeRule", "arn:aws:events:REGION:ACCOUNT:rule/b/r", "describe_rule", {"Name": "r", "EventBusName": "b"}),
    ("dynamodb:ListTagsOfResource", TABLE, "list_tags_of_resource", {"ResourceArn": filled(TABLE)}),
    (
        "logs:StartQuery",
        "arn:aws:logs:REGION:ACCOUNT:log-group:g",
        "start_query",
        {"logGroupNames": ["g"], "startTime": 0, "endTime": 1, "queryString": "limit 1"},
    ),
]
KEY = {"connectionId": {"S": "one"}}
NAMED = {"ProjectionExpression": "connectionId, #s", "ExpressionAttributeNames": {"#s": "stage"}}
SET = {"Key": KEY, "UpdateExpression": "SET stage = :v", "ExpressionAttributeValues": {":v": {"S": "v"}}}


def user(aws: LocalAws, *policies: str) -> User:
    return User(aws, f"u-{uuid.uuid4().hex[:8]}", *policies)


def test_a_call_is_judged_by_its_action_and_resource(aws: LocalAws) -> None:
    nobody = user(aws)
    for action, _resource, method, arguments in CASES:
        call: Callable[..., Any] = getattr(nobody.client(action.partition(":")[0]), method)
        with pytest.raises(ClientError, match="not authorized to perform"):
            call(**arguments)
    assert nobody.calls() == {(action, filled(resource)) for action, resource, _method, _arguments in CASES}


@pytest.mark.parametrize(
    ("method", "arguments", "allowed"),
    [
        ("scan", NAMED, True),
        ("scan", {}, False),
        ("scan", {"ProjectionExpression": "connectionId, clientId"}, False),
        ("scan", {**NAMED, "FilterExpression": "attribute_exists(clientId)"}, False),
        ("batch_get_item", {"Keys": [KEY], **NAMED}, True),
        ("batch_get_item", {"Keys": [KEY]}, False),
        ("update_item", {**SET, "ConditionExpression": "attribute_not_exists(connectionId)"}, True),
        ("update_item", {**SET, "UpdateExpression": "SET clientId = :v"}, False),
        ("update_item", {**SET, "ReturnValues": "ALL_OLD"}, False),
    ],
)
def test_attributes_that_are_not_allowed_are_denied(aws: LocalAws, method: str, arguments: dict[str, Any], allowed: bool) -> None:
    attributes = {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["connectionId", "stage"]}}
    read = {**attributes, "StringEqualsIfExists": {"dynamodb:Select": ["SPECIFIC_ATTRIBUTES"]}}
    write = {**attributes, "StringEqualsIfExists": {"dynamodb:ReturnValues": ["NONE"]}}
    reading = {"Effect": "Allow", "Action": ["dynamodb:Scan", "dynamodb:BatchGetItem"], "Resource": "*", "Condition": read}
    writing = {"Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": "*", "Condition": write}
    call = getattr(user(aws, policy(reading, writing)).client("dynamodb"), method)
    arguments = {"RequestItems": {"none": arguments}} if method == "batch_get_item" else {"TableName": "none", **arguments}
    with pytest.raises(ClientError, match="ResourceNotFound" if allowed else "not authorized"):
        call(**arguments)


@pytest.mark.parametrize("named", [True, False])
def test_a_condition_on_the_principal_sees_the_functions_role(api: Api, named: bool) -> None:
    function = api.function("""
        import boto3
        def handler(event, context):
            boto3.client("sqs").send_message(QueueUrl="QUEUE", MessageBody="sent")
    """)
    sender = f"arn:aws:iam::000000000000:role/{function if named else 'other'}"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    condition = {"Condition": {"ArnNotLike": {"aws:PrincipalArn": [sender]}}}
    sqs = api.aws.client("sqs")
    sqs.set_queue_attributes(QueueUrl=api.events, Attributes={"Policy": policy(deny | condition)})
    assert ("FunctionError" not in api.aws.client("lambda").invoke(FunctionName=function)) is named
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.send_message(QueueUrl=api.events, MessageBody="by the root")


@pytest.mark.parametrize("denied", ["without TLS", "in any case"])
def test_loopback_counts_as_tls(aws: LocalAws, denied: str) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=uuid.uuid4().hex)["QueueUrl"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    plain = {"Condition": {"Bool": {"aws:SecureTransport": "false"}}} if denied == "without TLS" else {}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(deny | plain)})
    with nullcontext() if plain else pytest.raises(ClientError, match="AccessDenied"):
        sqs.send_message(QueueUrl=url, MessageBody="any")


def test_alarms_need_a_wide_scope_and_the_role_of_incidents(aws: LocalAws) -> None:
    metric = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0.0}
    put_metric = ("put_metric_alarm", {"AlarmName": "NAME-a", "ComparisonOperator": "GreaterThanThreshold", **metric})
    put_composite = ("put_composite_alarm", {"AlarmName": "NAME-c", "AlarmRule": 'ALARM("NAME-a")'})
    incident = {"AlarmActions": ["arn:aws:ssm-incidents::000000000000:responseplan/pager"]}
    document = json.loads((FOLDER / "apply.json").read_text())
    for sid, lacking, (method, arguments) in (
        ("AlarmRoles", "iam:CreateServiceLinkedRole", put_metric),
        ("WithoutResource", "cloudwatch:PutCompositeAlarm", put_composite),
    ):
        narrowed = [{**s, "Resource": "arn:aws:cloudwatch:*:*:alarm:NAME-*"} if s["Sid"] == sid else s for s in document["Statement"]]
        for statements in (document["Statement"], narrowed):
            caller = user(aws, filled(json.dumps({**document, "Statement": statements})))
            with nullcontext() if statements != narrowed else pytest.raises(ClientError, match=f"not authorized to perform: {lacking}"):
                getattr(caller.client("cloudwatch"), method)(**arguments, **incident)


@pytest.mark.parametrize("lacking", ["StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "SendMessage", ""])
def test_moving_messages_takes_the_permissions_of_both_queues(aws: LocalAws, lacking: str) -> None:
    sqs = aws.client("sqs")
    urls = [sqs.create_queue(QueueName=uuid.uuid4().hex)["QueueUrl"] for _ in range(2)]
    queue, dead = (sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"] for url in urls)
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=urls[0], Attributes={"RedrivePolicy": redrive})
    sqs.send_message(QueueUrl=urls[0], MessageBody="moved here by SQS")
    for _ in range(2):
        sqs.receive_message(QueueUrl=urls[0], VisibilityTimeout=0)
    sqs.send_message(QueueUrl=urls[1], MessageBody="sent here")
    actions = ["StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"]
    allowed = [{"Effect": "Allow", "Action": f"sqs:{action}", "Resource": dead} for action in actions if action != lacking]
    allowed += [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue}] if lacking != "SendMessage" else []
    operator = user(aws, policy(*allowed)).client("sqs")
    with pytest.raises(ClientError, match=f"sqs:{lacking}") if lacking else nullcontext():
        operator.start_message_move_task(SourceArn=dead)
    if not lacking:
        [task] = sqs.list_message_move_tasks(SourceArn=dead)["Results"]
        assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource"), "the one that was sent there"
        assert sqs.start_message_move_task(SourceArn=dead, DestinationArn=queue)["TaskHandle"]
        assert sqs.list_message_move_tasks(SourceArn=dead)["Results"][0]["ApproximateNumberOfMessagesMoved"] == 1
        moved = sqs.receive_message(QueueUrl=urls[0], MaxNumberOfMessages=10)["Messages"]
        assert {message["Body"] for message in moved} == {"moved here by SQS", "sent here"}
