"""The clean-up function's messages: finished, brought back later and later, or buried at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import ended as ended_
import pytest
from aws import Clients
from hypothesis import given, settings
from hypothesis import strategies as st
from retry import Queue

from tests.unit.fake_aws import Answer, error
from tests.unit.support import TABLE, Context, Table, ended, event, sqs_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from tests.unit.fake_aws import FakeAws
    from tests.unit.support import Clock, Lines, Load, RetryQueue

    Start = Callable[..., ModuleType]

CONTEXT_S = 120.0


@pytest.fixture
def start(aws: FakeAws, connections: Table, queue: RetryQueue, dead_letters: RetryQueue, clock: Clock, load: Load) -> Start:
    """The clean-up function in a new environment. Receipts are the test's own, so that moto can't know them."""
    aws.on("ChangeMessageVisibility", lambda request: Answer(200, {}))

    def start(**environment: str) -> ModuleType:
        return load("cleanup", RETRY_QUEUE_URL=queue.url, DEAD_LETTER_QUEUE_URL=dead_letters.url, **environment)

    return start


def close_message(connection_id: str) -> str:
    return json.dumps({"version": 1, "close": {"ended": ended(connection_id)}})


def finish_message(connection_id: str, *steps: str) -> str:
    return json.dumps({"version": 1, "finish": {"ended": ended(connection_id), "steps": steps}})


def batch(*bodies: str) -> dict[str, Any]:
    return {"Records": [sqs_record(body, f"m{number}") for number, body in enumerate(bodies)]}


def failures(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"m{number}"} for number in numbers]}


def test_what_the_route_could_not_remove_is_removed_and_logged(
    aws: FakeAws, connections: Table, queue: RetryQueue, load: Load, start: Start, lines: Lines
) -> None:
    route = load("disconnect", RETRY_QUEUE_URL=queue.url)
    connections.put(event()["requestContext"]["connectionId"])
    aws.on("DeleteItem", error(500, "InternalServerError"))
    route.lambda_handler(event(), Context())
    [queued] = lines()
    aws.on("DeleteItem", lambda request: None)

    assert start(CONNECTION_METRICS="true").lambda_handler(queue.batch(), Context(CONTEXT_S)) == failures()

    assert connections.keys == set()
    [line] = lines()
    assert (line["outcome"], line["level"], line["Closed"]) == ("removed", "INFO", 1)
    known = ended_.from_event(event(), "masked")
    assert {name: line[name] for name in known} == known == {name: queued[name] for name in known}


RELATED = json.dumps([{"table": TABLE, "attribute": "connectionId", "index": None, "keys": ["connectionId"]}])


@pytest.mark.parametrize(
    ("environment", "steps", "operations"),
    [
        ({"HISTORY_TABLE": "history", "RELATED_TABLES": RELATED}, ["history"], ["PutItem"]),
        ({"HISTORY_TABLE": "history", "RELATED_TABLES": RELATED}, ["related"], ["Query"]),
        ({}, ["history", "nonsense"], []),
    ],
    ids=["history", "related", "turned off since"],
)
def test_only_the_failed_steps_run_without_the_record(
    environment: dict[str, str], steps: list[str], operations: list[str], aws: FakeAws, dynamodb: Any, start: Start, lines: Lines
) -> None:
    Table(dynamodb, "history")
    aws.requests.clear()
    assert start(**environment).lambda_handler(batch(finish_message("c", *steps)), Context(CONTEXT_S)) == failures()
    assert aws.operations == operations
    assert lines() == []


def test_a_step_that_fails_again_comes_back(aws: FakeAws, start: Start, lines: Lines) -> None:
    cleanup = start(HISTORY_TABLE="nowhere")
    assert cleanup.lambda_handler(batch(finish_message("c", "history")), Context(CONTEXT_S)) == failures(0)
    step, message = lines()
    assert (step["step"], step["connectionId"]) == ("history", "c")
    assert (message["step"], message["messageId"], message["error"]) == ("retry", "m0", "UnfinishedError: failed again: history")
    assert len(aws.asked("ChangeMessageVisibility")) == 1


def test_one_message_does_not_fail_the_others(aws: FakeAws, connections: Table, start: Start) -> None:
    for name in "abc":
        connections.put(name)
    poison = error(400, "ValidationException")
    aws.on("DeleteItem", lambda request: poison(request) if request.parameters["Key"]["connectionId"]["S"] == "b" else None)
    cleanup = start()
    assert cleanup.lambda_handler(batch(close_message("a"), close_message("b"), close_message("c")), Context(CONTEXT_S)) == failures(1)
    assert connections.keys == {"b"}


@pytest.mark.parametrize("body", ["", "not JSON"])
def test_a_malformed_message_becomes_a_dead_letter(
    body: str, aws: FakeAws, connections: Table, dead_letters: RetryQueue, start: Start, lines: Lines
) -> None:
    connections.put("c")
    assert start().lambda_handler(batch(body, close_message("c")), Context(CONTEXT_S)) == failures()
    assert connections.keys == set()
    assert [record["body"] for record in dead_letters.batch()["Records"]] == [body or "{}"]
    buried, removed = lines()
    assert (buried["level"], buried["step"], buried["messageId"], removed["outcome"]) == ("ERROR", "message", "m0", "removed")


def test_a_message_without_a_source_is_ours(connections: Table, start: Start) -> None:
    """Sent by hand, as an invocation."""
    connections.put("c")
    record = sqs_record(close_message("c"))
    del record["eventSourceARN"]
    assert start().lambda_handler({"Records": [record]}, Context(CONTEXT_S)) == failures()
    assert connections.keys == set()


def test_a_malformed_message_that_can_not_be_moved_comes_back(aws: FakeAws, start: Start, lines: Lines) -> None:
    aws.on("SendMessage", error(400, "AccessDenied"))
    assert start().lambda_handler(batch("not JSON"), Context(CONTEXT_S)) == failures(0)
    assert [line["step"] for line in lines()] == ["message", "message"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
WORK = JSON | st.fixed_dictionaries({}, optional={"ended": JSON, "steps": JSON, "segment": JSON, "segments": JSON, "start": JSON})
ASKS = {"close": WORK, "finish": WORK, "offline": WORK, "sweep": st.lists(JSON)}
MESSAGE = JSON | st.fixed_dictionaries({"version": st.just(1) | JSON}, optional=ASKS)


def test_no_message_can_fail_its_batch(aws: FakeAws, start: Start) -> None:
    cleanup = start()
    aws.on("SendMessage", lambda request: Answer(200, {"MessageId": "m"}))

    @settings(max_examples=60)
    @given(message=MESSAGE)
    def check(message: Any) -> None:
        aws.requests.clear()
        assert cleanup.lambda_handler(batch(json.dumps(message)), Context(CONTEXT_S)) == failures()
        assert aws.operations == ["SendMessage"]

    check()


@pytest.mark.parametrize(
    ("receive_count", "spread", "delay_s"),
    [(0, 1.0, 5), (1, 0.0, 1), (1, 0.5, 2), (1, 1.0, 5), (2, 1.0, 10), (8, 1.0, 640), (9, 0.5, 450), (10**9, 1.0, 900)],
)
def test_each_return_is_later_than_the_last(receive_count: int, spread: float, delay_s: int, aws: FakeAws, queue: RetryQueue) -> None:
    aws.on("ChangeMessageVisibility", lambda request: Answer(200, {}))
    Queue(queue.url, Clients(timeout=2, attempts=1)).retry_later("receipt", receive_count, spread)
    [request] = aws.asked("ChangeMessageVisibility")
    assert request == {"QueueUrl": queue.url, "ReceiptHandle": "receipt", "VisibilityTimeout": delay_s}


def test_messages_are_hidden_by_how_often_they_came_and_spread(aws: FakeAws, start: Start) -> None:
    aws.on("DeleteItem", error(400, "AccessDeniedException"))
    start().lambda_handler({"Records": [sqs_record(close_message("c"), f"m{n}", receive_count=4) for n in range(10)]}, Context(CONTEXT_S))
    asked = aws.asked("ChangeMessageVisibility")
    assert [request["ReceiptHandle"] for request in asked] == [f"receipt-m{n}" for n in range(10)]
    assert all(20 <= request["VisibilityTimeout"] <= 40 for request in asked)
    assert len({request["VisibilityTimeout"] for request in asked}) > 2


@pytest.mark.parametrize("attributes", [{}, {"ApproximateReceiveCount": "many"}])
def test_a_message_that_can_not_be_hidden_comes_back(attributes: dict[str, str], aws: FakeAws, start: Start) -> None:
    aws.on("DeleteItem", error(400, "AccessDeniedException"))
    aws.on("ChangeMessageVisibility", error(400, "AccessDenied"))
    record = {**sqs_record(close_message("c"), "m0"), "attributes": attributes}
    assert start().lambda_handler({"Records": [record]}, Context(CONTEXT_S)) == failures(0)


def test_sweeps_come_last_as_they_take_all_the_time(aws: FakeAws, connections: Table, start: Start) -> None:
    connections.put("c")
    sweep = json.dumps({"version": 1, "sweep": {"segment": 0, "segments": 1}})
    aws.requests.clear()
    assert start().lambda_handler(batch(sweep, close_message("c"), sweep), Context(CONTEXT_S)) == failures()
    assert aws.operations == ["DeleteItem", "Scan", "Scan"]


SWEEP = {"sweep": {"segment": -1, "by": "kim"}}
STRAY: list[Any] = [None, [], {}, "sweep", {"Records": "all"}, {"sweep": []}, SWEEP, {"look_at_once": "kim"}]


@pytest.mark.parametrize("stray", STRAY, ids=repr)
def test_a_stray_invocation_learns_what_was_expected(stray: object, aws: FakeAws, start: Start, lines: Lines) -> None:
    """It is not logged: nobody has masked it."""
    aws.requests.clear()
    with pytest.raises(ended_.RejectedError, match=r"expected|must|needs"):
        start().lambda_handler(stray, Context(CONTEXT_S))
    assert aws.requests == []
    assert "kim" not in json.dumps(lines())


def test_a_sweep_that_fails_names_its_segment_alone(aws: FakeAws, start: Start, lines: Lines) -> None:
    aws.on("Scan", error(400, "AccessDeniedException"))
    with pytest.raises(Exception, match="AccessDenied"):
        start().lambda_handler({"sweep": {"segment": 1, "segments": 2, "again": ["c"] * 50}}, Context(CONTEXT_S))
    assert [(line["step"], line["segment"], "sweep" in line) for line in lines()] == [("sweep", "1", False)]


@pytest.mark.parametrize(
    ("timeout", "outcome", "level"), [(CONTEXT_S, "error", "ERROR"), (10, "postponed", "WARN")], ids=["failed again", "out of time"]
)
def test_a_message_that_comes_back_says_how_old_it_is(
    timeout: float, outcome: str, level: str, aws: FakeAws, clock: Clock, start: Start, lines: Lines
) -> None:
    aws.on("DeleteItem", error(400, "AccessDeniedException"))
    record = sqs_record(close_message("c"), "m0")
    record["attributes"] |= {"SentTimestamp": str(clock.ms - 2_000_000), "ApproximateFirstReceiveTimestamp": str(clock.ms - 1_000_000)}
    cleanup = start()
    aws.requests.clear()
    assert cleanup.lambda_handler({"Records": [record]}, Context(timeout)) == failures(0)
    assert aws.operations == ["DeleteItem", "ChangeMessageVisibility"][outcome == "postponed" :]
    [line] = lines()
    assert (line["outcome"], line["level"]) == (outcome, level)
    assert 1_000 <= line["RetryAge"] <= 1_100
    assert {"Name": "RetryAge", "Unit": "Seconds"} in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
