"""Closing a connection: what else was asked for first, the record last, once, and never lost."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import closing
import duplicates
import judge_record
import pytest
import read_records
from aws import Clients
from log import ALREADY_GONE, KEPT, REMOVED
from record import Record
from settings import Settings

from tests.unit.fake_aws import Answer, error
from tests.unit.support import API, TABLE, Context, Table, closer, ended, record

if TYPE_CHECKING:
    from ended import Ended

    from tests.unit.fake_aws import FakeAws
    from tests.unit.support import Clock, Lines, RetryQueue

RELATED = json.dumps([{"table": "subscriptions", "attribute": "connectionId", "index": None, "keys": ["connectionId", "topic"]}])
CONNECTED = 1_795_234_579_479


@pytest.fixture
def subscriptions(aws: FakeAws, dynamodb: Any) -> Table:
    return Table(dynamodb, "subscriptions", keys=("connectionId", "topic"))


@pytest.fixture
def history(aws: FakeAws, dynamodb: Any) -> Table:
    return Table(dynamodb, "history")


def later() -> float:
    return time.monotonic() + 30


def test_without_extras_closing_is_one_delete(aws: FakeAws, connections: Table) -> None:
    connections.put("c")
    aws.requests.clear()
    assert closer().close(ended("c"), later()) == REMOVED
    assert aws.operations == ["DeleteItem"]


def test_a_record_is_removed_once(connections: Table) -> None:
    connections.put("c")
    assert [closer().close(ended("c"), later()) for _ in range(2)] == [REMOVED, ALREADY_GONE]


def test_the_record_goes_last(aws: FakeAws, connections: Table, subscriptions: Table, history: Table) -> None:
    connections.put("c", clientId="kim")
    subscriptions.put("c", topic="t")
    aws.on("DeleteItem", lambda request: None if not subscriptions.items and history.items else error(500, "TooEarly")(request))
    everything = closer(RELATED_TABLES=RELATED, HISTORY_TABLE="history")
    aws.requests.clear()
    assert everything.close(ended("c"), later()) == REMOVED
    assert [name for name in aws.operations if name != "Scan"] == ["GetItem", "Query", "BatchWriteItem", "PutItem", "DeleteItem"]


def test_the_record_is_read_consistently(aws: FakeAws, connections: Table, history: Table) -> None:
    connections.put("c")
    closer(HISTORY_TABLE="history").close(ended("c"), later())
    assert aws.asked("GetItem") == [{"TableName": "connections", "Key": {"connectionId": {"S": "c"}}, "ConsistentRead": True}]


def test_a_record_that_is_gone_has_no_steps_left(aws: FakeAws, connections: Table, history: Table) -> None:
    aws.requests.clear()
    assert closer(HISTORY_TABLE="history").close(ended("c"), later()) == ALREADY_GONE
    assert aws.operations == ["GetItem"]


def test_a_step_that_fails_is_handed_over_before_the_record_goes(
    aws: FakeAws, connections: Table, subscriptions: Table, history: Table, queue: RetryQueue, lines: Lines
) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED)
    subscriptions.put("c", topic="t")
    aws.on("PutItem", error(400, "AccessDeniedException"))
    everything = closer(RELATED_TABLES=RELATED, HISTORY_TABLE="history", RETRY_QUEUE_URL=queue.url)
    aws.requests.clear()

    assert everything.close(ended("c"), later()) == REMOVED

    assert aws.operations[-3:] == ["DeleteItem", "SendMessage", "DeleteItem"]
    assert connections.keys == set()
    assert subscriptions.items == []
    whole = ended("c", clientId="kim", connectedAt=CONNECTED)
    assert queue.receive() == [{"version": 1, "finish": {"ended": whole, "steps": ["history"]}}]
    [line] = lines()
    assert (line["level"], line["step"], line["connectionId"]) == ("ERROR", "history", "c")


def test_a_step_that_fails_does_not_keep_the_next_from_running(aws: FakeAws, connections: Table, history: Table, queue: RetryQueue) -> None:
    connections.put("c")
    closer(RELATED_TABLES=RELATED, HISTORY_TABLE="history", RETRY_QUEUE_URL=queue.url).close(ended("c"), later())  # no subscriptions table
    assert history.keys == {"c"}
    assert [message["finish"]["steps"] for message in queue.receive()] == [["related"]]


def test_all_failed_steps_go_in_one_message(aws: FakeAws, connections: Table, queue: RetryQueue) -> None:
    connections.put("c")
    closer(RELATED_TABLES=RELATED, HISTORY_TABLE="history", RETRY_QUEUE_URL=queue.url).close(ended("c"), later())
    assert [message["finish"]["steps"] for message in queue.receive()] == [["related", "history"]]


def test_after_the_deadline_steps_are_queued_and_the_record_goes(
    aws: FakeAws, connections: Table, history: Table, queue: RetryQueue
) -> None:
    connections.put("c")
    made = closer(RELATED_TABLES=RELATED, HISTORY_TABLE="history", RETRY_QUEUE_URL=queue.url)
    aws.requests.clear()
    assert made.close(ended("c"), time.monotonic()) == REMOVED
    assert aws.operations == ["GetItem", "DeleteItem", "SendMessage", "DeleteItem"]
    assert [message["finish"]["steps"] for message in queue.receive()] == [["related", "history"]]


def test_the_record_stays_when_a_step_can_not_be_queued(aws: FakeAws, connections: Table, history: Table, queue: RetryQueue) -> None:
    connections.put("c")
    aws.on("PutItem", error(400, "AccessDeniedException"))
    aws.on("SendMessage", error(400, "AccessDenied"))
    with pytest.raises(Exception, match="AccessDenied"):
        closer(HISTORY_TABLE="history", RETRY_QUEUE_URL=queue.url).close(ended("c"), later())
    assert connections.keys == {"c"}


def test_the_record_stays_when_there_is_no_queue_for_a_step(aws: FakeAws, connections: Table, history: Table) -> None:
    connections.put("c")
    aws.on("PutItem", error(400, "AccessDeniedException"))
    with pytest.raises(RuntimeError, match="step history failed and there is no retry queue: set RETRY_QUEUE_URL"):
        closer(HISTORY_TABLE="history").close(ended("c"), later())
    assert connections.keys == {"c"}


@pytest.mark.parametrize(("operation", "code"), [("DeleteItem", "AccessDeniedException"), ("SendMessage", "AccessDenied")])
def test_a_removal_that_goes_on_failing_queues_nothing(
    operation: str, code: str, aws: FakeAws, connections: Table, history: Table, queue: RetryQueue
) -> None:
    connections.put("c")
    aws.on("PutItem", error(400, "AccessDeniedException"))
    aws.on(operation, error(400, code))
    made = closer(HISTORY_TABLE="history", RETRY_QUEUE_URL=queue.url)
    for _ in range(5):
        with pytest.raises(Exception, match=code):
            made.close(ended("c"), later())
    assert (queue.receive(), connections.keys) == ([], {"c"})


@pytest.mark.parametrize("step", ["related", "history"])
def test_a_function_killed_in_a_step_leaves_the_record(step: str, connections: Table, subscriptions: Table, history: Table) -> None:
    class Killed(BaseException):
        pass

    def kill(_: Ended, deadline: float) -> None:
        raise Killed

    connections.put("c")
    dying = closer(RELATED_TABLES=RELATED, HISTORY_TABLE="history")
    dying.steps[step] = kill
    with pytest.raises(Killed):
        dying.close(ended("c"), later())
    assert connections.keys == {"c"}


def test_closing_again_after_a_failed_delete_repeats_nothing(
    aws: FakeAws, connections: Table, subscriptions: Table, history: Table
) -> None:
    connections.put("c")
    subscriptions.put("c", topic="t")
    everything = closer(RELATED_TABLES=RELATED, HISTORY_TABLE="history")
    aws.on("DeleteItem", error(500, "InternalServerError"))
    with pytest.raises(Exception, match="InternalServerError"):
        everything.close(ended("c"), later())
    first = history.items
    aws.on("DeleteItem", lambda request: None)
    assert everything.close(ended("c", cause="gone", endedAt=1_795_234_599_999), later()) == REMOVED
    assert history.items == first
    assert (connections.items, subscriptions.items) == ([], [])


SEEN_AND_REWRITTEN = [
    ({"connectedAt": 1}, {"connectedAt": 2}),
    ({"connectedAt": 1}, {}),
    ({}, {"connectedAt": 1}),
    ({"connectedAt": "soon"}, {"connectedAt": 1}),
    ({"expiresAt": 5}, {"expiresAt": 6}),
    ({"expiresAt": 5}, {}),
    ({"connectedAt": "soon", "expiresAt": 5}, {"connectedAt": "soon", "expiresAt": 6}),
    ({"connectedAt": 1}, {"connectedAt": 1, "expiresAt": 6}),
    ({"connectedAt": 1}, {"connectedAt": 1, "lastSeenAt": 7}),
    ({"connectedAt": 1, "lastSeenAt": 7}, {"connectedAt": 1, "lastSeenAt": 8}),
    ({"connectedAt": 1}, {"connectedAt": 1, "apiId": "api2"}),
    ({"connectedAt": 1, "stage": "live"}, {"connectedAt": 1, "stage": "test"}),
]


@pytest.mark.parametrize("extras", [{}, {"HISTORY_TABLE": "history"}], ids=["plain", "history"])
@pytest.mark.parametrize(("seen", "rewritten"), SEEN_AND_REWRITTEN, ids=str)
def test_a_record_rewritten_since_it_was_judged_survives(
    seen: dict[str, Any], rewritten: dict[str, Any], extras: dict[str, str], connections: Table, history: Table
) -> None:
    item = connections.put("c", **seen)
    connections.put("c", **rewritten)
    assert closer(**extras).close(ended("c"), later(), seen=item) == KEPT
    assert connections.keys == {"c"}
    assert history.items == []


@pytest.mark.parametrize("extras", [{}, {"HISTORY_TABLE": "history"}], ids=["plain", "history"])
@pytest.mark.parametrize("seen", [seen for seen, _ in SEEN_AND_REWRITTEN], ids=str)
def test_a_record_that_is_still_as_it_was_seen_is_removed(
    seen: dict[str, Any], extras: dict[str, str], connections: Table, history: Table
) -> None:
    item = connections.put("c", **seen)
    connections.put("c", **seen, clientId="kim", note="what nobody judges by")
    assert closer(**extras).close(ended("c"), later(), seen=item) == REMOVED
    assert connections.keys == set()


def test_a_record_rewritten_while_its_steps_run_survives(aws: FakeAws, connections: Table, history: Table) -> None:
    item = connections.put("c", connectedAt=1)

    def rewrite(request: Any) -> None:
        aws.on("PutItem", lambda request: None)
        connections.put("c", connectedAt=2)

    aws.on("PutItem", rewrite)
    assert closer(HISTORY_TABLE="history").close(ended("c"), later(), seen=item) == KEPT
    assert connections.get("c") == {"connectionId": "c", "connectedAt": 2}


@pytest.mark.parametrize("seen", [{"connectedAt": {"N": "1"}}, {}], ids=str)
def test_a_seen_record_that_is_gone_is_no_error(seen: dict[str, Any], connections: Table) -> None:
    assert closer().close(ended("c"), later(), seen=record(**seen)) == ALREADY_GONE


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The connections whose client's other records were looked at."""
    found: list[str] = []
    monkeypatch.setattr(duplicates.Duplicates, "settle", lambda _, ended, deadline: found.append(ended["connectionId"]))
    return found


DUPLICATES = {"DUPLICATES": "stale", "CLIENT_INDEX": "byClient", "RETRY_QUEUE_URL": "https://retry", **API}


def test_duplicates_for_later_are_queued_before_the_record_goes(
    aws: FakeAws, connections: Table, queue: RetryQueue, lines: Lines, looked_at: list[str]
) -> None:
    connections.put("c", clientId="kim")
    aws.requests.clear()
    assert closer(**{**DUPLICATES, "RETRY_QUEUE_URL": queue.url}).close(ended("c"), later(), duplicates="later") == REMOVED
    assert aws.operations[-2:] == ["SendMessage", "DeleteItem"]
    assert (looked_at, lines()) == ([], [])
    assert [message["finish"]["steps"] for message in queue.receive()] == [["duplicates"]]


@pytest.mark.parametrize(("when", "expected"), [("now", ["c"]), ("never", [])])
def test_duplicates_are_settled_now_or_never(when: Any, expected: list[str], connections: Table, looked_at: list[str]) -> None:
    connections.put("c", clientId="kim")
    assert closer(**DUPLICATES).close(ended("c"), later(), duplicates=when) == REMOVED
    assert looked_at == expected


def test_all_that_a_record_is_judged_by_is_watched() -> None:
    asked: set[str] = set()

    class Noting(dict[str, dict[str, Any]]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.add(name)
            return super().get(name, default)

    for attributes in ({"connectedAt": {"N": str(CONNECTED)}}, {}):
        found = Record(Noting(connectionId={"S": "c"}, **attributes))
        found.read_ms = CONNECTED + 3_600_000
        judge_record.judge(found, Settings({"CONNECTIONS_TABLE": TABLE, **API}))
    assert asked == set(judge_record.ATTRIBUTES)


OF_ANOTHER = {"connectionId": {"S": "another"}}


def test_an_answer_about_another_record_is_no_reason_to_close_it(aws: FakeAws, connections: Table, history: Table) -> None:
    """A second answer to the request before, say."""
    aws.on("GetItem", lambda request: Answer(200, {"Item": OF_ANOTHER}))
    with pytest.raises(closing.WrongRecordError, match=r"asked DynamoDB about c, got an answer about .*another"):
        closer(HISTORY_TABLE="history").close(ended("c"), later())
    assert history.items == []


def test_an_answer_about_another_record_is_no_removal(aws: FakeAws, connections: Table) -> None:
    aws.on("DeleteItem", lambda request: Answer(200, {"Attributes": OF_ANOTHER}))
    with pytest.raises(closing.WrongRecordError):
        closer().close(ended("c"), later())


def test_the_record_adds_what_the_event_did_not_tell(connections: Table, history: Table) -> None:
    connections.put("c", clientId="kim", connectedAt=CONNECTED, sourceIp="203.0.113.24", userAgent="curl/8.2 (Kim)")
    known = ended("c")
    closer(HISTORY_TABLE="history").close(known, later())
    assert known == ended("c", clientId="kim", connectedAt=CONNECTED, sourceIp="203.0.113.0", userAgent="curl/8")


def test_the_event_knows_better_than_the_record(connections: Table, history: Table) -> None:
    connections.put("c", connectedAt=5, sourceIp="203.0.113.24", userAgent="App/1.2")
    known = ended("c", connectedAt=CONNECTED, sourceIp="198.51.100.0", userAgent="Other/2")
    closer(HISTORY_TABLE="history").close(known, later())
    assert known == ended("c", connectedAt=CONNECTED, sourceIp="198.51.100.0", userAgent="Other/2")


def test_a_record_of_wrong_types_adds_nothing(connections: Table, history: Table) -> None:
    connections.put("c", clientId=7, connectedAt="soon", sourceIp={"L": []}, userAgent={"NULL": True})
    known = ended("c")
    assert closer(HISTORY_TABLE="history").close(known, later()) == REMOVED
    assert known == ended("c")


@pytest.mark.parametrize("mode", ["masked", "off"])
def test_the_records_address_stays_in_the_record(mode: str, connections: Table, history: Table, queue: RetryQueue, aws: FakeAws) -> None:
    connections.put("c", sourceIp="203.0.113.24", userAgent="App/1.2 (Kim)")
    aws.on("PutItem", error(400, "AccessDeniedException"))
    closer(HISTORY_TABLE="history", CLIENT_DETAILS=mode, RETRY_QUEUE_URL=queue.url).close(ended("c"), later())
    message = json.dumps(queue.receive())
    assert "203.0.113.24" not in message
    assert "Kim" not in message


@pytest.mark.parametrize("counted", [True, False])
def test_a_record_that_was_found_dead_is_closed_and_logged(counted: bool, connections: Table, lines: Lines) -> None:
    found = connections.put("c", apiId="api1")
    made = closer(CONNECTION_METRICS=str(counted).lower())
    assert [made.close_found(found, "expired", later()) for _ in range(2)] == [REMOVED, ALREADY_GONE]
    removed, already_gone = lines()
    assert (removed["connectionId"], removed["cause"], removed["apiId"], "Closed" in removed) == ("c", "expired", "api1", counted)
    assert (already_gone["outcome"], "Closed" in already_gone) == (ALREADY_GONE, False)


def test_ids_that_come_twice_are_read_once(aws: FakeAws, connections: Table) -> None:
    """DynamoDB refuses a batch with a key twice."""
    connections.put("c")
    found = read_records.read(Clients(timeout=2.0, attempts=1), TABLE, ["c", "c", "gone"])
    assert [record.connection_id for record in found] == ["c"]
    assert [len(asked["RequestItems"][TABLE]["Keys"]) for asked in aws.asked("BatchGetItem")] == [2]


def test_steps_are_in_the_order_of_the_design(aws: FakeAws) -> None:
    extras = {"RELATED_TABLES": RELATED, "HISTORY_TABLE": "history", "DUPLICATES": "stale", "EVENT_BUS": "default"}
    offline = {"CLIENT_OFFLINE_AFTER_SECONDS": "60", "OFFLINE_TABLE": "offline", "RETRY_QUEUE_URL": "https://retry"}
    made = closer(CLIENT_INDEX="byClient", **extras, **offline, **API)
    assert list(made.steps) == ["related", "history", "duplicates", "offline", "announce"]


def test_the_deadline_is_the_reserve_before_lambdas(clock: Clock) -> None:
    assert closing.deadline(Context(timeout=10), 4.0) - clock.monotonic() == pytest.approx(6, abs=0.5)


def test_history_leaves_out_a_client_id_that_no_index_takes(connections: Table, history: Table) -> None:
    connections.put("c", clientId="é" * 1025)
    assert closer(HISTORY_TABLE="history").close(ended("c"), later()) == REMOVED
    assert "clientId" not in history.items[0]
