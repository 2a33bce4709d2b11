"""The announcements on an EventBridge bus: who left, who is offline, when, and under which id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import announce
import fastjsonschema
import pytest
from cause import CAUSES
from closing import Closer

from tests.unit.fake_aws import Answer, FakeAws, Request, error
from tests.unit.support import API, TABLE, Clock, Load, RetryQueue, Table, closer, deliver, ended, sqs_record

BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schemas/announcement.v1.json").read_text())
conforms = fastjsonschema.compile(SCHEMA)
CONNECTED = 1_795_234_579_479


def announcer(**environment: str) -> Closer:
    return closer(EVENT_BUS=BUS, **environment)


def announced(aws: FakeAws, kind: str = "WebSocket Connection Ended") -> list[dict[str, Any]]:
    """The details that were put on the bus, each as its schema says."""
    entries = [entry for asked in aws.asked("PutEvents") for entry in asked["Entries"] if entry["DetailType"] == kind]
    assert {(entry["EventBusName"], entry["Source"]) for entry in entries} <= {(BUS, "websocket-connections")}
    details = [json.loads(entry["Detail"]) for entry in entries]
    for detail in details:
        conforms(detail)
        assert detail.keys() <= SCHEMA["properties"].keys()
    return details


def test_an_ended_connection_is_announced_before_its_record_goes(aws: FakeAws, clients: Table, clock: Clock) -> None:
    clients.put("c", clientId="kim", connectedAt=CONNECTED)
    known = {"durationMs": 7_076, "closeCode": 1005, "closeReason": "", "apiId": "api1", "stage": "live", "gatewayRequestId": "g"}
    assert announcer().close(ended("c", **known), clock.monotonic() + 30) == "removed"
    assert aws.operations == ["GetItem", "PutEvents", "DeleteItem"]
    envelope = {"version": 1, "id": "ended/c", "connectionsTable": TABLE}
    assert announced(aws) == [{**envelope, **ended("c"), **known, "clientId": "kim", "connectedAt": CONNECTED}]


KIM = {"clientId": "kim"}
INDEX = {"CLIENT_INDEX": "byClient", "DUPLICATES": "stale", "RETRY_QUEUE_URL": "https://retry", **API}


def announce_end(clock: Clock, client: dict[str, str], index: dict[str, str]) -> None:
    announcer(**index).steps["announce"](ended("c", **client), clock.monotonic() + 30)


def test_without_a_client_or_an_index_nothing_is_counted(aws: FakeAws, clock: Clock) -> None:
    announce_end(clock, {}, INDEX)
    announce_end(clock, KIM, {})
    assert [("connectionsLeft" in detail, detail.get("clientId")) for detail in announced(aws)] == [(False, None), (False, "kim")]


@pytest.mark.parametrize(("ours", "counted"), [(0, 0), (5, 5), (101, 100)])
def test_says_how_many_connections_the_client_has_left(ours: int, counted: int, aws: FakeAws, clock: Clock) -> None:
    """At most 100, without its own and those of another API, which do not use up the limit either."""
    names = {"c": "api1", "foreign1": "api2", "foreign2": "api2", **{f"ours{number}": "api1" for number in range(ours)}}
    aws.on("Query", lambda request: Answer(200, {"Items": [{"connectionId": {"S": n}, "apiId": {"S": api}} for n, api in names.items()]}))
    announce_end(clock, KIM, INDEX)
    assert [detail["connectionsLeft"] for detail in announced(aws)] == [counted]


def test_stops_counting_at_the_deadline(aws: FakeAws, clock: Clock) -> None:
    def more(request: Request) -> Answer:
        clock.advance(10)
        return Answer(200, {"Items": [], "LastEvaluatedKey": {"connectionId": {"S": str(clock.ms)}}})

    aws.on("Query", more)
    with pytest.raises(TimeoutError):
        announce_end(clock, KIM, INDEX)
    assert aws.operations == ["Query"] * 3


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


# Clients that are offline

GRACE_S = 60
END = 1_795_234_586_555


@pytest.fixture
def absences(aws: FakeAws, dynamodb: Any) -> Table:
    return Table(dynamodb, "offline", keys=("clientId",))


@dataclass
class Kim:
    """The client: ends connections by `closer`, and has the checks made by the clean-up function."""

    aws: FakeAws
    clock: Clock
    closer: Closer
    cleanup: ModuleType

    def end(self, connection_id: str, at: int = 0) -> None:
        """Runs the step for a connection that ended `at` so many ms after END."""
        known = ended(connection_id, endedAt=END + at, clientId="kim")
        self.closer.steps["offline"](known, self.clock.monotonic() + 30)

    def check(self, connection_id: str, absence: str = "", again: bool = False, done: bool = True) -> list[str]:
        """Has the queued check of a connection made; returns the ids that have been announced so far."""
        known = {"ended": ended(connection_id, clientId="kim"), "id": absence or f"offline/{connection_id}", "again": again}
        assert (deliver(self.cleanup, sqs_record(json.dumps({"version": 1, "offline": known}))) == []) == done
        return [detail["id"] for detail in announced(self.aws, "WebSocket Client Offline")]

    @property
    def queued(self) -> list[tuple[str, int, bool]]:
        """The checks that were sent: id of the absence, delay (s), whether it is the second."""
        sent = [(json.loads(asked["MessageBody"])["offline"], asked["DelaySeconds"]) for asked in self.aws.asked("SendMessage")]
        return [(check["id"], delay, check["again"]) for check, delay in sent]


@pytest.fixture
def kim(aws: FakeAws, clients: Table, absences: Table, queue: RetryQueue, clock: Clock, cleanup: Load) -> Kim:
    grace = {"CLIENT_OFFLINE_AFTER_SECONDS": str(GRACE_S), "OFFLINE_TABLE": "offline", "RETRY_QUEUE_URL": queue.url}
    environment = {"EVENT_BUS": BUS, "CLIENT_INDEX": "byClient", **grace, **API}
    return Kim(aws, clock, closer(**environment), cleanup(**environment))


def test_an_end_is_stored_and_a_check_queued(aws: FakeAws, clients: Table, absences: Table, kim: Kim) -> None:
    """Before its record goes, and before the bus may refuse the announcement of the end."""
    clients.put("c", clientId="kim", connectedAt=1)
    assert kim.closer.close(ended("c", endedAt=END), kim.clock.monotonic() + 30) == "removed"
    assert aws.operations == ["GetItem", "UpdateItem", "SendMessage", "Query", "PutEvents", "DeleteItem"]
    assert kim.queued == [("offline/c", GRACE_S + 2, False)]
    assert absences.items == [{"clientId": "kim", "id": "offline/c", "endedAt": END, "expiresAt": END // 1000 + 172_800}]


@pytest.mark.parametrize(
    ("ends", "ids"),
    [
        ([("a", 0), ("b", 1)], ["a", "b"]),
        ([("b", 1), ("a", 0)], ["b", "b"]),
        ([("a", 0), ("b", 0)], ["a", "a"]),
        ([("a", 0), ("a", 0)], ["a", "a"]),
        ([("a", 0), ("b", 2), ("a", 1)], ["a", "b", "b"]),
    ],
    ids=["a later end", "an earlier one that comes late", "at once", "a repeat", "between"],
)
def test_checks_bear_the_id_of_the_last_end(ends: list[tuple[str, int]], ids: list[str], kim: Kim) -> None:
    for connection_id, at in ends:
        kim.end(connection_id, at)
    assert [check for check, _, _ in kim.queued] == [f"offline/{name}" for name in ids]


def test_an_absence_is_announced_once_it_could_be_stored(aws: FakeAws, kim: Kim) -> None:
    """If it could not, it is announced again under the same id. A check of an older absence is dropped."""
    kim.end("a")
    kim.end("b", 55_000)
    assert kim.check("a") == []
    aws.on("PutEvents", lambda request: aws.on("UpdateItem", error(500, "InternalServerError")))
    assert kim.check("b", done=False) == ["offline/b"]
    aws.handlers.clear()
    assert kim.check("b") == kim.check("b") == ["offline/b", "offline/b"]


@pytest.mark.parametrize(("seconds", "ids"), [(None, ["offline/a"]), (1, ["offline/a", "offline/b"])], ids=["before", "after"])
def test_only_an_end_after_the_announcement_is_a_new_absence(seconds: int | None, ids: list[str], kim: Kim) -> None:
    """Before it: the step of a second connection, which ended at the same time, had to be retried until then."""
    kim.end("a")
    kim.check("a")
    kim.end("b", kim.clock.ms - END + seconds * 1_000 if seconds else 1)
    assert [name for name, _, _ in kim.queued] == ids
    assert kim.check("b") == ids


@pytest.mark.parametrize("stage", ["live", "test"])
def test_a_reconnect_cancels_the_announcement(stage: str, clients: Table, kim: Kim) -> None:
    """Unless it is to another stage."""
    kim.end("c")
    clients.put("again", clientId="kim", connectedAt=kim.clock.ms, apiId="api1", stage=stage)
    assert kim.check("c") == ([] if stage == "live" else ["offline/c"])


def answer_from_index(aws: FakeAws, *items: dict[str, Any]) -> None:
    aws.on("Query", lambda request: Answer(200, {"Items": list(items)}))


def test_records_of_other_apis_hide_no_reconnect(aws: FakeAws, clients: Table, kim: Kim) -> None:
    foreign = [{"connectionId": {"S": f"foreign{number}"}, "apiId": {"S": "api2"}} for number in range(103)]
    answer_from_index(aws, *foreign, {"connectionId": {"S": "again"}})
    clients.put("again", clientId="kim", connectedAt=1)
    assert kim.check("c") == []


def test_the_table_is_believed_instead_of_its_index(aws: FakeAws, clients: Table, kim: Kim) -> None:
    """Of 150 connections that the index still shows, the table has the last."""
    answer_from_index(aws, *({"connectionId": {"S": f"c{number}"}} for number in range(150)))
    clients.put("c149", clientId="kim", connectedAt=149)
    assert kim.check("c") == []
    assert aws.operations == ["GetItem", "Query", "BatchGetItem", "BatchGetItem"]
    clients.delete("c149")
    assert kim.check("c") == ["offline/c"]


def test_an_index_of_keys_alone_hides_no_foreign_record(aws: FakeAws, clients: Table, kim: Kim) -> None:
    clients.put("foreign", clientId="kim", connectedAt=1, apiId="api2")
    answer_from_index(aws, {"connectionId": {"S": "foreign"}})
    assert kim.check("c") == ["offline/c"]


@pytest.mark.parametrize(
    ("left", "again", "expected"),
    [(["c"], False, [("offline/a", 30, True)]), (["c"], True, []), (["c", "other"], False, []), (["other"], False, [])],
)
def test_a_check_comes_again_once_while_its_own_record_is_left(
    left: list[str], again: bool, expected: list[Any], clients: Table, kim: Kim
) -> None:
    for name in left:
        clients.put(name, clientId="kim", connectedAt=1)
    assert kim.check("c", "offline/a", again) == []
    assert kim.queued == expected


def test_nothing_is_begun_after_the_deadline(aws: FakeAws, clients: Table, kim: Kim) -> None:
    for operation in ("UpdateItem", "Query"):
        aws.on(operation, lambda request: kim.clock.advance(200))
    with pytest.raises(TimeoutError):
        kim.end("c")
    clients.put("c", clientId="kim", connectedAt=1)
    assert kim.check("c", done=False) == []
    assert (kim.queued, aws.asked("BatchGetItem")) == ([], [])


def test_a_check_is_dropped_once_announcements_are_off(aws: FakeAws, kim: Kim, cleanup: Load) -> None:
    kim.cleanup = cleanup(EVENT_BUS="")
    assert kim.check("c") == []
    assert aws.requests == []
