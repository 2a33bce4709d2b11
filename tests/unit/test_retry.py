"""The clean-up function's messages: finished, brought back later and later, or buried at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import ending
import pytest
from aws import Clients
from retry import Queue

from tests.unit.fake_aws import FakeAws, error
from tests.unit.support import TABLE, Clock, Context, Lines, Load, RetryQueue, Table, deliver, ended, event, sqs_record

Handle = Callable[..., list[str]]

DENIED = error(400, "AccessDeniedException")


@pytest.fixture
def handle(connections: Table, cleanup: Load) -> Handle:
    """Hands messages (bodies, or records) over in one batch; returns the ids of those that come back."""

    def handle(*messages: str | dict[str, Any], timeout: float = 120.0, **environment: str) -> list[str]:
        records = [sqs_record(m, f"m{number}") if isinstance(m, str) else m for number, m in enumerate(messages)]
        return deliver(cleanup(**environment), *records, context=Context(timeout))

    return handle


def close(connection_id: str) -> str:
    return json.dumps({"version": 1, "close": {"ended": ended(connection_id)}})


def finish(connection_id: str, *steps: str) -> str:
    return json.dumps({"version": 1, "finish": {"ended": ended(connection_id), "steps": steps}})


def test_what_the_route_could_not_remove_is_removed_and_logged(
    aws: FakeAws, connections: Table, queue: RetryQueue, load: Load, handle: Handle, lines: Lines
) -> None:
    route = load("disconnect", RETRY_QUEUE_URL=queue.url)
    connections.put(event()["requestContext"]["connectionId"])
    aws.on("DeleteItem", DENIED)
    route.lambda_handler(event(), Context())
    [queued] = lines()
    aws.on("DeleteItem", lambda request: None)

    assert handle(*queue.batch(), CONNECTION_METRICS="true", METRICS_NAME="chat") == []

    assert connections.keys == set()
    [line] = lines()
    assert (line["outcome"], line["level"], line["Closed"], line["Name"]) == ("removed", "INFO", 1, "chat")
    known = ending.from_event(event(), "masked")
    assert {name: line[name] for name in known} == known == {name: queued[name] for name in known}


RELATED = json.dumps([{"table": TABLE, "attribute": "connectionId", "index": None, "keys": ["connectionId"]}])


@pytest.mark.usefixtures("history")
def test_only_the_failed_steps_run_without_the_record(aws: FakeAws, handle: Handle, lines: Lines) -> None:
    assert handle(finish("c", "history", "nonsense")) == []  # turned off since
    both = {"HISTORY_TABLE": "history", "RELATED_TABLES": RELATED}
    assert handle(finish("c", "history"), finish("c", "related"), **both) == []
    assert aws.operations == ["PutItem", "Query"]
    assert lines() == []


def test_a_step_that_fails_again_comes_back(aws: FakeAws, handle: Handle, lines: Lines) -> None:
    assert handle(finish("c", "history"), HISTORY_TABLE="nowhere") == ["m0"]
    step, message = lines()
    assert (step["step"], step["connectionId"]) == ("history", "c")
    assert (message["step"], message["messageId"], message["error"]) == ("retry", "m0", "UnfinishedError: failed again: history")
    assert len(aws.asked("ChangeMessageVisibility")) == 1


def test_one_message_does_not_fail_the_others(aws: FakeAws, connections: Table, handle: Handle) -> None:
    for name in "abc":
        connections.put(name)
    aws.on("DeleteItem", lambda request: DENIED(request) if request.parameters["Key"]["connectionId"]["S"] == "b" else None)
    assert handle(close("a"), close("b"), close("c")) == ["m1"]
    assert connections.keys == {"b"}


def test_a_malformed_message_becomes_a_dead_letter(
    aws: FakeAws, connections: Table, dead_letters: RetryQueue, handle: Handle, lines: Lines
) -> None:
    """One that can not be moved comes back."""
    connections.put("c")
    assert handle("", close("c"), "not JSON") == []
    assert connections.keys == set()
    assert [record["body"] for record in dead_letters.batch()] == ["{}", "not JSON"]
    *buried, removed = lines()
    assert [(line["level"], line["step"], line["messageId"]) for line in buried] == [("ERROR", "message", f"m{n}") for n in (0, 2)]
    assert removed["outcome"] == "removed"
    aws.on("SendMessage", error(400, "AccessDenied"))
    assert handle("not JSON") == ["m0"]
    assert [line["step"] for line in lines()] == ["message", "message"]


def test_a_message_without_a_source_is_ours(connections: Table, handle: Handle) -> None:
    """Sent by hand, as an invocation."""
    connections.put("c")
    record = sqs_record(close("c"))
    del record["eventSourceARN"]
    assert handle(record) == []
    assert connections.keys == set()


@pytest.mark.parametrize(
    ("receive_count", "spread", "delay_s"),
    [(0, 1.0, 5), (1, 0.0, 1), (1, 0.5, 2), (1, 1.0, 5), (2, 1.0, 10), (8, 1.0, 640), (9, 0.5, 450), (10**9, 1.0, 900)],
)
def test_each_return_is_later_than_the_last(receive_count: int, spread: float, delay_s: int, aws: FakeAws, queue: RetryQueue) -> None:
    Queue(queue.url, Clients(timeout=2, attempts=1)).retry_later("receipt", receive_count, spread)
    [request] = aws.asked("ChangeMessageVisibility")
    assert request == {"QueueUrl": queue.url, "ReceiptHandle": "receipt", "VisibilityTimeout": delay_s}


def test_messages_are_hidden_by_how_often_they_came_and_spread(aws: FakeAws, handle: Handle) -> None:
    aws.on("DeleteItem", DENIED)
    assert len(handle(*(sqs_record(close("c"), f"m{number}", receive_count=4) for number in range(10)))) == 10
    asked = aws.asked("ChangeMessageVisibility")
    assert [request["ReceiptHandle"] for request in asked] == [f"receipt-m{number}" for number in range(10)]
    assert all(20 <= request["VisibilityTimeout"] <= 40 for request in asked)
    assert len({request["VisibilityTimeout"] for request in asked}) > 2


def test_a_message_that_can_not_be_hidden_comes_back(aws: FakeAws, handle: Handle) -> None:
    aws.on("DeleteItem", DENIED)
    aws.on("ChangeMessageVisibility", DENIED)
    unreadable = [{}, {"ApproximateReceiveCount": "many"}]
    assert handle(*({**sqs_record(close("c"), f"m{n}"), "attributes": found} for n, found in enumerate(unreadable))) == ["m0", "m1"]


@pytest.mark.parametrize(
    ("timeout", "outcome", "level"), [(120, "error", "ERROR"), (10, "postponed", "WARN")], ids=["failed again", "out of time"]
)
def test_a_message_that_comes_back_says_how_old_it_is(
    timeout: float, outcome: str, level: str, aws: FakeAws, clock: Clock, handle: Handle, lines: Lines
) -> None:
    aws.on("DeleteItem", DENIED)
    record = sqs_record(close("c"), "m0")
    record["attributes"] |= {"SentTimestamp": str(clock.ms - 2_000_000), "ApproximateFirstReceiveTimestamp": str(clock.ms - 1_000_000)}
    assert handle(record, timeout=timeout) == ["m0"]
    assert aws.operations == ["DeleteItem", "ChangeMessageVisibility"][outcome == "postponed" :]
    [line] = lines()
    assert (line["outcome"], line["level"]) == (outcome, level)
    assert 1_000 <= line["RetryAge"] <= 1_100
    assert {"Name": "RetryAge", "Unit": "Seconds"} in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]


def test_sweeps_come_last_as_they_take_all_the_time(aws: FakeAws, connections: Table, handle: Handle) -> None:
    sweep = json.dumps({"version": 1, "sweep": {"segment": 0, "segments": 1}})
    assert handle(sweep, close("c"), sweep) == []
    assert aws.operations == ["DeleteItem", "Scan", "Scan"]


SWEEP = {"sweep": {"segment": -1, "by": "kim"}}
STRAY: list[Any] = [None, [], {}, "sweep", {"Records": "all"}, {"sweep": []}, SWEEP, {"look_at_once": "kim"}]


def test_a_stray_invocation_learns_what_was_expected(aws: FakeAws, cleanup: Load, lines: Lines) -> None:
    """It is not logged: it may hold personal data."""
    function = cleanup()
    for stray in STRAY:
        with pytest.raises(ending.RejectedError, match=r"expected|must|needs"):
            function.lambda_handler(stray, Context(120))
    assert aws.requests == []
    assert "kim" not in json.dumps(lines())


def test_a_sweep_that_fails_logs_only_its_segment(aws: FakeAws, connections: Table, cleanup: Load, lines: Lines) -> None:
    aws.on("Scan", DENIED)
    with pytest.raises(Exception, match="AccessDenied"):
        cleanup().lambda_handler({"sweep": {"segment": 1, "segments": 2, "again": ["c"] * 50}}, Context(120))
    [line] = lines()
    assert (line["level"], line["step"], line["segment"], line["Failures"], "sweep" in line) == ("ERROR", "sweep", "1", 1, False)
