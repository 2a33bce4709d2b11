"""Every command of docs/operations.md, run by a role that is on call: with docs/permissions/on-call.json and nothing else."""

from __future__ import annotations

import json
import re
import time

import pytest
from botocore.exceptions import ClientError

from tests.command_line import commands, fill, run
from tools.deployment import until
from tools.permissions import User
from tools.stack import Stack

from .conftest import on_call

pytestmark = pytest.mark.xdist_group("lifecycle")

COMMANDS = commands("operations.md")


def test_every_command_of_the_runbook_works(stacks: dict[str, Stack]) -> None:
    assert len(COMMANDS) > 15
    stack = stacks["staging"]
    stack.clear()
    queues, now = stack.outputs["retry_queue"], int(time.time())
    ended = {"connectionId": "left=", "cause": "client_closed", "endedAt": now * 1000}
    stack.aws.client("dynamodb").put_item(TableName=stack.table, Item={"connectionId": {"S": "left="}})
    for letter in ({"version": 1, "close": {"ended": ended}}, {"version": 1, "nonsense": True}):
        stack.aws.client("sqs").send_message(QueueUrl=queues["dead_letter_url"], MessageBody=json.dumps(letter))

    words = {"NAME": stack.name, "TABLE": stack.table, "API_ID": stack.outputs["websocket_api"]["id"]}
    words |= {"START": str(now - 3600), "END": str(now)}
    words |= {"DEAD_LETTER_URL": queues["dead_letter_url"], "DEAD_LETTER_ARN": queues["dead_letter_arn"], "RETRY_QUEUE_ARN": queues["arn"]}
    client = on_call(stack)
    for command in COMMANDS:
        answer = run(fill(command, words), client)
        for name, value in re.findall(r"(\w+): (\w+)", command.partition("  #")[2]):
            assert f'"{name}": "{value}"' in json.dumps(answer, default=str), command
        words["QUERY_ID"] = answer.get("queryId") or words.get("QUERY_ID", "")
        for message in answer.get("Messages", []):
            words |= {"RECEIPT_HANDLE": message["ReceiptHandle"]} if "nonsense" in message["Body"] else {}

    assert until(stack.records, lambda records: not records, 60, 0.1) == []
    assert stack.messages(queues["dead_letter_url"]) == 0


def test_nobody_else_sends_to_the_retry_queue(stacks: dict[str, Stack]) -> None:
    stack = stacks["staging"]
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    for client in (stack.aws.client, User(stack.aws, "stranger", json.dumps(everything)).client):
        with pytest.raises(ClientError, match="AccessDenied"):
            client("sqs").send_message(QueueUrl=stack.retry_queue, MessageBody="{}")
