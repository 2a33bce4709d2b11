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
from typing import Any

import pytest

from local.fault_proxy import Request
from tools.clients import Client
from tools.stack import Stack

pytestmark = pytest.mark.xdist_group("lifecycle")

DENIED = {400, 403}


@contextmanager
def without(stack: Stack, function: str, sid: str) -> Iterator[None]:
    """The function's role, for a while, without one of its statements."""
    name = f"history-{stack.name}-{function}"
    iam, policy = stack.aws.client("iam"), {"RoleName": name, "PolicyName": name}
    whole = iam.get_role_policy(**policy)["PolicyDocument"]
    part = {**whole, "Statement": [statement for statement in whole["Statement"] if statement["Sid"] != sid]}
    assert len(part["Statement"]) == len(whole["Statement"]) - 1, f"the role {name} has no statement {sid}"
    iam.put_role_policy(**policy, PolicyDocument=json.dumps(part))
    try:
        yield
    finally:
        iam.put_role_policy(**policy, PolicyDocument=json.dumps(whole))


@contextmanager
def a_client_leaves(stack: Stack) -> Iterator[None]:
    Client(stack.url, "leaves").close()
    yield


@contextmanager
def a_client_leaves_while_dynamodb_is_away(stack: Stack) -> Iterator[None]:
    client = Client(stack.url, "leaves")
    with stack.aws.faults.fail("dynamodb", "InternalServerError"):
        client.close()
        yield


@contextmanager
def a_removal_is_retried(stack: Stack) -> Iterator[None]:
    send(
        stack, {"version": 1, "close": {"ended": {"connectionId": new_id(), "cause": "client_closed", "endedAt": int(time.time() * 1000)}}}
    )
    yield


@contextmanager
def a_retry_fails(stack: Stack) -> Iterator[None]:
    with stack.aws.faults.fail("dynamodb", "InternalServerError"), a_removal_is_retried(stack):
        yield


@contextmanager
def a_message_makes_no_sense(stack: Stack) -> Iterator[None]:
    send(stack, {"version": 1})
    yield


@contextmanager
def the_schedule_finds_a_suspect(stack: Stack) -> Iterator[None]:
    dynamodb, key = stack.aws.client("dynamodb"), {"connectionId": {"S": new_id()}}
    an_hour_ago = {"connectedAt": {"N": str(int(time.time() * 1000) - 3_600_000)}}
    dynamodb.put_item(TableName=stack.table, Item=key | an_hour_ago)
    stack.sweep()
    yield
    dynamodb.delete_item(TableName=stack.table, Key=key)


def new_id() -> str:
    return f"{uuid.uuid4().hex[:15]}="


def send(stack: Stack, message: dict[str, Any]) -> None:
    stack.aws.client("sqs").send_message(QueueUrl=stack.retry_queue, MessageBody=json.dumps(message))


CASES: list[tuple[str, str, Callable[[Stack], AbstractContextManager[None]], tuple[str, str]]] = [
    ("disconnect", "RemoveRecord", a_client_leaves, ("dynamodb", "DeleteItem")),
    ("disconnect", "SendRetries", a_client_leaves_while_dynamodb_is_away, ("sqs", "SendMessage")),
    ("cleanup", "RemoveRecord", a_removal_is_retried, ("dynamodb", "DeleteItem")),
    ("cleanup", "ReceiveRetries", a_retry_fails, ("sqs", "ChangeMessageVisibility")),
    ("cleanup", "SendDeadLetters", a_message_makes_no_sense, ("sqs", "SendMessage")),
    ("cleanup", "ScanRecords", the_schedule_finds_a_suspect, ("dynamodb", "Scan")),
    ("cleanup", "ProbeConnections", the_schedule_finds_a_suspect, ("execute-api", "GetConnection")),
]


@pytest.mark.parametrize("allowed", [True, False], ids=["with", "without"])
@pytest.mark.parametrize(("function", "sid", "scenario", "call"), CASES, ids=[f"{function}-{sid}" for function, sid, *_ in CASES])
def test_a_statement_allows_what_it_is_for_and_nothing_else_does(
    stacks: dict[str, Stack],
    function: str,
    sid: str,
    scenario: Callable[[Stack], AbstractContextManager[None]],
    call: tuple[str, str],
    allowed: bool,
) -> None:
    stack = stacks["staging"]
    stack.settle()
    stack.aws.faults.requests.clear()

    def calls() -> list[Request]:
        made = [request for request in stack.aws.faults.requests if (request.service, request.operation) == call]
        return [request for request in made if request.status is not None and not request.fault]

    with nullcontext() if allowed else without(stack, function, sid), scenario(stack):
        deadline = time.monotonic() + 30
        while not calls() and time.monotonic() < deadline:
            time.sleep(0.05)
    stack.settle()
    assert calls(), f"{call} was never called"
    assert (calls()[0].status in DENIED) is not allowed
