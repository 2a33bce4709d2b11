"""The disconnect queue: a message says and does the same as an invocation, and what can't be done now comes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ending
import pytest
import queue_events
from hypothesis import example, given
from hypothesis import strategies as st

from tests.queue_message import rendered
from tests.unit.fake_aws import FakeAws, error
from tests.unit.support import REQUEST_ID, Context, Lines, Load, RetryQueue, Table, deliver, event, sqs_record

Handle = Callable[..., list[str]]


@pytest.fixture
def handle(aws: FakeAws, connections: Table, queue: RetryQueue, dead_letters: RetryQueue, load: Load) -> Handle:
    """Hands the messages over in one batch; returns the ids of those that come back."""

    def handle(*bodies: str, context: Context | None = None, **environment: str) -> list[str]:
        urls = {"RETRY_QUEUE_URL": queue.url, "DEAD_LETTER_QUEUE_URL": dead_letters.url}
        route = load("disconnect", **{**urls, **environment})
        records = [sqs_record(body, f"m{number}", queue="disconnects") for number, body in enumerate(bodies)]
        return deliver(route, *records, context=context or Context())

    return handle


def end(connection_id: str, **changes: str) -> str:
    """The message about the end of a connection."""
    return rendered(event(connectionId=connection_id, **changes)["requestContext"])


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("extras", [{}, {"HISTORY_TABLE": "history"}], ids=["fast path", "extras"])
def test_a_message_is_handled_as_its_invocation(
    extras: dict[str, str], connections: Table, handle: Handle, load: Load, lines: Lines
) -> None:
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
    assert [record["body"] for record in dead_letters.batch()] == poison
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


@pytest.mark.parametrize("without", [{}, {"RETRY_QUEUE_URL": ""}], ids=["a queue that refuses", "no queue"])
def test_what_nothing_takes_comes_back(without: dict[str, str], aws: FakeAws, handle: Handle, lines: Lines) -> None:
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
def test_a_dead_letter_is_read_when_it_is_sent_back(source: str, kept: set[str], connections: Table, cleanup: Load) -> None:
    connections.put("a")
    assert deliver(cleanup(), sqs_record(end("a"), queue=source)) == []
    assert connections.keys == kept


# What API Gateway's template writes is read back as it was

HOSTILE = st.text(st.sampled_from("&=%+;?#$!{}()\"'\\/.\n\r\0 \ufeff\ufffe\ud800é😀ab1") | st.characters(), max_size=60) | st.sampled_from(
    ["&connectionId=victim", "%26connectionId%3Dvictim", "$context.connectionId", '#set($x = "y")', "${x}", "a=b&&&=", "é&" * 1_000]
)
WORD = st.text("abcXYZ019_-=$", min_size=1, max_size=40)
TIME = st.integers(1, 2**53 - 1)  # an event without a time, or of time 0, ended when it is read: two readings, two times
CLIENT = ["userAgent", "sourceIp"]
SENT = st.fixed_dictionaries(
    {"connectionId": WORD, "eventType": st.just("DISCONNECT"), "identity": st.fixed_dictionaries(dict.fromkeys(CLIENT, HOSTILE))},
    optional={
        **dict.fromkeys(["connectedAt", "requestTimeEpoch"], TIME),
        "disconnectStatusCode": st.integers(1000, 4999),
        "disconnectReason": HOSTILE,
        **dict.fromkeys(["apiId", "requestId"], WORD),
        "stage": HOSTILE,
    },
)


@given(SENT)
@example({"connectionId": "c", "identity": {"userAgent": "", "sourceIp": ""}})
def test_a_message_says_the_same_as_an_invocation(context: dict[str, Any]) -> None:
    direct = ending.from_event({"requestContext": {"requestTimeEpoch": 1, **context}}, "full")
    queued = ending.from_event(queue_events.to_event(rendered({"requestTimeEpoch": 1, **context})), "full")
    assert queued == {name: value for name, value in direct.items() if value != ""}


@given(st.text() | st.none() | st.integers() | st.binary())
def test_anything_else_is_an_event_or_rejected(body: object) -> None:
    try:
        found = ending.from_event(queue_events.to_event(body), "full")
    except ending.RejectedError:
        return
    assert isinstance(found["connectionId"], str)
    assert "connectionId=" in str(body)


TWICE = ["connectionId=a&connectionId=b", "identity=x&identity.userAgent=y&connectionId=a", "identity.a=y&identity=x&connectionId=a"]
TOO_MANY = "&".join(["connectionId=a", *(f"f{number}=1" for number in range(100))])


@pytest.mark.parametrize("body", [*TWICE, TOO_MANY, "a.b.c=1&a.b=2", '{"version": 1}', "", None], ids=lambda body: str(body)[:40])
def test_what_the_template_can_not_have_written_is_rejected(body: object) -> None:
    with pytest.raises(ending.RejectedError):
        ending.from_event(queue_events.to_event(body), "full")


@pytest.mark.parametrize(("sent", "waited"), [("1000", True), ("x", False), ("", False), ("99999999999999", True)])
def test_a_message_tells_how_long_it_waited(sent: str, waited: bool) -> None:
    assert (queue_events.waited_ms({"attributes": {"SentTimestamp": sent}}) is not None) == waited
    assert queue_events.waited_ms({}) is None
