"""The disconnect queue's batches: each message is handled as an invocation is, and what can't be done now comes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.queue_message import rendered
from tests.unit.fake_aws import FakeAws, error
from tests.unit.support import REQUEST_ID, Context, Lines, Load, RetryQueue, Table, event, sqs_record

Handle = Callable[..., list[str]]


@pytest.fixture
def handle(aws: FakeAws, connections: Table, queue: RetryQueue, dead_letters: RetryQueue, load: Load) -> Handle:
    """Hands the messages over in one batch; returns the ids of those that come back."""

    def handle(*bodies: str, context: Context | None = None, **environment: str | None) -> list[str]:
        urls = {"RETRY_QUEUE_URL": queue.url, "DEAD_LETTER_QUEUE_URL": dead_letters.url}
        handler = load("disconnect", **{**urls, **environment}).lambda_handler
        records = [sqs_record(body, f"m{number}", queue="disconnects") for number, body in enumerate(bodies)]
        answer = handler({"Records": records}, context or Context())
        assert answer.keys() == {"batchItemFailures"}
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    return handle


def end(connection_id: str, **changes: str) -> str:
    """The message about the end of a connection."""
    return rendered(event(connectionId=connection_id, **changes)["requestContext"])


@pytest.mark.parametrize("extras", [{}, {"HISTORY_TABLE": "history"}], ids=["fast path", "extras"])
def test_a_message_is_handled_as_its_invocation(
    extras: dict[str, str], dynamodb: Any, connections: Table, handle: Handle, load: Load, lines: Lines
) -> None:
    Table(dynamodb, "history")
    connections.put("a")
    load("disconnect", CONNECTION_METRICS="true", **extras).lambda_handler(event(connectionId="a"), Context())
    connections.put("a")
    assert handle(end("a"), CONNECTION_METRICS="true", **extras) == []
    assert connections.keys == set()
    direct, queued = lines()
    assert queued.pop("waitedMs") == pytest.approx((time.time() - 1_700_000_000) * 1000, abs=60_000)
    for line in (direct, queued):
        del line["timestamp"], line["_aws"]
    assert queued == direct


def test_a_plain_batch_takes_one_request_each_without_boto3(aws: FakeAws, connections: Table, handle: Handle) -> None:
    connections.put("b")
    assert handle(*(end(name) for name in "abcb")) == []
    assert [request.parameters["Key"]["connectionId"]["S"] for request in aws.requests] == ["a", "b", "c", "b"]
    assert not any(request.agent for request in aws.requests)
    assert connections.keys == set()


def test_what_is_no_event_is_buried_except_a_clients_message(
    connections: Table, dead_letters: RetryQueue, handle: Handle, lines: Lines
) -> None:
    connections.put("a")
    poison = ["{}", "connectionId=", "connectionId=a&connectionId=b"]
    assert handle(*poison, end("a", eventType="MESSAGE"), end("b")) == []
    assert [record["body"] for record in dead_letters.batch()["Records"]] == poison
    assert connections.keys == {"a"}
    *rejected, served = lines()
    assert [(line["level"], line["outcome"], line["messageId"]) for line in rejected] == [("ERROR", "rejected", f"m{n}") for n in range(4)]
    assert all(line["error"] for line in rejected)
    assert served["outcome"] == "already_gone"


def test_poison_that_can_not_be_buried_comes_back(aws: FakeAws, handle: Handle, lines: Lines) -> None:
    aws.on("SendMessage", error(403, "AccessDenied"))
    assert handle("x", end("a")) == ["m0"]
    assert [line["outcome"] for line in lines()] == ["rejected", "error", "already_gone"]


def test_what_dynamodb_throttles_comes_back_and_is_sent_nowhere(aws: FakeAws, queue: RetryQueue, handle: Handle, lines: Lines) -> None:
    throttled = error(400, "ThrottlingException")
    aws.on("DeleteItem", lambda request: throttled(request) if request.parameters["Key"]["connectionId"]["S"] == "b" else None)
    assert handle(end("a"), end("b"), end("c")) == ["m1"]
    assert queue.receive() == []
    [line] = [line for line in lines() if line.get("connectionId") == "b"]
    assert (line["outcome"], line["level"], line["RetryAge"], line["Failures"]) == ("postponed", "WARN", 0, 1)


def test_what_fails_otherwise_goes_to_the_retry_queue(aws: FakeAws, queue: RetryQueue, handle: Handle) -> None:
    aws.on("DeleteItem", error(400, "AccessDeniedException"))
    assert handle(end("a"), end("b")) == []
    assert [message["close"]["ended"]["connectionId"] for message in queue.receive()] == ["a", "b"]


@pytest.mark.parametrize("without", [{}, {"RETRY_QUEUE_URL": None}], ids=["a queue that refuses", "no queue"])
def test_what_nothing_takes_comes_back(without: dict[str, None], aws: FakeAws, handle: Handle, lines: Lines) -> None:
    aws.on("DeleteItem", error(400, "AccessDeniedException"))
    aws.on("SendMessage", error(400, "AccessDenied"))
    assert handle(end("a"), **without) == ["m0"]
    assert [line["outcome"] for line in lines()] == ["failed"]


def test_what_there_is_no_time_for_comes_back(connections: Table, handle: Handle, lines: Lines) -> None:
    connections.put("a")
    context = Context()
    remaining = iter([6_500, 6_499, 0])
    context.get_remaining_time_in_millis = lambda: next(remaining)  # type: ignore[method-assign]
    assert handle(end("a"), end("b"), end("c"), context=context) == ["m1", "m2"]
    assert [(line["outcome"], line.get("messageId"), line["requestId"]) for line in lines()] == [
        ("removed", None, REQUEST_ID),
        ("postponed", "m1", REQUEST_ID),
        ("postponed", "m2", REQUEST_ID),
    ]


@pytest.mark.parametrize(("source", "kept"), [("retry", set()), ("reports", {"a"})])
def test_a_dead_letter_is_read_when_it_is_sent_back(source: str, kept: set[str], queue: RetryQueue, connections: Table, load: Load) -> None:
    connections.put("a")
    letter = sqs_record(end("a"), queue=source)
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url)
    assert cleanup.lambda_handler({"Records": [letter]}, Context(120)) == {"batchItemFailures": []}
    assert connections.keys == kept
