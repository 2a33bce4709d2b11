"""The `$disconnect` route: what it answers, removes, queues and logs, whatever the event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import fast_delete
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fake_aws import Answer, error
from tests.unit.support import API, EVENTS, REQUEST_ID, Clock, Context, RetryQueue, Table, event

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.unit.fake_aws import FakeAws, Request
    from tests.unit.support import Lines, Load

DONE = {"statusCode": 200, "body": "disconnected"}
ID = "QwErScSNvHcCH8A="  # in every sample
CHROME = "Mozilla/5 AppleWebKit/537 Chrome/142 Safari/537"

# sample: cause, close code and reason, duration (ms), address and agent as masked
SAMPLES: dict[str, tuple[str, int, str, int, str | None, str | None]] = {
    "behind_cloudfront": ("client_closed", 1005, "Client-side close frame status not set", 7_076, "198.51.100.0", None),
    "browser_navigated_away": ("navigated_away", 1001, "", 16_483, "203.0.113.0", CHROME),
    "client_closed_without_code": ("client_closed", 1005, "Client-side close frame status not set", 7_076, "203.0.113.0", CHROME),
    "closed_by_server": ("closed_by_server", 1000, "Connection Closed Normally", 7_076, "203.0.113.0", CHROME),
    "idle_timeout": ("idle_timeout", 1001, "Going away", 603_917, "203.0.113.0", CHROME),
    "message_too_big": ("message_too_big", 1009, "Message too long", 7_076, "203.0.113.0", CHROME),
    "no_user_agent": ("client_closed", 1005, "Client-side close frame status not set", 7_076, "2001:db8::", None),
    "with_authorizer": ("client_closed", 1005, "Client-side close frame status not set", 7_076, "203.0.113.0", CHROME),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
FIELDS = (
    "connectionId",
    "eventType",
    "connectedAt",
    "requestTimeEpoch",
    "disconnectStatusCode",
    "disconnectReason",
    "apiId",
    "stage",
    "requestId",
)
HOSTILE_IDENTITY = st.fixed_dictionaries({}, optional={"sourceIp": JSON, "userAgent": JSON | st.text(st.characters())})
HOSTILE_CONTEXT = st.fixed_dictionaries(
    {}, optional={"identity": HOSTILE_IDENTITY, **dict.fromkeys(FIELDS, JSON | st.text(st.characters(), max_size=300))}
)
HOSTILE_EVENT = JSON | st.fixed_dictionaries({"requestContext": JSON | HOSTILE_CONTEXT})
hostile = settings(max_examples=60)


def test_every_sample_is_expected_here() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_an_event_removes_the_record_and_logs_its_cause(name: str, connections: Table, load: Load, lines: Lines) -> None:
    cause, code, reason, duration_ms, address, agent = SAMPLES[name]
    connections.put(ID)
    connections.put("another")

    assert load("disconnect").lambda_handler(event(name), Context()) == DONE

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


def test_a_removal_is_one_request_made_without_boto3(aws: FakeAws, connections: Table, load: Load) -> None:
    connections.put(ID)
    aws.requests.clear()
    load("disconnect").lambda_handler(event(), Context())
    [request] = aws.requests
    assert request.operation == "DeleteItem"
    assert request.parameters == {"TableName": "connections", "ReturnValues": "ALL_OLD", "Key": {"connectionId": {"S": ID}}}
    assert "Boto3" not in request.agent


OFF = {"Namespace": "WebSocketConnections", "Dimensions": [["Name"]], "Metrics": [{"Name": "FastPathOff", "Unit": "Count"}]}


def test_a_setting_for_boto3_turns_the_fast_path_off(aws: FakeAws, connections: Table, load: Load, lines: Lines) -> None:
    connections.put(ID)
    module = load("disconnect", AWS_USE_DUALSTACK_ENDPOINT="false")
    [line] = lines()
    assert (line["outcome"], line["level"], line["why"]) == (
        "fast_path_off",
        "WARN",
        "ValueError: only boto3 supports AWS_USE_DUALSTACK_ENDPOINT",
    )
    assert (line["_aws"]["CloudWatchMetrics"], line["Name"], line["FastPathOff"]) == ([OFF], "test-api", 1)
    aws.requests.clear()
    assert module.lambda_handler(event(), Context()) == DONE
    [request] = aws.requests
    assert "Boto3" in request.agent
    assert connections.keys == set()
    assert [line["outcome"] for line in lines()] == ["removed"]


@pytest.mark.parametrize(
    ("meant", "fast"),
    [({}, True), ({"HISTORY_TABLE": "history"}, False), ({"AWS_DEFAULT_REGION": "us-gov-west-1"}, False)],
    ids=["plain", "extras", "GovCloud"],
)
def test_init_says_nothing_where_all_is_as_it_is_meant(meant: dict[str, str], fast: bool, aws: FakeAws, load: Load, lines: Lines) -> None:
    assert (load("disconnect", **meant).fast is not None) is fast
    assert lines() == []


def not_for(agent: str) -> Callable[[Request], Answer | None]:
    """An answer that only boto3 gets: what the fast path asks is refused, and lasts."""
    return lambda request: None if agent in request.agent else Answer(503, {})


def test_a_fast_path_that_keeps_missing_rests_and_says_so_once(
    aws: FakeAws, connections: Table, clock: Clock, load: Load, lines: Lines
) -> None:
    handler = load("disconnect").lambda_handler
    aws.on("DeleteItem", not_for("Boto3"))
    aws.requests.clear()
    for _ in range(fast_delete.MISSES + 2):
        assert handler(event(), Context()) == DONE
    off = [line for line in lines() if line["outcome"] == "fast_path_off"]
    assert [(line["level"], line["FastPathOff"], line["_aws"]["CloudWatchMetrics"]) for line in off] == [("WARN", 1, [OFF])]
    assert off[0]["why"].startswith("ValueError: unexpected answer: HTTP/1.1 503")
    assert len([request for request in aws.requests if not request.agent]) == fast_delete.MISSES

    clock.advance(fast_delete.REST_S + 1)
    handler(event(), Context())
    assert [line["outcome"] for line in lines()] == ["already_gone", "fast_path_off"][::-1]
    clock.advance(fast_delete.REST_S + 1)
    aws.handlers.clear()
    aws.requests.clear()
    handler(event(), Context())
    handler(event(), Context())
    assert [request.agent for request in aws.requests] == ["", ""]


def test_a_fast_path_that_fails_now_and_then_is_used_on(aws: FakeAws, connections: Table, load: Load, lines: Lines) -> None:
    handler = load("disconnect").lambda_handler
    for _ in range(fast_delete.MISSES):
        aws.on("DeleteItem", not_for("Boto3"))
        handler(event(), Context())
        aws.handlers.clear()
        handler(event(), Context())
    assert {line["outcome"] for line in lines()} == {"already_gone"}


def test_an_outage_does_not_turn_the_fast_path_off(
    aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load, lines: Lines
) -> None:
    handler = load("disconnect", RETRY_QUEUE_URL=queue.url).lambda_handler
    aws.on("DeleteItem", error(500, "InternalServerError"))
    for _ in range(fast_delete.MISSES + 1):
        handler(event(), Context())
    assert {line["outcome"] for line in lines()} == {"queued"}
    aws.handlers.clear()
    aws.requests.clear()
    handler(event(), Context())
    assert [request.agent for request in aws.requests] == [""]


def test_boto3_is_made_ready_once(aws: FakeAws, connections: Table, clock: Clock, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    client = boto3.client

    def count(service: str, **options: Any) -> Any:
        made.append(service)
        return client(service, **options)

    monkeypatch.setattr("boto3.client", count)
    handler = load("disconnect").lambda_handler
    aws.on("DeleteItem", not_for("Boto3"))
    for _ in range(fast_delete.MISSES + 1):
        handler(event(), Context())
    assert made == ["dynamodb"]


def test_without_boto3_the_invocation_fails_and_names_the_id(
    aws: FakeAws, connections: Table, queue: RetryQueue, load: Load, lines: Lines
) -> None:
    handler = load("disconnect", RETRY_QUEUE_URL=queue.url, HISTORY_DAYS="many").lambda_handler
    aws.on("DeleteItem", error(500, "InternalServerError"))
    with pytest.raises(ValueError, match="HISTORY_DAYS"):
        handler(event(), Context())
    [line] = lines()
    assert (line["outcome"], line["level"], line["connectionId"]) == ("failed", "ERROR", ID)


def test_with_an_extra_the_record_is_read_first_and_removed_last(aws: FakeAws, connections: Table, dynamodb: Any, load: Load) -> None:
    history = Table(dynamodb, "history")
    connections.put(ID, clientId="kim")
    module = load("disconnect", HISTORY_TABLE="history")
    aws.requests.clear()
    assert module.lambda_handler(event(), Context()) == DONE
    assert aws.operations == ["GetItem", "PutItem", "DeleteItem"]
    assert [(item["clientId"], item["cause"], item["durationMs"]) for item in history.items] == [("kim", "client_closed", 7_076)]


def test_duplicates_are_left_to_the_queue(aws: FakeAws, connections: Table, queue: RetryQueue, load: Load) -> None:
    """However many others the client has: the route asks nobody, and waits for nothing."""
    connections.put(ID, clientId="kim")
    module = load("disconnect", RETRY_QUEUE_URL=queue.url, DUPLICATES="newest", CLIENT_INDEX="byClient", **API)
    aws.requests.clear()
    assert module.lambda_handler(event(), Context()) == DONE
    assert aws.operations == ["GetItem", "DeleteItem", "SendMessage", "DeleteItem"]
    [message] = queue.receive()
    assert (message["finish"]["steps"], message["finish"]["ended"]["clientId"]) == (["duplicates"], "kim")


def test_with_every_extra_hanging_the_removal_is_queued_in_time(
    aws: FakeAws, connections: Table, dynamodb: Any, queue: RetryQueue, clock: Clock, load: Load
) -> None:
    connections.put(ID, clientId="kim")
    keyed = {"attribute": "connectionId", "index": None, "keys": ["connectionId"]}
    related = json.dumps([{"table": f"related{number}", **keyed} for number in range(10)])
    extras = {"HISTORY_TABLE": "history", "RELATED_TABLES": related, "DUPLICATES": "stale", "CLIENT_INDEX": "byClient"} | API
    handler, context = load("disconnect", RETRY_QUEUE_URL=queue.url, **extras).lambda_handler, Context(timeout=10)
    for operation in ("Query", "PutItem", "DeleteItem"):
        aws.on(operation, aws.hang)
    assert handler(event(), context) == DONE
    assert context.get_remaining_time_in_millis() > 1_000
    assert [message["close"]["ended"]["clientId"] for message in queue.receive() if "close" in message] == ["kim"]


def test_an_event_that_comes_twice_is_removed_once(connections: Table, load: Load, lines: Lines) -> None:
    connections.put(ID)
    handler = load("disconnect").lambda_handler
    assert handler(event(), Context()) == handler(event(), Context()) == DONE
    assert [line["outcome"] for line in lines()] == ["removed", "already_gone"]


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        "event",
        {},
        {"requestContext": None},
        {"requestContext": "text"},
        {"requestContext": {}},
        event(connectionId=None),
        event(connectionId=7),
        event(connectionId=""),
        event(connectionId="x" * 129),
        event(connectionId="\ud800"),
        event(connectionId=["a"]),
        event(connectionId={"S": "a"}),
        event(eventType="MESSAGE"),
        event(eventType="CONNECT"),
        event(eventType="disconnect"),
        event(eventType=""),
        event(eventType=["DISCONNECT"]),
    ],
    ids=repr,
)
def test_an_event_that_ends_nothing_is_rejected_without_a_call(
    bad: object, aws: FakeAws, connections: Table, load: Load, lines: Lines
) -> None:
    assert load("disconnect").lambda_handler(bad, Context()) == {"statusCode": 400, "body": "bad request"}
    assert aws.requests == []
    [line] = lines()
    assert (line["outcome"], line["level"], line["requestId"]) == ("rejected", "ERROR", REQUEST_ID)
    assert "must be" in line["error"]


@pytest.mark.parametrize("context", [{"connectionId": ID}, {"connectionId": "é" * 128}], ids=["no type", "128 characters"])
def test_an_event_needs_no_more_than_a_connection_id(context: dict[str, str], connections: Table, load: Load) -> None:
    connections.put(context["connectionId"])
    assert load("disconnect").lambda_handler({"requestContext": context}, Context()) == DONE
    assert connections.keys == set()


@hostile
@given(hostile_event=HOSTILE_EVENT)
def test_no_event_raises_and_a_rejected_one_calls_nothing(
    hostile_event: Any, aws: FakeAws, connections: Table, load: Load, lines: Lines
) -> None:
    handler = load("disconnect").lambda_handler
    aws.requests.clear()
    answer = handler(hostile_event, Context())
    [line] = lines()
    if answer == DONE:
        assert aws.operations == ["DeleteItem"]
        assert line["outcome"] == "already_gone"
    else:
        assert answer == {"statusCode": 400, "body": "bad request"}
        assert aws.operations == []


@hostile
@given(context=HOSTILE_CONTEXT, mode=st.sampled_from(["full", "masked", "off"]))
def test_a_hostile_event_with_a_connection_id_is_served(context: Any, mode: str, connections: Table, load: Load, lines: Lines) -> None:
    connections.put(ID)
    handler = load("disconnect", CLIENT_DETAILS=mode).lambda_handler
    assert handler({"requestContext": {**context, "connectionId": ID, "eventType": "DISCONNECT"}}, Context()) == DONE
    assert connections.keys == set()
    [line] = lines()
    assert line["outcome"] == "removed"
    assert all(len(value) <= 256 for value in line.values() if isinstance(value, str))


@pytest.mark.parametrize("name", ["disconnectReason", "apiId", "stage", "requestId"])
def test_long_texts_are_cut(name: str, connections: Table, load: Load, lines: Lines) -> None:
    load("disconnect", CLIENT_DETAILS="full").lambda_handler(event(**{name: "y" * 10_000}), Context())
    [line] = lines()
    assert "y" * 256 in line.values()
    assert len(json.dumps(line)) < 2_000


@pytest.mark.parametrize("text", ["two\nlines", "\r\n{}", "\x00\x1b[31m", "\u2028 \u0085", "한국어 🙂", "\ud800"], ids=ascii)
def test_a_reason_can_not_break_the_line(text: str, connections: Table, load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    load("disconnect", CLIENT_DETAILS="full").lambda_handler(event(disconnectReason=text), Context())
    [line] = capsys.readouterr().out.splitlines()
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["closeReason"] == (text if text != "\ud800" else "?")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("full", ["203.0.113.24", event()["requestContext"]["identity"]["userAgent"]]),
        ("masked", ["203.0.113.0", CHROME]),
        ("", ["203.0.113.0", CHROME]),
        ("off", [None, None]),
    ],
)
def test_the_client_is_shown_as_the_setting_says(mode: str, expected: list[str], connections: Table, load: Load, lines: Lines) -> None:
    load("disconnect", CLIENT_DETAILS=mode).lambda_handler(event(), Context())
    [line] = lines()
    assert [line.get("sourceIp"), line.get("userAgent")] == expected


@pytest.mark.parametrize("mode", ["masked", "off"])
def test_no_address_leaves_the_function_by_log_or_queue(
    mode: str, aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.on("DeleteItem", error(500, "InternalServerError"))
    load("disconnect", CLIENT_DETAILS=mode, RETRY_QUEUE_URL=queue.url).lambda_handler(event(), Context())
    written = capsys.readouterr().out + json.dumps(queue.receive())
    assert ID in written
    assert "203.0.113.24" not in written
    assert "Linux" not in written
    assert "142.0.0.0" not in written


def test_a_closed_connection_is_a_metric_by_cause_when_asked_for(connections: Table, load: Load, lines: Lines) -> None:
    connections.put(ID)
    handler = load("disconnect", CONNECTION_METRICS="true").lambda_handler
    handler(event("idle_timeout"), Context())
    handler(event("idle_timeout"), Context())
    counted, again = lines()
    assert (counted["Name"], counted["cause"], counted["Closed"]) == ("test-api", "idle_timeout", 1)
    assert counted["_aws"]["CloudWatchMetrics"] == [
        {"Namespace": "WebSocketConnections", "Dimensions": [["Name", "cause"]], "Metrics": [{"Name": "Closed", "Unit": "Count"}]}
    ]
    assert "_aws" not in again


@pytest.mark.parametrize("entry_point", ["disconnect", "cleanup"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_without_a_table_no_function_starts(entry_point: str, value: str | None, load: Load) -> None:
    with pytest.raises(ValueError, match="CONNECTIONS_TABLE is not set: set this environment variable"):
        load(entry_point, CONNECTIONS_TABLE=value)


CODES = {
    400: "ProvisionedThroughputExceededException ThrottlingException RequestLimitExceeded AccessDeniedException "
    "ResourceNotFoundException ValidationException UnrecognizedClientException",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}


@pytest.mark.parametrize(("status", "code"), [(status, code) for status, codes in CODES.items() for code in codes.split()])
def test_what_dynamodb_refuses_is_queued(
    status: int, code: str, aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load, lines: Lines
) -> None:
    aws.on("DeleteItem", error(status, code))
    assert load("disconnect", RETRY_QUEUE_URL=queue.url).lambda_handler(event(), Context()) == DONE
    [message] = queue.receive()
    assert message["close"]["ended"]["connectionId"] == ID
    [line] = lines()
    assert (line["outcome"], line["level"], line["step"], line["Failures"]) == ("queued", "WARN", "close", 1)
    assert code in line["error"]
    assert line["requestId"] == REQUEST_ID


def test_a_cut_line_is_retried_before_anything_is_queued(
    aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load, lines: Lines
) -> None:
    connections.put(ID)
    answers = [error(500, "InternalServerError"), error(500, "InternalServerError")]
    aws.on("DeleteItem", lambda request: answers.pop()(request) if answers else None)
    assert load("disconnect", RETRY_QUEUE_URL=queue.url).lambda_handler(event(), Context()) == DONE
    assert connections.keys == set()
    assert queue.receive() == []
    assert [line["outcome"] for line in lines()] == ["removed"]


def test_when_the_queue_fails_too_both_errors_are_logged(
    aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load, lines: Lines
) -> None:
    aws.on("DeleteItem", error(500, "InternalServerError"))
    aws.on("SendMessage", error(500, "InternalError"))
    handler = load("disconnect", RETRY_QUEUE_URL=queue.url).lambda_handler
    with pytest.raises(Exception, match="InternalError"):
        handler(event(), Context())
    assert aws.operations.count("DeleteItem") == 3  # the fast one, and boto3's two
    assert aws.operations.count("SendMessage") == 2
    [line] = lines()
    assert (line["outcome"], line["level"], line["connectionId"], line["requestId"]) == ("failed", "ERROR", ID, REQUEST_ID)
    assert "InternalServerError" in line["error"]
    assert "InternalError" in line["queueError"]


def test_without_a_queue_a_failure_fails_the_invocation(aws: FakeAws, connections: Table, load: Load, lines: Lines) -> None:
    aws.on("DeleteItem", error(400, "AccessDeniedException"))
    with pytest.raises(Exception, match="AccessDeniedException"):
        load("disconnect").lambda_handler(event(), Context())
    [line] = lines()
    assert (line["outcome"], line["level"], line["connectionId"], line["requestId"]) == ("failed", "ERROR", ID, REQUEST_ID)


def test_with_everything_hanging_the_function_fails_in_time(
    aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load, lines: Lines
) -> None:
    for operation in ("DeleteItem", "SendMessage"):
        aws.on(operation, aws.hang)
    handler, context = load("disconnect", RETRY_QUEUE_URL=queue.url).lambda_handler, Context(timeout=10)
    with pytest.raises(Exception, match="Read timeout"):
        handler(event(), context)
    assert context.get_remaining_time_in_millis() > 1_000
    assert [line["outcome"] for line in lines()] == ["failed"]
