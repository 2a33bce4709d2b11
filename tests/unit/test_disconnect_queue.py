"""The disconnect queue's batches: each message is handled as an invocation is, and what can't be done now comes back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.queue_message import rendered
from tests.unit.fake_aws import error
from tests.unit.support import REQUEST_ID, Context, RetryQueue, Table, event, sqs_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.unit.fake_aws import FakeAws
    from tests.unit.support import Lines, Load

    Batch = Callable[..., dict[str, Any]]

DONE: list[str] = []


def batch(*bodies: str) -> dict[str, Any]:
    return {"Records": [sqs_record(body, f"m{number}", queue="disconnects") for number, body in enumerate(bodies)]}


def named(*ids: str) -> dict[str, Any]:
    """A batch with the ends of these connections."""
    return batch(*(rendered(event(connectionId=name)["requestContext"]) for name in ids))


def failures(answer: dict[str, Any]) -> list[str]:
    assert answer.keys() == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.mark.parametrize("extras", [{}, {"HISTORY_TABLE": "history"}], ids=["fast path", "extras"])
def test_a_message_is_handled_as_its_invocation(
    extras: dict[str, str], dynamodb: Any, connections: Table, load: Load, lines: Lines
) -> None:
    Table(dynamodb, "history")
    handler, sample = load("disconnect", CONNECTION_METRICS="true", **extras).lambda_handler, event()
    found = []
    for given in (sample, batch(rendered(sample["requestContext"]))):
        connections.put(sample["requestContext"]["connectionId"])
        handler(given, Context())
        assert connections.keys == set()
        [line] = lines()
        del line["timestamp"], line["_aws"]
        found.append(line)
    direct, queued = found
    assert queued.pop("waitedMs") == pytest.approx((time.time() - 1_700_000_000) * 1000, abs=60_000)
    assert queued == direct


def test_a_plain_batch_takes_one_request_each_without_boto3(aws: FakeAws, connections: Table, load: Load) -> None:
    connections.put("b")
    handler = load("disconnect").lambda_handler
    aws.requests.clear()
    assert failures(handler(named("a", "b", "c", "b"), Context())) == DONE
    assert [request.parameters["Key"]["connectionId"]["S"] for request in aws.requests] == ["a", "b", "c", "b"]
    assert not any(request.agent for request in aws.requests)
    assert connections.keys == set()


def test_what_is_no_event_is_buried_except_a_clients_message(
    connections: Table, dead_letters: RetryQueue, load: Load, lines: Lines
) -> None:
    connections.put("a")
    handler = load("disconnect", DEAD_LETTER_QUEUE_URL=dead_letters.url).lambda_handler
    poison = ["{}", "connectionId=", "connectionId=a&connectionId=b"]
    of_client = rendered(event(connectionId="a", eventType="MESSAGE")["requestContext"])
    end = rendered(event(connectionId="b")["requestContext"])
    assert failures(handler(batch(*poison, of_client, end), Context())) == DONE
    assert [record["body"] for record in dead_letters.batch()["Records"]] == poison
    assert connections.keys == {"a"}
    *rejected, served = lines()
    assert [(line["level"], line["outcome"], line["messageId"]) for line in rejected] == [("ERROR", "rejected", f"m{n}") for n in range(4)]
    assert all(line["error"] for line in rejected)
    assert served["outcome"] == "already_gone"


def test_poison_that_can_not_be_buried_comes_back(
    aws: FakeAws, connections: Table, dead_letters: RetryQueue, load: Load, lines: Lines
) -> None:
    handler = load("disconnect", DEAD_LETTER_QUEUE_URL=dead_letters.url).lambda_handler
    aws.on("SendMessage", error(403, "AccessDenied"))
    assert failures(handler(batch("x", rendered(event()["requestContext"])), Context())) == ["m0"]
    assert [line["outcome"] for line in lines()] == ["rejected", "error", "already_gone"]


def test_what_dynamodb_throttles_comes_back_and_is_sent_nowhere(
    aws: FakeAws, connections: Table, queue: RetryQueue, load: Load, lines: Lines
) -> None:
    handler = load("disconnect", RETRY_QUEUE_URL=queue.url).lambda_handler
    throttled = error(400, "ThrottlingException")
    aws.on("DeleteItem", lambda request: throttled(request) if request.parameters["Key"]["connectionId"]["S"] == "b" else None)
    assert failures(handler(named("a", "b", "c"), Context())) == ["m1"]
    assert queue.receive() == []
    [line] = [line for line in lines() if line.get("connectionId") == "b"]
    assert (line["outcome"], line["level"], line["RetryAge"], line["Failures"]) == ("postponed", "WARN", 0, 1)


def test_what_fails_otherwise_goes_to_the_retry_queue(aws: FakeAws, queue: RetryQueue, load: Load) -> None:
    handler = load("disconnect", RETRY_QUEUE_URL=queue.url).lambda_handler
    aws.on("DeleteItem", error(400, "AccessDeniedException"))
    assert failures(handler(named("a", "b"), Context())) == DONE
    assert [message["close"]["ended"]["connectionId"] for message in queue.receive()] == ["a", "b"]


@pytest.mark.parametrize("retries", [True, False], ids=["a queue that refuses", "no queue"])
def test_what_nobody_takes_comes_back(retries: bool, aws: FakeAws, queue: RetryQueue, load: Load, lines: Lines) -> None:
    handler = load("disconnect", RETRY_QUEUE_URL=queue.url if retries else None).lambda_handler
    aws.on("DeleteItem", error(400, "AccessDeniedException"))
    aws.on("SendMessage", error(400, "AccessDenied"))
    assert failures(handler(named("a"), Context())) == ["m0"]
    assert [line["outcome"] for line in lines()] == ["failed"]


def test_what_there_is_no_time_for_comes_back(connections: Table, load: Load, lines: Lines) -> None:
    connections.put("a")
    context = Context()
    remaining = iter([10_000, 6_500, 6_499, 0])
    context.get_remaining_time_in_millis = lambda: next(remaining)  # type: ignore[method-assign]
    assert failures(load("disconnect").lambda_handler(named("a", "b", "c", "d"), context)) == ["m2", "m3"]
    assert [(line["outcome"], line.get("messageId"), line["requestId"]) for line in lines()] == [
        ("removed", None, REQUEST_ID),
        ("already_gone", None, REQUEST_ID),
        ("postponed", "m2", REQUEST_ID),
        ("postponed", "m3", REQUEST_ID),
    ]


@pytest.mark.parametrize(("source", "kept"), [("retry", set()), ("reports", {"a"})])
def test_a_dead_letter_is_read_when_it_is_sent_back(source: str, kept: set[str], queue: RetryQueue, connections: Table, load: Load) -> None:
    connections.put("a")
    letter = sqs_record(rendered(event(connectionId="a")["requestContext"]), queue=source)
    assert failures(load("cleanup", RETRY_QUEUE_URL=queue.url).lambda_handler({"Records": [letter]}, Context(120))) == DONE
    assert connections.keys == kept
