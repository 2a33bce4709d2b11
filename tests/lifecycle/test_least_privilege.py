"""Each statement of the roles is needed: with it, the call that it is for succeeds; without it, the call is denied.

Not here, since MiniStack does not judge them: writing logs, and what the event source mapping and the schedule do in a role's name. Those,
and sending the rest of a sweep to the retry queue, are pinned by the exact policies in tests/module.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from itertools import dropwhile
from urllib.parse import unquote

import pytest

from local.fault_proxy import Request
from tools.clients import Client
from tools.deployment import until
from tools.stack import Stack

from .conftest import on_call

pytestmark = pytest.mark.xdist_group("lifecycle")


# What makes a function call: each returns a text that its first call holds, which an earlier test's calls don't.


def a_client_leaves(stack: Stack) -> str:
    client = Client(stack.url, "leaves")
    connection_id = stack.records()[0]["connectionId"]["S"]
    client.close()
    return str(connection_id)


def a_removal_is_retried(stack: Stack) -> str:
    ended = {"connectionId": new_id(), "cause": "client_closed", "endedAt": int(time.time() * 1000)}
    on_call(stack)("sqs").send_message(QueueUrl=stack.retry_queue, MessageBody=json.dumps({"version": 1, "close": {"ended": ended}}))
    return str(ended["connectionId"])


def a_message_makes_no_sense(stack: Stack) -> str:
    text = new_id()
    on_call(stack)("sqs").send_message(QueueUrl=stack.retry_queue, MessageBody=json.dumps({"version": 1, "nonsense": text}))
    return text


def the_schedule_fires(stack: Stack) -> str:
    stack.sweep()
    return stack.table


def the_schedule_finds_a_suspect(stack: Stack) -> str:
    suspect, an_hour_ago = new_id(), str(int(time.time() * 1000) - 3_600_000)
    record = {"connectionId": {"S": suspect}, "connectedAt": {"N": an_hour_ago}}
    stack.aws.client("dynamodb").put_item(TableName=stack.table, Item=record)
    stack.sweep()
    return suspect


def a_sender_reports(stack: Stack) -> str:
    gone = new_id()
    stack.send(stack.report_queue, {"version": 1, "gone": {"connectionId": gone}})
    return gone


def new_id() -> str:
    return f"{uuid.uuid4().hex[:15]}="


# The last field: which operation of DynamoDB fails meanwhile, "" = all, None = none.
CASES: list[tuple[str, str, Callable[[Stack], str], tuple[str, str], str | None]] = [
    ("disconnect", "RemoveRecord", a_client_leaves, ("dynamodb", "DeleteItem"), None),
    ("disconnect", "SendRetries", a_client_leaves, ("sqs", "SendMessage"), "DeleteItem"),
    ("cleanup", "RemoveRecord", a_removal_is_retried, ("dynamodb", "DeleteItem"), None),
    ("cleanup", "ReceiveRetries", a_removal_is_retried, ("sqs", "ChangeMessageVisibility"), ""),
    ("cleanup", "SendDeadLetters", a_message_makes_no_sense, ("sqs", "SendMessage"), None),
    ("cleanup", "ScanRecords", the_schedule_fires, ("dynamodb", "Scan"), None),
    ("cleanup", "ReadSuspects", a_sender_reports, ("dynamodb", "BatchGetItem"), None),
    ("cleanup", "ProbeConnections", the_schedule_finds_a_suspect, ("execute-api", "GetConnection"), None),
]


@pytest.mark.parametrize("allowed", [True, False], ids=["with", "without"])
@pytest.mark.parametrize(("function", "sid", "scenario", "call", "away"), CASES, ids=[f"{function}-{sid}" for function, sid, *_ in CASES])
def test_a_statement_allows_what_it_is_for(
    stacks: dict[str, Stack],
    function: str,
    sid: str,
    scenario: Callable[[Stack], str],
    call: tuple[str, str],
    away: str | None,
    allowed: bool,
) -> None:
    stack = stacks["staging"]
    stack.clear()
    stack.aws.faults.requests.clear()
    fault = nullcontext() if away is None else stack.aws.faults.fail("dynamodb", "InternalServerError", operation=away or None)
    with nullcontext() if allowed else stack.without_statement(stack.role(function), sid), fault:
        about = scenario(stack)

        def calls() -> list[Request]:
            of_this = dropwhile(lambda r: about not in unquote(r.path) + r.body.decode(), list(stack.aws.faults.requests))
            return [r for r in of_this if (r.service, r.operation) == call and r.status is not None and not r.fault]

        found = until(calls, seconds=60, every=0.05)
        assert found, f"{call} was never called"
        assert (b"not authorized" in found[0].answer) is not allowed, found[0]
