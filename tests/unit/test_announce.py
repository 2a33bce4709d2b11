"""What an EventBridge bus is told: who left, and who is offline."""

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
from tests.unit.support import API, TABLE, Context, Table, closer, ended, sqs_record

if TYPE_CHECKING:
    from closing import Closer

    from tests.unit.fake_aws import FakeAws, Request
    from tests.unit.support import Clock, Load, RetryQueue

BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schemas/announcement.v1.json").read_text())
conforms = fastjsonschema.compile(SCHEMA)
CONNECTED, ENDED = 1_795_234_579_479, 1_795_234_586_555
GRACE_S = 60
LARGEST_ENTRY = 256 * 1024


@pytest.fixture
def connections(aws: FakeAws, dynamodb: Any) -> Table:
    return Table(dynamodb, TABLE, byClient=("clientId", "connectedAt"))


@pytest.fixture
def offline(queue: RetryQueue) -> dict[str, str]:
    """The settings under which clients are announced as offline."""
    return {"CLIENT_INDEX": "byClient", "CLIENT_OFFLINE_AFTER_SECONDS": str(GRACE_S), "RETRY_QUEUE_URL": queue.url}


def announcer(**environment: str) -> Closer:
    return closer(EVENT_BUS=BUS, **environment)


def close(made: Closer, clock: Clock, connection_id: str, **known: Any) -> None:
    assert made.close(ended(connection_id, **known), clock.monotonic() + 30) == "removed"


def check(made: Closer, message: dict[str, Any]) -> None:
    """The clean-up function's part, when a check that was queued comes."""
    assert made.announcements
    asks = messages.read(json.dumps(message), "full")
    assert isinstance(asks, messages.Offline)
    made.announcements.announce_offline(asks.ended, asks.id, asks.again)


def checks(aws: FakeAws) -> list[dict[str, Any]]:
    return [json.loads(sent["MessageBody"]) for sent in aws.asked("SendMessage") if "offline" in sent["MessageBody"]]


def entries(aws: FakeAws) -> list[dict[str, Any]]:
    return [entry for asked in aws.asked("PutEvents") for entry in asked["Entries"]]


def told(aws: FakeAws, kind: str = announce.ENDED) -> list[dict[str, Any]]:
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
    assert told(aws) == [
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


def test_a_client_that_nobody_named_is_left_out(aws: FakeAws, connections: Table, clock: Clock, offline: dict[str, str]) -> None:
    connections.put("c")
    close(announcer(**offline), clock, "c")
    [detail] = told(aws)
    assert "clientId" not in detail
    assert "connectionsLeft" not in detail
    assert checks(aws) == []


def test_a_repeat_has_the_same_id_whoever_makes_it(aws: FakeAws, connections: Table, clock: Clock) -> None:
    connections.put("c")
    aws.on("DeleteItem", error(500, "InternalServerError"))
    with pytest.raises(Exception, match="InternalServerError"):
        close(announcer(), clock, "c")
    aws.on("DeleteItem", lambda request: None)
    close(announcer(), clock, "c", cause="gone", endedAt=ENDED + 300_000)
    assert [(detail["id"], detail["cause"]) for detail in told(aws)] == [("ended/c", "client_closed"), ("ended/c", "gone")]


@pytest.mark.parametrize("mode", ["masked", "off", "full"])
def test_the_privacy_setting_holds(mode: str, aws: FakeAws, connections: Table, clock: Clock) -> None:
    connections.put("c", sourceIp="203.0.113.24", userAgent="Firefox/1.2 (Kim)")
    close(announcer(CLIENT_DETAILS=mode), clock, "c")
    [detail] = told(aws)
    shown = {"masked": ("203.0.113.0", "Firefox/1"), "off": (None, None), "full": ("203.0.113.24", "Firefox/1.2 (Kim)")}
    assert (detail.get("sourceIp"), detail.get("userAgent")) == shown[mode]


@pytest.mark.parametrize("others", [0, 1, 3])
def test_it_says_how_many_connections_the_client_has_left(
    others: int, aws: FakeAws, connections: Table, clock: Clock, offline: dict[str, str]
) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED)
    connections.put("lees", clientId="lee", connectedAt=CONNECTED)
    for number in range(others):
        connections.put(f"other{number}", clientId="kim", connectedAt=CONNECTED + number)
    close(announcer(**offline), clock, "c")
    assert [detail["connectionsLeft"] for detail in told(aws)] == [others]


def test_another_apis_connections_are_not_counted(aws: FakeAws, connections: Table, clock: Clock, offline: dict[str, str]) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED, apiId="api1")
    connections.put("foreign", clientId="kim", connectedAt=CONNECTED, apiId="api2")
    made = announcer(**offline, **API)
    close(made, clock, "c")
    assert [detail["connectionsLeft"] for detail in told(aws)] == [0]
    check(made, *checks(aws))
    assert [detail["connectionId"] for detail in told(aws, announce.OFFLINE)] == ["c"]


def test_a_count_reads_no_more_than_100_records(aws: FakeAws, connections: Table, clock: Clock, offline: dict[str, str]) -> None:
    for number in range(103):
        connections.put(f"c{number}", clientId="anybody", connectedAt=CONNECTED + number)
    close(announcer(**offline), clock, "c102")
    assert [detail["connectionsLeft"] for detail in told(aws)] == [100]
    [query] = aws.asked("Query")
    assert query["Limit"] == 100


def test_without_an_index_nothing_is_counted(aws: FakeAws, connections: Table, clock: Clock) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED)
    close(announcer(), clock, "c")
    assert "connectionsLeft" not in told(aws)[0]


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure", "AccessDeniedException"])
def test_a_refused_entry_is_a_failure(code: str, aws: FakeAws, connections: Table, clock: Clock, queue: RetryQueue) -> None:
    connections.put("c")
    aws.on("PutEvents", lambda request: Answer(200, {"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "no"}]}))
    made = announcer(RETRY_QUEUE_URL=queue.url)
    with pytest.raises(announce.RefusedError, match=f"{BUS}: {code}: no"):
        made.steps["announce"](ended("c"), clock.monotonic() + 30)
    close(made, clock, "c")
    assert [message["finish"]["steps"] for message in queue.receive()] == [["announce"]]


def test_an_answer_that_does_not_say_that_the_entry_was_taken_is_a_failure(aws: FakeAws, connections: Table, clock: Clock) -> None:
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
    [detail] = told(aws)
    assert len(detail["clientId"].encode()) == 2048
    [entry] = entries(aws)
    assert len(entry["Detail"].encode()) < LARGEST_ENTRY / 4


def test_every_cause_is_in_the_schema() -> None:
    assert set(SCHEMA["properties"]["cause"]["enum"]) == CAUSES


# Who is offline


def test_the_last_connection_of_a_client_queues_a_check_after_the_grace_period(
    aws: FakeAws, connections: Table, clock: Clock, offline: dict[str, str]
) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED)
    aws.requests.clear()
    close(announcer(**offline), clock, "c")
    assert aws.operations == ["GetItem", "Query", "PutEvents", "SendMessage", "DeleteItem"]
    [sent] = aws.asked("SendMessage")
    assert sent["DelaySeconds"] == GRACE_S + 2
    known = ended("c", clientId="kim", connectedAt=CONNECTED)
    assert checks(aws) == [{"version": 1, "offline": {"ended": known, "id": "offline/c", "again": False}}]


def test_the_check_announces_a_client_without_a_record_and_again_with_the_same_id(
    aws: FakeAws, connections: Table, clock: Clock, offline: dict[str, str]
) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED)
    made = announcer(**offline)
    close(made, clock, "c")
    [message] = checks(aws)
    check(made, message)
    check(made, message)
    once, again = told(aws, announce.OFFLINE)
    assert once == again
    known = ended("c", clientId="kim", connectedAt=CONNECTED)
    assert once == {"version": 1, "id": "offline/c", "connectionsTable": TABLE, **known}


def test_a_reconnect_within_the_grace_period_cancels_it(aws: FakeAws, connections: Table, clock: Clock, offline: dict[str, str]) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED)
    made = announcer(**offline)
    close(made, clock, "c")
    connections.put("again", clientId="kim", connectedAt=clock.ms)
    check(made, *checks(aws))
    assert told(aws, announce.OFFLINE) == []


def test_what_the_index_still_shows_but_the_table_no_longer_has_does_not_cancel_it(
    aws: FakeAws, connections: Table, clock: Clock, offline: dict[str, str]
) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED)
    made = announcer(**offline)
    close(made, clock, "c")
    stale = {"connectionId": {"S": "other"}, "clientId": {"S": "kim"}, "connectedAt": {"N": "1"}}
    aws.on("Query", lambda request: Answer(200, {"Items": [stale], "Count": 1, "ScannedCount": 1}))
    check(made, *checks(aws))
    assert [detail["id"] for detail in told(aws, announce.OFFLINE)] == ["offline/c"]


@pytest.mark.parametrize("others", [{}, {"z": {"endedAt": ENDED}}], ids=["its own", "and another's that is about to go"])
def test_while_a_record_is_about_to_go_the_check_comes_again_once(
    others: dict[str, Any], aws: FakeAws, connections: Table, clock: Clock, offline: dict[str, str]
) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED)
    for name, attributes in others.items():
        connections.put(name, clientId="kim", connectedAt=CONNECTED, **attributes)
    made = announcer(**offline)
    aws.on("DeleteItem", error(500, "InternalServerError"))
    with pytest.raises(Exception, match="InternalServerError"):
        close(made, clock, "c")
    check(made, *checks(aws))
    _, message = checks(aws)
    assert message["offline"]["again"]
    check(made, message)
    assert [sent["DelaySeconds"] for sent in aws.asked("SendMessage")] == [GRACE_S + 2, 30]
    assert told(aws, announce.OFFLINE) == []


def test_a_connection_beside_others_queues_no_check(aws: FakeAws, connections: Table, clock: Clock, offline: dict[str, str]) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED)
    connections.put("other", clientId="kim", connectedAt=CONNECTED)
    close(announcer(**offline), clock, "c")
    assert checks(aws) == []
    assert connections.get("other") == {"connectionId": "other", "clientId": "kim", "connectedAt": CONNECTED}


@pytest.mark.parametrize("meanwhile", ["Query", "PutEvents", "UpdateItem", "GetItem", "DeleteItem"])
@pytest.mark.parametrize("second", ["a", "z"])
def test_of_connections_that_end_at_once_at_least_one_queues_the_check_and_all_under_one_id(
    second: str, meanwhile: str, aws: FakeAws, connections: Table, clock: Clock, offline: dict[str, str]
) -> None:
    """The second is closed wholly while the first is just before a call of its own."""
    for name in ("k", second):
        connections.put(name, clientId="kim", connectedAt=CONNECTED)
    first_calls = 0

    def close_the_second(request: Request) -> None:
        nonlocal first_calls
        first_calls += 1
        if first_calls == (2 if meanwhile == "GetItem" else 1):  # its first GetItem is the record's
            aws.handlers.clear()
            close(announcer(**offline), clock, second)

    aws.on(meanwhile, close_the_second)
    close(announcer(**offline), clock, "k")
    assert connections.keys == set()
    assert len({message["offline"]["id"] for message in checks(aws)}) == 1


def test_both_that_wait_for_each_other_see_each_others_mark(
    aws: FakeAws, connections: Table, clock: Clock, offline: dict[str, str]
) -> None:
    for name in ("a", "z"):
        connections.put(name, clientId="kim", connectedAt=CONNECTED)
    connections.put("z", clientId="kim", connectedAt=CONNECTED, endedAt=ENDED)  # as its own closing has marked it
    close(announcer(**offline), clock, "a")
    assert [message["offline"]["id"] for message in checks(aws)] == ["offline/z"]
    connections.put("a", clientId="kim", connectedAt=CONNECTED, endedAt=ENDED)
    close(announcer(**offline), clock, "z")
    assert [message["offline"]["id"] for message in checks(aws)] == ["offline/z", "offline/z"]


def test_a_mark_brings_no_removed_record_back(aws: FakeAws, connections: Table, clock: Clock, offline: dict[str, str]) -> None:
    connections.put("other", clientId="kim", connectedAt=CONNECTED)
    announcer(**offline).steps["announce"](ended("gone", clientId="kim"), clock.monotonic() + 30)
    assert connections.keys == {"other"}


def test_the_cleanup_function_makes_the_check(aws: FakeAws, connections: Table, clock: Clock, load: Load, offline: dict[str, str]) -> None:
    message = json.dumps({"version": 1, "offline": {"ended": ended("c", clientId="kim"), "id": "offline/c"}})
    batch = {"Records": [sqs_record(message)]}
    assert load("cleanup", EVENT_BUS=BUS, **offline).lambda_handler(batch, Context(120)) == {"batchItemFailures": []}
    assert [detail["id"] for detail in told(aws, announce.OFFLINE)] == ["offline/c"]


def test_a_check_that_comes_when_announcements_have_been_turned_off_is_dropped(aws: FakeAws, connections: Table, load: Load) -> None:
    message = json.dumps({"version": 1, "offline": {"ended": ended("c", clientId="kim"), "id": "offline/c"}})
    aws.requests.clear()
    assert load("cleanup").lambda_handler({"Records": [sqs_record(message)]}, Context(120)) == {"batchItemFailures": []}
    assert aws.requests == []
