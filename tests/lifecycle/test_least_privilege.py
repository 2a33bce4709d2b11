"""Each statement of the roles is needed: with it, the call that it is for succeeds; without it, the call is denied.

Not here, since MiniStack does not judge them: writing logs, and what the event source mapping and the schedule do in a role's name. Those,
and sending the rest of a sweep to the retry queue, are pinned by the exact policies in tests/module.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import dropwhile
from typing import Any
from urllib.parse import unquote

import pytest

from local.fault_proxy import Request
from tools.clients import Client
from tools.deployment import until
from tools.stack import Stack

from .conftest import on_call

pytestmark = pytest.mark.xdist_group("lifecycle")


# What makes a function call: each yields a text that its first call holds, which an earlier test's calls don't.


@contextmanager
def a_client_leaves(stack: Stack) -> Iterator[str]:
    client = Client(stack.url, "leaves")
    connection_id = stack.records()[0]["connectionId"]["S"]
    client.close()
    yield connection_id


@contextmanager
def a_client_leaves_while_dynamodb_is_away(stack: Stack) -> Iterator[str]:
    with stack.aws.faults.fail("dynamodb", "InternalServerError", operation="DeleteItem"), a_client_leaves(stack) as connection_id:
        yield connection_id


@contextmanager
def a_removal_is_retried(stack: Stack) -> Iterator[str]:
    ended = {"connectionId": new_id(), "cause": "client_closed", "endedAt": int(time.time() * 1000)}
    send(stack, {"version": 1, "close": {"ended": ended}})
    yield str(ended["connectionId"])


@contextmanager
def a_retry_fails(stack: Stack) -> Iterator[str]:
    with stack.aws.faults.fail("dynamodb", "InternalServerError"), a_removal_is_retried(stack) as connection_id:
        yield connection_id


@contextmanager
def a_message_makes_no_sense(stack: Stack) -> Iterator[str]:
    text = new_id()
    send(stack, {"version": 1, "nonsense": text})
    yield text


@contextmanager
def the_schedule_fires(stack: Stack) -> Iterator[str]:
    stack.sweep()
    yield stack.table


@contextmanager
def the_schedule_finds_a_suspect(stack: Stack) -> Iterator[str]:
    suspect = new_id()
    an_hour_ago = {"connectedAt": {"N": str(int(time.time() * 1000) - 3_600_000)}}
    stack.aws.client("dynamodb").put_item(TableName=stack.table, Item={"connectionId": {"S": suspect}, **an_hour_ago})
    stack.sweep()
    yield suspect


@contextmanager
def a_sender_reports(stack: Stack) -> Iterator[str]:
    gone = new_id()
    stack.send(stack.report_queue, {"version": 1, "gone": {"connectionId": gone}})
    yield gone


def new_id() -> str:
    return f"{uuid.uuid4().hex[:15]}="


def send(stack: Stack, message: dict[str, Any]) -> None:
    on_call(stack)("sqs").send_message(QueueUrl=stack.retry_queue, MessageBody=json.dumps(message))


CASES: list[tuple[str, str, Callable[[Stack], AbstractContextManager[str]], tuple[str, str]]] = [
    ("disconnect", "RemoveRecord", a_client_leaves, ("dynamodb", "DeleteItem")),
    ("disconnect", "SendRetries", a_client_leaves_while_dynamodb_is_away, ("sqs", "SendMessage")),
    ("cleanup", "RemoveRecord", a_removal_is_retried, ("dynamodb", "DeleteItem")),
    ("cleanup", "ReceiveRetries", a_retry_fails, ("sqs", "ChangeMessageVisibility")),
    ("cleanup", "SendDeadLetters", a_message_makes_no_sense, ("sqs", "SendMessage")),
    ("cleanup", "ScanRecords", the_schedule_fires, ("dynamodb", "Scan")),
    ("cleanup", "ReadSuspects", a_sender_reports, ("dynamodb", "BatchGetItem")),
    ("cleanup", "ProbeConnections", the_schedule_finds_a_suspect, ("execute-api", "GetConnection")),
]


@pytest.mark.parametrize("allowed", [True, False], ids=["with", "without"])
@pytest.mark.parametrize(("function", "sid", "scenario", "call"), CASES, ids=[f"{function}-{sid}" for function, sid, *_ in CASES])
def test_a_statement_allows_what_it_is_for(
    stacks: dict[str, Stack],
    function: str,
    sid: str,
    scenario: Callable[[Stack], AbstractContextManager[str]],
    call: tuple[str, str],
    allowed: bool,
) -> None:
    stack = stacks["staging"]
    stack.clear()
    stack.aws.faults.requests.clear()
    with nullcontext() if allowed else stack.without_statement(stack.role(function), sid), scenario(stack) as about:

        def calls() -> list[Request]:
            of_this = dropwhile(lambda r: about not in unquote(r.path) + r.body.decode(), list(stack.aws.faults.requests))
            return [r for r in of_this if (r.service, r.operation) == call and r.status is not None and not r.fault]

        found = until(calls, seconds=60, every=0.05)
        assert found, f"{call} was never called"
        assert (b"not authorized" in found[0].answer) is not allowed, found[0]
