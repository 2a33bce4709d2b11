"""The `$disconnect` route: what it answers, removes, queues and logs, whatever the event."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unittest import mock

import boto3
import fast_delete
import pytest

from tests.unit.fake_aws import Answer, FakeAws, Request, error
from tests.unit.support import API, EVENTS, REQUEST_ID, Clock, Context, Lines, Load, RetryQueue, Table, event

Start = Callable[..., Callable[..., Any]]

DONE = {"statusCode": 200, "body": "disconnected"}
ID = "QwErScSNvHcCH8A="  # in every sample
CHROME = "Mozilla/5 AppleWebKit/537 Chrome/142 Safari/537"
NO_STATUS = "Client-side close frame status not set"

# sample: cause, close code and reason, duration (ms), address and agent as masked
SAMPLES: dict[str, tuple[str, int, str, int, str | None, str | None]] = {
    "behind_cloudfront": ("client_closed", 1005, NO_STATUS, 7_076, "198.51.100.0", None),
    "browser_navigated_away": ("navigated_away", 1001, "", 16_483, "203.0.113.0", CHROME),
    "client_closed_without_code": ("client_closed", 1005, NO_STATUS, 7_076, "203.0.113.0", CHROME),
    "closed_by_server": ("closed_by_server", 1000, "Connection Closed Normally", 7_076, "203.0.113.0", CHROME),
    "idle_timeout": ("idle_timeout", 1001, "Going away", 603_917, "203.0.113.0", CHROME),
    "message_too_big": ("message_too_big", 1009, "Message too long", 7_076, "203.0.113.0", CHROME),
    "no_user_agent": ("client_closed", 1005, NO_STATUS, 7_076, "2001:db8::", None),
    "with_authorizer": ("client_closed", 1005, NO_STATUS, 7_076, "203.0.113.0", CHROME),
}


@pytest.fixture
def start(aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load) -> Start:
    """Returns the route's handler in a new environment, which has a retry queue."""

    def start(**environment: str) -> Any:
        handler = load("disconnect", **{"RETRY_QUEUE_URL": queue.url, **environment}).lambda_handler
        return lambda given: handler(given, Context())

    return start


@pytest.mark.parametrize("name", [path.stem for path in EVENTS.glob("*.json")])
def test_an_event_removes_the_record_and_logs_its_cause(name: str, aws: FakeAws, connections: Table, start: Start, lines: Lines) -> None:
    cause, code, reason, duration_ms, address, agent = SAMPLES[name]
    connections.put(ID)
    connections.put("another")

    assert start()(event(name)) == DONE

    [request] = aws.requests
    assert (request.operation, "Boto3" in request.agent) == ("DeleteItem", False)
    assert request.parameters == {"TableName": "connections", "ReturnValues": "ALL_OLD", "Key": {"connectionId": {"S": ID}}}
    assert connections.keys == {"another"}
    [line] = lines()
    client = {name: value for name, value in (("sourceIp", address), ("userAgent", agent)) if value is not None}
    context = event(name)["requestContext"]
    assert line.pop("timestamp")[-1] == "Z"
    assert line == {
        "level": "INFO",
        "outcome": "removed",
        "connectionId": ID,
        "cause": cause,
        "closeCode": code,
        "closeReason": reason,
        "connectedAt": context["connectedAt"],
        "endedAt": context["requestTimeEpoch"],
        "durationMs": duration_ms,
        "apiId": "a1b2c3d4e5",
        "stage": "dev",
        "gatewayRequestId": "QwErTyUiOoEF7Zg=",
        "requestId": REQUEST_ID,
        **client,
    }


# The fast path

OFF = {"Namespace": "WebSocketConnections", "Dimensions": [["Name"]], "Metrics": [{"Name": "FastPathOff", "Unit": "Count"}]}


def test_a_setting_for_boto3_turns_the_fast_path_off(aws: FakeAws, connections: Table, start: Start, lines: Lines) -> None:
    connections.put(ID)
    handler = start(AWS_USE_DUALSTACK_ENDPOINT="false")
    [line] = lines()
    assert (line["outcome"], line["level"]) == ("fast_path_off", "WARN")
    assert line["why"] == "ValueError: only boto3 supports AWS_USE_DUALSTACK_ENDPOINT"
    assert (line["_aws"]["CloudWatchMetrics"], line["Name"], line["FastPathOff"]) == ([OFF], "test-api", 1)
    assert handler(event()) == DONE
    assert ["Boto3" in request.agent for request in aws.requests] == [True]
    assert connections.keys == set()
    assert [line["outcome"] for line in lines()] == ["removed"]


@pytest.mark.parametrize(
    ("environment", "fast"),
    [({}, True), ({"HISTORY_TABLE": "history"}, False), ({"AWS_DEFAULT_REGION": "us-gov-west-1"}, False)],
    ids=["plain", "extras", "GovCloud"],
)
def test_the_fast_path_is_chosen_without_a_line(environment: dict[str, str], fast: bool, load: Load, lines: Lines) -> None:
    assert (load("disconnect", **environment).fast is not None) is fast
    assert lines() == []


def only_for_boto3(request: Request) -> Answer | None:
    """Refuses every request of the fast path."""
    return None if "Boto3" in request.agent else Answer(503, {})


def test_a_fast_path_that_keeps_failing_rests_and_says_so_once(aws: FakeAws, start: Start, clock: Clock, lines: Lines) -> None:
    handler = start()
    aws.on("DeleteItem", only_for_boto3)
    with mock.patch("boto3.client", wraps=boto3.client) as make_client:
        for _ in range(fast_delete.MISSES + 2):
            assert handler(event()) == DONE
    make_client.assert_called_once()
    [off] = [line for line in lines() if line["outcome"] == "fast_path_off"]
    assert (off["level"], off["FastPathOff"], off["_aws"]["CloudWatchMetrics"]) == ("WARN", 1, [OFF])
    assert off["why"].startswith("ValueError: unexpected answer: HTTP/1.1 503")
    assert len([request for request in aws.requests if not request.agent]) == fast_delete.MISSES

    clock.advance(fast_delete.REST_S + 1)
    handler(event())
    assert [line["outcome"] for line in lines()] == ["fast_path_off", "already_gone"]
    clock.advance(fast_delete.REST_S + 1)
    aws.handlers.clear()
    aws.requests.clear()
    handler(event())
    handler(event())
    assert [request.agent for request in aws.requests] == ["", ""]


def test_a_fast_path_that_fails_now_and_then_stays_on(aws: FakeAws, start: Start, lines: Lines) -> None:
    handler = start()
    for _ in range(fast_delete.MISSES):
        for answers in (only_for_boto3, lambda request: None):
            aws.on("DeleteItem", answers)
            handler(event())
    assert {line["outcome"] for line in lines()} == {"already_gone"}


def test_an_outage_does_not_turn_the_fast_path_off(aws: FakeAws, start: Start, lines: Lines) -> None:
    handler = start()
    aws.on("DeleteItem", error(500, "InternalServerError"))
    for _ in range(fast_delete.MISSES + 1):
        handler(event())
    assert {line["outcome"] for line in lines()} == {"queued"}
    aws.handlers.clear()
    aws.requests.clear()
    handler(event())
    assert [request.agent for request in aws.requests] == [""]


# What the event says


IDS: list[Any] = [None, 7, "", "x" * 129, "\ud800", ["a"], {"S": "a"}]
TYPES: list[Any] = ["MESSAGE", "CONNECT", "disconnect", "", ["DISCONNECT"]]
CONTEXTS: list[Any] = [None, "text", {}, *({"connectionId": value} for value in IDS)]
BAD: list[Any] = [None, [], "event", {}, *({"requestContext": context} for context in CONTEXTS), *(event(eventType=kind) for kind in TYPES)]


def test_an_event_that_ends_nothing_is_rejected_without_a_call(aws: FakeAws, start: Start, lines: Lines) -> None:
    handler = start()
    for bad in BAD:
        assert handler(bad) == {"statusCode": 400, "body": "bad request"}, bad
        [line] = lines()
        assert (line["outcome"], line["level"], line["requestId"]) == ("rejected", "ERROR", REQUEST_ID), bad
        assert "must be" in line["error"]
    assert aws.requests == []


def test_full_details_are_logged_and_long_texts_cut(start: Start, lines: Lines) -> None:
    start(CLIENT_DETAILS="full")(event(**dict.fromkeys(("disconnectReason", "apiId", "stage", "requestId"), "y" * 10_000)))
    [line] = lines()
    assert [line[name] for name in ("closeReason", "apiId", "stage", "gatewayRequestId")] == ["y" * 256] * 4
    assert (line["sourceIp"], line["userAgent"]) == ("203.0.113.24", event()["requestContext"]["identity"]["userAgent"])


def test_an_event_that_comes_twice_is_counted_once_by_its_cause(connections: Table, start: Start, lines: Lines) -> None:
    connections.put(ID)
    handler = start(CONNECTION_METRICS="true", METRICS_NAME="chat")
    assert handler(event("idle_timeout")) == handler(event("idle_timeout")) == DONE
    counted, again = lines()
    assert (counted["outcome"], counted["Name"], counted["cause"], counted["Closed"]) == ("removed", "chat", "idle_timeout", 1)
    assert counted["_aws"]["CloudWatchMetrics"] == [
        {"Namespace": "WebSocketConnections", "Dimensions": [["Name", "cause"]], "Metrics": [{"Name": "Closed", "Unit": "Count"}]}
    ]
    assert (again["outcome"], "_aws" in again) == ("already_gone", False)


# What is left to the retry queue


@pytest.mark.usefixtures("history")
def test_duplicates_alone_are_left_to_the_queue(aws: FakeAws, connections: Table, queue: RetryQueue, start: Start) -> None:
    """However many others the client has: the route asks about none, and waits for nothing."""
    connections.put(ID, clientId="kim")
    assert start(HISTORY_TABLE="history", DUPLICATES="newest", CLIENT_INDEX="byClient", **API)(event()) == DONE
    assert aws.operations == ["GetItem", "PutItem", "DeleteItem", "SendMessage", "DeleteItem"]
    [message] = queue.receive()
    assert (message["finish"]["steps"], message["finish"]["ended"]["clientId"]) == (["duplicates"], "kim")


def test_a_refused_removal_is_queued_without_the_address(aws: FakeAws, queue: RetryQueue, start: Start, lines: Lines) -> None:
    aws.on("DeleteItem", error(400, "AccessDeniedException"))
    assert start()(event()) == DONE
    [message] = queue.receive()
    [line] = lines()
    assert (line["outcome"], line["level"], line["step"], line["Failures"]) == ("queued", "WARN", "close", 1)
    assert "AccessDeniedException" in line["error"]
    assert line["requestId"] == REQUEST_ID
    assert message["close"]["ended"]["connectionId"] == ID
    for secret in ("203.0.113.24", "Linux", "142.0.0.0"):
        assert secret not in json.dumps([line, message])


@pytest.mark.parametrize(
    ("environment", "raised", "operations"),
    [
        ({}, "InternalError", ["DeleteItem"] * 3 + ["SendMessage"] * 2),  # the fast request, and boto3's two
        ({"RETRY_QUEUE_URL": ""}, "InternalServerError", ["DeleteItem"] * 3),
        ({"HISTORY_DAYS": "many"}, "HISTORY_DAYS must be", ["DeleteItem"]),
    ],
    ids=["the queue fails, too", "no queue", "no boto3"],
)
def test_a_removal_that_nothing_takes_fails_the_invocation(
    environment: dict[str, str], raised: str, operations: list[str], aws: FakeAws, start: Start, lines: Lines
) -> None:
    aws.on("DeleteItem", error(500, "InternalServerError"))
    aws.on("SendMessage", error(500, "InternalError"))
    handler = start(**environment)
    with pytest.raises(Exception, match=raised):
        handler(event())
    assert aws.operations == operations
    [line] = lines()
    assert (line["outcome"], line["level"], line["connectionId"], line["requestId"]) == ("failed", "ERROR", ID, REQUEST_ID)
    if "SendMessage" in operations:
        assert "InternalServerError" in line["error"]
        assert "InternalError" in line["queueError"]
