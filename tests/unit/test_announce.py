"""The announcements on an EventBridge bus: who left, and who is offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import announce
import fastjsonschema
import pytest
from cause import CAUSES
from closing import Closer

from tests.unit.fake_aws import Answer, FakeAws, Request
from tests.unit.support import API, TABLE, Clock, Table, closer, ended

BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schemas/announcement.v1.json").read_text())
conforms = fastjsonschema.compile(SCHEMA)
CONNECTED = 1_795_234_579_479


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


def test_an_ended_connection_is_announced_before_its_record_goes(aws: FakeAws, clients: Table, clock: Clock) -> None:
    clients.put("c", clientId="kim", connectedAt=CONNECTED)
    known = {"durationMs": 7_076, "closeCode": 1005, "closeReason": "", "apiId": "api1", "stage": "live", "gatewayRequestId": "g"}
    close(announcer(), clock, "c", **known)
    assert aws.operations == ["GetItem", "PutEvents", "DeleteItem"]
    [entry] = entries(aws)
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == (BUS, "websocket-connections", "WebSocket Connection Ended")
    envelope = {"version": 1, "id": "ended/c", "connectionsTable": TABLE}
    assert announced(aws) == [{**envelope, **ended("c"), **known, "clientId": "kim", "connectedAt": CONNECTED}]


INDEX = {"CLIENT_INDEX": "byClient", "DUPLICATES": "stale", "RETRY_QUEUE_URL": "https://retry", **API}


def announce_end(clock: Clock, **known: Any) -> None:
    announcer(**INDEX).steps["announce"](ended("c", clientId="kim", **known), clock.monotonic() + 30)


@pytest.mark.parametrize(("client", "index"), [({}, INDEX), ({"clientId": "kim"}, {})], ids=["no client", "no index"])
def test_without_a_client_or_an_index_nothing_is_counted(
    client: dict[str, str], index: dict[str, str], aws: FakeAws, clients: Table, clock: Clock
) -> None:
    clients.put("c", connectedAt=CONNECTED, **client)
    close(announcer(**index), clock, "c")
    [detail] = announced(aws)
    assert "connectionsLeft" not in detail
    assert detail.get("clientId") == client.get("clientId")


@pytest.mark.parametrize(("ours", "counted"), [(0, 0), (5, 5), (101, 100)])
def test_says_how_many_connections_the_client_has_left(ours: int, counted: int, aws: FakeAws, clock: Clock) -> None:
    """At most 100, without its own and those of another API, which do not use up the limit either."""
    names = {"c": "api1", "foreign1": "api2", "foreign2": "api2", **{f"ours{number}": "api1" for number in range(ours)}}
    aws.on("Query", lambda request: Answer(200, {"Items": [{"connectionId": {"S": n}, "apiId": {"S": api}} for n, api in names.items()]}))
    announce_end(clock)
    assert [detail["connectionsLeft"] for detail in announced(aws)] == [counted]


def test_stops_counting_at_the_deadline(aws: FakeAws, clock: Clock) -> None:
    def more(request: Request) -> Answer:
        clock.advance(10)
        return Answer(200, {"Items": [], "LastEvaluatedKey": {"connectionId": {"S": str(clock.ms)}}})

    aws.on("Query", more)
    with pytest.raises(TimeoutError):
        announce_end(clock)
    assert (len(aws.asked("Query")), entries(aws)) == (3, [])


@pytest.mark.parametrize(
    ("answer", "words"),
    [({"Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "no"}]}, "InternalFailure: no"), ({}, "no answer")],
)
def test_an_announcement_without_an_event_id_has_failed(answer: dict[str, Any], words: str, aws: FakeAws, clock: Clock) -> None:
    aws.on("PutEvents", lambda request: Answer(200, answer))
    with pytest.raises(announce.NotAnnouncedError, match=f"{BUS}: {words}"):
        announcer().steps["announce"](ended("c"), clock.monotonic() + 30)


def test_every_cause_is_in_the_schema() -> None:
    assert set(SCHEMA["properties"]["cause"]["enum"]) == CAUSES
