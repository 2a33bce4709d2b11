"""Which clients are announced as offline, when, and under which id."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.fake_aws import Answer, error
from tests.unit.support import API, TABLE, Context, Table, closer, ended, sqs_record

if TYPE_CHECKING:
    from closing import Closer

    from tests.unit.fake_aws import FakeAws
    from tests.unit.support import Clock, Load, RetryQueue

GRACE_S = 60
END = 1_795_234_586_555


@pytest.fixture
def connections(aws: FakeAws, dynamodb: Any) -> Table:
    return Table(dynamodb, TABLE, byClient=("clientId", "connectedAt"))


@pytest.fixture(autouse=True)
def absences(aws: FakeAws, dynamodb: Any) -> Table:
    return Table(dynamodb, "offline", keys=("clientId",))


@pytest.fixture
def environment(queue: RetryQueue) -> dict[str, str]:
    grace = {"CLIENT_OFFLINE_AFTER_SECONDS": str(GRACE_S), "OFFLINE_TABLE": "offline", "RETRY_QUEUE_URL": queue.url}
    return {"EVENT_BUS": "default", "CLIENT_INDEX": "byClient", **grace, **API}


@pytest.fixture
def made(environment: dict[str, str]) -> Closer:
    return closer(**environment)


@pytest.fixture
def check(aws: FakeAws, connections: Table, environment: dict[str, str], load: Load) -> Any:
    """Has the clean-up function make the queued check of a connection; returns the ids that were announced."""
    cleanup = load("cleanup", **environment)

    def check(connection_id: str, absence: str = "", again: bool = False) -> list[str]:
        known = {"ended": ended(connection_id, clientId="kim"), "id": absence or f"offline/{connection_id}", "again": again}
        record = sqs_record(json.dumps({"version": 1, "offline": known}))
        assert cleanup.lambda_handler({"Records": [record]}, Context(120)) == {"batchItemFailures": []}
        return announced(aws)

    return check


def announced(aws: FakeAws) -> list[str]:
    entries = [entry for asked in aws.asked("PutEvents") for entry in asked["Entries"]]
    return [json.loads(entry["Detail"])["id"] for entry in entries if entry["DetailType"] == "WebSocket Client Offline"]


def queued(aws: FakeAws) -> list[tuple[str, int, bool]]:
    """The checks that were sent: id of the absence, delay (s), whether it is the second."""
    sent = [(json.loads(asked["MessageBody"])["offline"], asked["DelaySeconds"]) for asked in aws.asked("SendMessage")]
    return [(check["id"], delay, check["again"]) for check, delay in sent]


def end(made: Closer, clock: Clock, connection_id: str, at: int = 0, client_id: str | None = "kim") -> None:
    known = {"clientId": client_id} if client_id else {}
    made.steps["offline"](ended(connection_id, endedAt=END + at, **known), clock.monotonic() + 30)


def test_an_end_is_stored_and_a_check_queued(aws: FakeAws, connections: Table, absences: Table, clock: Clock, made: Closer) -> None:
    """Before its record goes, and before the bus may refuse the announcement of the end."""
    connections.put("c", clientId="kim", connectedAt=1)
    aws.requests.clear()
    assert made.close(ended("c"), clock.monotonic() + 30) == "removed"
    assert aws.operations == ["GetItem", "UpdateItem", "SendMessage", "Query", "PutEvents", "DeleteItem"]
    assert queued(aws) == [("offline/c", GRACE_S + 2, False)]
    assert absences.items == [{"clientId": "kim", "id": "offline/c", "endedAt": END, "expiresAt": END // 1000 + 172_800}]


def test_a_client_that_nobody_named_is_never_offline(aws: FakeAws, clock: Clock, made: Closer) -> None:
    aws.requests.clear()
    end(made, clock, "c", client_id=None)
    assert aws.requests == []


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
def test_checks_bear_the_id_of_the_last_end(ends: list[tuple[str, int]], ids: list[str], aws: FakeAws, clock: Clock, made: Closer) -> None:
    for connection_id, at in ends:
        end(made, clock, connection_id, at)
    assert [check for check, _, _ in queued(aws)] == [f"offline/{name}" for name in ids]


def test_a_check_announces_a_client_without_a_record_once(clock: Clock, made: Closer, check: Any) -> None:
    end(made, clock, "c")
    assert check("c") == ["offline/c"]
    assert check("c") == ["offline/c"]


def test_an_announcement_that_could_not_be_noted_repeats_its_id(aws: FakeAws, clock: Clock, made: Closer, check: Any) -> None:
    end(made, clock, "c")
    aws.on("PutEvents", lambda request: aws.on("UpdateItem", error(500, "InternalServerError")))
    aws.on("ChangeMessageVisibility", lambda request: Answer(200, {}))
    with pytest.raises(AssertionError):
        check("c")
    aws.handlers.clear()
    assert check("c") == ["offline/c", "offline/c"]


def test_a_check_of_an_older_absence_is_dropped(clock: Clock, made: Closer, check: Any) -> None:
    end(made, clock, "a")
    end(made, clock, "b", 55_000)
    assert check("a") == []
    assert check("b") == ["offline/b"]


@pytest.mark.parametrize(("later_s", "ids"), [(None, ["offline/a"]), (1, ["offline/a", "offline/b"])], ids=["before", "after"])
def test_only_an_end_after_the_announcement_is_a_new_absence(
    later_s: int | None, ids: list[str], aws: FakeAws, clock: Clock, made: Closer, check: Any
) -> None:
    """Before it: the step of a second connection, which ended at the same time, had to be retried until then."""
    end(made, clock, "a")
    check("a")
    end(made, clock, "b", clock.ms - END + later_s * 1_000 if later_s else 1)
    assert [name for name, _, _ in queued(aws)] == ids
    assert check("b") == ids


def test_a_check_without_a_known_absence_is_made(check: Any) -> None:
    """It was queued by an earlier version, or the absence is no longer kept."""
    assert check("c") == ["offline/c"]


@pytest.mark.parametrize("stage", ["live", "test"])
def test_a_reconnect_cancels_the_announcement(stage: str, connections: Table, clock: Clock, made: Closer, check: Any) -> None:
    """Unless it is to another stage."""
    end(made, clock, "c")
    connections.put("again", clientId="kim", connectedAt=clock.ms, apiId="api1", stage=stage)
    assert check("c") == ([] if stage == "live" else ["offline/c"])


def answer_from_index(aws: FakeAws, *items: dict[str, Any]) -> None:
    aws.on("Query", lambda request: Answer(200, {"Items": list(items)}))


def test_records_of_other_apis_hide_no_reconnect(aws: FakeAws, connections: Table, check: Any) -> None:
    foreign = [{"connectionId": {"S": f"foreign{number}"}, "apiId": {"S": "api2"}} for number in range(103)]
    answer_from_index(aws, *foreign, {"connectionId": {"S": "again"}})
    connections.put("again", clientId="kim", connectedAt=1)
    assert check("c") == []


def test_the_table_is_believed_instead_of_its_index(aws: FakeAws, connections: Table, check: Any) -> None:
    """Of 150 connections that the index still shows, the table has the last."""
    answer_from_index(aws, *({"connectionId": {"S": f"c{number}"}} for number in range(150)))
    connections.put("c149", clientId="kim", connectedAt=149)
    aws.requests.clear()
    assert check("c") == []
    assert aws.operations == ["GetItem", "Query", "BatchGetItem", "BatchGetItem"]
    connections.delete("c149")
    assert check("c") == ["offline/c"]


def test_an_index_of_keys_alone_hides_no_foreign_record(aws: FakeAws, connections: Table, check: Any) -> None:
    connections.put("foreign", clientId="kim", connectedAt=1, apiId="api2")
    answer_from_index(aws, {"connectionId": {"S": "foreign"}})
    assert check("c") == ["offline/c"]


@pytest.mark.parametrize(
    ("left", "again", "expected"),
    [(["c"], False, [("offline/a", 30, True)]), (["c"], True, []), (["c", "other"], False, []), (["other"], False, [])],
)
def test_a_check_comes_again_once_while_its_own_record_is_left(
    left: list[str], again: bool, expected: list[Any], aws: FakeAws, connections: Table, check: Any
) -> None:
    for name in left:
        connections.put(name, clientId="kim", connectedAt=1)
    assert check("c", "offline/a", again) == []
    assert queued(aws) == expected


def test_no_check_is_queued_after_the_deadline(aws: FakeAws, clock: Clock, made: Closer) -> None:
    aws.on("UpdateItem", lambda request: clock.advance(200))
    with pytest.raises(TimeoutError):
        end(made, clock, "c")
    assert queued(aws) == []


def test_no_check_is_continued_after_the_deadline(aws: FakeAws, connections: Table, clock: Clock, check: Any) -> None:
    aws.on("Query", lambda request: clock.advance(200))
    aws.on("ChangeMessageVisibility", lambda request: Answer(200, {}))
    connections.put("c", clientId="kim", connectedAt=1)
    with pytest.raises(AssertionError, match="batchItemFailures"):
        check("c")
    assert aws.asked("BatchGetItem", "PutEvents") == []


def test_a_check_is_dropped_once_announcements_are_off(aws: FakeAws, load: Load) -> None:
    message = json.dumps({"version": 1, "offline": {"ended": ended("c", clientId="kim"), "id": "offline/c"}})
    aws.requests.clear()
    assert load("cleanup").lambda_handler({"Records": [sqs_record(message)]}, Context(120)) == {"batchItemFailures": []}
    assert aws.requests == []
