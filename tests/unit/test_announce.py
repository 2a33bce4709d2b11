"""The announcements on an EventBridge bus: who left, and who is offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import announce
import fastjsonschema
import messages
import pytest
from cause import CAUSES

from tests.unit.fake_aws import Answer, error
from tests.unit.support import API, TABLE, Table, closer, ended

if TYPE_CHECKING:
    from closing import Closer

    from tests.unit.fake_aws import FakeAws, Request
    from tests.unit.support import Clock, RetryQueue

BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schemas/announcement.v1.json").read_text())
conforms = fastjsonschema.compile(SCHEMA)
CONNECTED, ENDED = 1_795_234_579_479, 1_795_234_586_555
LARGEST_ENTRY = 256 * 1024


@pytest.fixture
def connections(aws: FakeAws, dynamodb: Any) -> Table:
    return Table(dynamodb, TABLE, byClient=("clientId", "connectedAt"))


def announcer(**environment: str) -> Closer:
    return closer(EVENT_BUS=BUS, **environment)


def close(made: Closer, clock: Clock, connection_id: str, **known: Any) -> None:
    assert made.close(ended(connection_id, **known), clock.monotonic() + 30) == "removed"


def entries(aws: FakeAws) -> list[dict[str, Any]]:
    return [entry for asked in aws.asked("PutEvents") for entry in asked["Entries"]]


def announced(aws: FakeAws, kind: str = announce.ENDED) -> list[dict[str, Any]]:
    """The details that were put on the bus, each as its schema says."""
    details = [json.loads(entry["Detail"]) for entry in entries(aws) if entry["DetailType"] == kind]
    for detail in details:
        conforms(detail)
        assert detail.keys() <= SCHEMA["properties"].keys()
    return details


def test_an_ended_connection_is_announced_before_its_record_goes(aws: FakeAws, connections: Table, clock: Clock) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED)
    aws.requests.clear()
    close(announcer(), clock, "c", durationMs=7_076, closeCode=1005, closeReason="", apiId="api1", stage="live", gatewayRequestId="g")
    assert aws.operations == ["GetItem", "PutEvents", "DeleteItem"]
    [entry] = entries(aws)
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == (BUS, "websocket-connections", "WebSocket Connection Ended")
    assert announced(aws) == [
        {
            "version": 1,
            "id": "ended/c",
            "connectionsTable": TABLE,
            "connectionId": "c",
            "cause": "client_closed",
            "endedAt": ENDED,
            "durationMs": 7_076,
            "closeCode": 1005,
            "closeReason": "",
            "apiId": "api1",
            "stage": "live",
            "gatewayRequestId": "g",
            "clientId": "kim",
            "connectedAt": CONNECTED,
        }
    ]


def test_a_connection_without_a_record_is_not_announced(aws: FakeAws, connections: Table, clock: Clock) -> None:
    assert announcer().close(ended("c"), clock.monotonic() + 30) == "already_gone"
    assert entries(aws) == []


def test_a_client_that_nobody_named_is_left_out(aws: FakeAws, connections: Table, clock: Clock) -> None:
    connections.put("c")
    close(announcer(**INDEX), clock, "c")
    [detail] = announced(aws)
    assert "clientId" not in detail
    assert "connectionsLeft" not in detail


def test_a_repeat_has_the_same_id_whoever_makes_it(aws: FakeAws, connections: Table, clock: Clock) -> None:
    connections.put("c")
    aws.on("DeleteItem", error(500, "InternalServerError"))
    with pytest.raises(Exception, match="InternalServerError"):
        close(announcer(), clock, "c")
    aws.on("DeleteItem", lambda request: None)
    close(announcer(), clock, "c", cause="gone", endedAt=ENDED + 300_000)
    assert [(detail["id"], detail["cause"]) for detail in announced(aws)] == [("ended/c", "client_closed"), ("ended/c", "gone")]


@pytest.mark.parametrize("mode", ["masked", "off", "full"])
def test_the_privacy_setting_holds(mode: str, aws: FakeAws, connections: Table, clock: Clock) -> None:
    connections.put("c", sourceIp="203.0.113.24", userAgent="Firefox/1.2 (Kim)")
    close(announcer(CLIENT_DETAILS=mode), clock, "c")
    [detail] = announced(aws)
    shown = {"masked": ("203.0.113.0", "Firefox/1"), "off": (None, None), "full": ("203.0.113.24", "Firefox/1.2 (Kim)")}
    assert (detail.get("sourceIp"), detail.get("userAgent")) == shown[mode]


INDEX = {"CLIENT_INDEX": "byClient", "DUPLICATES": "stale", "RETRY_QUEUE_URL": "https://retry", **API}


@pytest.mark.parametrize("others", [0, 1, 3])
def test_says_how_many_connections_the_client_has_left(others: int, aws: FakeAws, connections: Table, clock: Clock) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED)
    connections.put("lees", clientId="lee", connectedAt=CONNECTED)
    for number in range(others):
        connections.put(f"other{number}", clientId="kim", connectedAt=CONNECTED + number)
    count(clock)
    assert [detail["connectionsLeft"] for detail in announced(aws)] == [others]


def count(clock: Clock, **known: Any) -> None:
    announcer(**INDEX).steps["announce"](ended("c", clientId="kim", **known), clock.monotonic() + 30)


@pytest.mark.parametrize(("ours", "counted"), [(103, 100), (5, 5)])
def test_counts_at_most_100_and_no_foreign_ones(ours: int, counted: int, aws: FakeAws, connections: Table, clock: Clock) -> None:
    """Those of another API do not use up the limit either: one page of the index may hold nothing else."""
    for number in range(103):
        connections.put(f"foreign{number}", clientId="kim", connectedAt=number, apiId="api2")
    for number in range(ours):
        connections.put(f"c{number}", clientId="kim", connectedAt=CONNECTED + number, apiId="api1")
    count(clock)
    assert [detail["connectionsLeft"] for detail in announced(aws)] == [counted]


def test_stops_counting_at_the_deadline(aws: FakeAws, connections: Table, clock: Clock) -> None:
    def more(request: Request) -> Answer:
        clock.advance(10)
        return Answer(200, {"Items": [], "LastEvaluatedKey": {"connectionId": {"S": str(clock.ms)}}})

    aws.on("Query", more)
    with pytest.raises(TimeoutError):
        count(clock)
    assert (len(aws.asked("Query")), entries(aws)) == (3, [])


def test_without_an_index_nothing_is_counted(aws: FakeAws, connections: Table, clock: Clock) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED)
    close(announcer(), clock, "c")
    assert "connectionsLeft" not in announced(aws)[0]


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure", "AccessDeniedException"])
def test_a_refused_entry_is_a_failure(code: str, aws: FakeAws, connections: Table, clock: Clock, queue: RetryQueue) -> None:
    connections.put("c")
    aws.on("PutEvents", lambda request: Answer(200, {"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "no"}]}))
    made = announcer(RETRY_QUEUE_URL=queue.url)
    with pytest.raises(announce.RefusedError, match=f"{BUS}: {code}: no"):
        made.steps["announce"](ended("c"), clock.monotonic() + 30)
    close(made, clock, "c")
    assert [message["finish"]["steps"] for message in queue.receive()] == [["announce"]]


def test_an_answer_without_an_event_id_is_a_failure(aws: FakeAws, connections: Table, clock: Clock) -> None:
    aws.on("PutEvents", lambda request: Answer(200, {}))
    with pytest.raises(announce.RefusedError, match="no answer"):
        announcer().steps["announce"](ended("c"), clock.monotonic() + 30)


def test_the_largest_announcement_fits_an_entry(aws: FakeAws, connections: Table, clock: Clock) -> None:
    """Whatever a retry message says (its own size is SQS's limit, 1 MiB), and JSON's escapes at their longest."""
    huge = "\U0001f600" * 100_000
    worst: dict[str, Any] = dict.fromkeys(["closeReason", "apiId", "stage", "gatewayRequestId", "sourceIp", "userAgent"], huge)
    numbers = dict.fromkeys(["connectedAt", "durationMs", "closeCode"], 2**53 - 1)
    known = {**ended("\U0001f600" * 128), **worst, **numbers, "clientId": "\U0001f600" * 512}
    message = messages.read(json.dumps({"version": 1, "close": {"ended": known}}), "full")
    assert isinstance(message, messages.Close)
    announcer().steps["announce"](message.ended, clock.monotonic() + 30)
    [detail] = announced(aws)
    assert len(detail["clientId"].encode()) == 2048
    [entry] = entries(aws)
    assert len(entry["Detail"].encode()) < LARGEST_ENTRY / 4


def test_every_cause_is_in_the_schema() -> None:
    assert set(SCHEMA["properties"]["cause"]["enum"]) == CAUSES
