"""Closing a connection: what else was asked for first, the record last, once, and never lost."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

import closing
import judge_record
import pytest
from log import ALREADY_GONE, KEPT, REMOVED

from tests.unit.fake_aws import Answer, FakeAws, error
from tests.unit.support import API, Clock, Context, Lines, RetryQueue, Table, closer, ended

RELATED = json.dumps([{"table": "subscriptions", "attribute": "connectionId", "index": None, "keys": ["connectionId", "topic"]}])
CONNECTED = 1_795_234_579_479


def later() -> float:
    return time.monotonic() + 30


def test_the_record_is_read_first_and_removed_last(aws: FakeAws, connections: Table, subscriptions: Table, history: Table) -> None:
    connections.put("c", clientId="kim")
    subscriptions.put("c", topic="t")
    aws.on("DeleteItem", lambda request: None if not subscriptions.items and history.items else error(500, "TooEarly")(request))
    everything = closer(RELATED_TABLES=RELATED, HISTORY_TABLE="history")
    assert everything.close(ended("c"), later()) == REMOVED
    assert aws.operations == ["GetItem", "Query", "BatchWriteItem", "PutItem", "DeleteItem"]
    assert aws.asked("GetItem") == [{"TableName": "connections", "Key": {"connectionId": {"S": "c"}}, "ConsistentRead": True}]


def test_a_record_that_is_gone_has_no_steps_left(aws: FakeAws, connections: Table, history: Table) -> None:
    assert closer(HISTORY_TABLE="history").close(ended("c"), later()) == ALREADY_GONE
    assert aws.operations == ["GetItem"]


def test_steps_are_in_the_order_of_the_design(aws: FakeAws) -> None:
    """Those about the client do nothing when nobody knows who it was."""
    extras = {"RELATED_TABLES": RELATED, "HISTORY_TABLE": "history", "DUPLICATES": "stale", "EVENT_BUS": "default"}
    offline = {"CLIENT_OFFLINE_AFTER_SECONDS": "60", "OFFLINE_TABLE": "offline", "RETRY_QUEUE_URL": "https://retry"}
    steps = closer(CLIENT_INDEX="byClient", **extras, **offline, **API).steps
    assert list(steps) == ["related", "history", "duplicates", "offline", "announce"]
    for name in ("duplicates", "offline"):
        steps[name](ended("c"), 0.0)
    assert aws.requests == []


# A step that fails


def test_a_step_that_fails_is_queued_before_the_record_goes(
    aws: FakeAws, connections: Table, history: Table, queue: RetryQueue, lines: Lines
) -> None:
    """And does not stop the next."""
    connections.put("c", clientId="kim", connectedAt=CONNECTED)
    aws.on("Query", error(400, "AccessDeniedException"))
    made = closer(RELATED_TABLES=RELATED, HISTORY_TABLE="history", RETRY_QUEUE_URL=queue.url)
    assert made.close(ended("c"), later()) == REMOVED
    assert aws.operations == ["GetItem", "Query", "PutItem", "DeleteItem", "SendMessage", "DeleteItem"]
    assert (connections.keys, history.keys) == (set(), {"c"})
    whole = ended("c", clientId="kim", connectedAt=CONNECTED)
    assert queue.receive() == [{"version": 1, "finish": {"ended": whole, "steps": ["related"]}}]
    [line] = lines()
    assert (line["level"], line["step"], line["connectionId"]) == ("ERROR", "related", "c")


def test_after_the_deadline_steps_are_queued_and_the_record_goes(
    aws: FakeAws, connections: Table, history: Table, queue: RetryQueue
) -> None:
    connections.put("c")
    made = closer(RELATED_TABLES=RELATED, HISTORY_TABLE="history", RETRY_QUEUE_URL=queue.url)
    assert made.close(ended("c"), time.monotonic()) == REMOVED
    assert aws.operations == ["GetItem", "DeleteItem", "SendMessage", "DeleteItem"]
    assert [message["finish"]["steps"] for message in queue.receive()] == [["related", "history"]]


def test_the_record_stays_when_there_is_no_queue_for_a_step(aws: FakeAws, connections: Table) -> None:
    connections.put("c")
    with pytest.raises(RuntimeError, match="step history failed and there is no retry queue: set RETRY_QUEUE_URL"):
        closer(HISTORY_TABLE="nowhere").close(ended("c"), later())
    assert connections.keys == {"c"}


@pytest.mark.parametrize(("operation", "code"), [("DeleteItem", "AccessDeniedException"), ("SendMessage", "AccessDenied")])
def test_a_removal_that_keeps_failing_queues_nothing(
    operation: str, code: str, aws: FakeAws, connections: Table, queue: RetryQueue
) -> None:
    connections.put("c")
    aws.on(operation, error(400, code))
    made = closer(HISTORY_TABLE="nowhere", RETRY_QUEUE_URL=queue.url)
    for _ in range(2):
        with pytest.raises(Exception, match=code):
            made.close(ended("c"), later())
    assert (queue.receive(), connections.keys) == ([], {"c"})


# A record that was judged before


@pytest.mark.parametrize("extras", [{}, {"HISTORY_TABLE": "history"}], ids=["plain", "history"])
def test_only_a_record_that_is_as_it_was_judged_is_removed(extras: dict[str, str], connections: Table, history: Table) -> None:
    made = closer(**extras)
    for name, values in itertools.product(judge_record.ATTRIBUTES, [(1, 2), (1, None), (None, "soon")]):
        before, after = ({name: value} if value else {} for value in values)
        case = f"{before} {after}"
        seen = connections.put(case, **before)
        connections.put(case, **after)
        assert made.close(ended(case), later(), seen) == KEPT, case
        assert (connections.keys, case in history.keys) == ({case}, False)
        connections.put(case, **before, note="no judgement depends on it")
        assert [made.close(ended(case), later(), seen) for _ in range(2)] == [REMOVED, ALREADY_GONE], case


def test_a_record_rewritten_while_its_steps_run_survives(aws: FakeAws, connections: Table, history: Table) -> None:
    item = connections.put("c", connectedAt=1)

    def rewrite(request: Any) -> None:
        aws.handlers.clear()
        connections.put("c", connectedAt=2)

    aws.on("PutItem", rewrite)
    assert closer(HISTORY_TABLE="history").close(ended("c"), later(), seen=item) == KEPT
    assert connections.items == [{"connectionId": "c", "connectedAt": 2}]


@pytest.mark.parametrize("counted", [True, False])
def test_a_record_that_was_found_dead_is_closed_and_logged(counted: bool, connections: Table, lines: Lines) -> None:
    found = connections.put("c", apiId="api1")
    made = closer(CONNECTION_METRICS=str(counted).lower())
    assert [made.close_found(found, "expired", later()) for _ in range(2)] == [REMOVED, ALREADY_GONE]
    removed, already_gone = lines()
    assert (removed["connectionId"], removed["cause"], removed["apiId"], "Closed" in removed) == ("c", "expired", "api1", counted)
    assert (already_gone["outcome"], "Closed" in already_gone) == (ALREADY_GONE, False)


# What DynamoDB answers


@pytest.mark.parametrize(("operation", "name"), [("GetItem", "Item"), ("DeleteItem", "Attributes")])
def test_an_answer_about_another_record_is_not_believed(
    operation: str, name: str, aws: FakeAws, connections: Table, history: Table
) -> None:
    """It may be a second answer to the request before."""
    connections.put("c")
    aws.on(operation, lambda request: Answer(200, {name: {"connectionId": {"S": "another"}}}))
    with pytest.raises(closing.WrongRecordError, match=r"asked DynamoDB about c, got an answer about .*another"):
        closer(HISTORY_TABLE="history").close(ended("c"), later())
    assert (history.items == []) == (operation == "GetItem")


OF_EVENT = {"connectedAt": CONNECTED, "sourceIp": "198.51.100.0", "userAgent": "Other/2"}
OF_RECORD = {"clientId": "kim", "connectedAt": 1_543_622_400_000, "sourceIp": "203.0.113.24", "userAgent": "curl/8.2 (Kim)"}


@pytest.mark.parametrize(
    ("event", "attributes", "added"),
    [
        ({}, OF_RECORD, OF_RECORD | {"sourceIp": "203.0.113.0", "userAgent": "curl/8"}),
        (OF_EVENT, OF_RECORD, {"clientId": "kim"}),
        ({}, {"clientId": 7, "connectedAt": "soon", "sourceIp": {"L": []}, "userAgent": {"NULL": True}}, {}),
        ({}, {"clientId": "é" * 1025}, {}),  # no index takes it
    ],
    ids=["adds what the event lacks", "changes nothing", "of wrong types", "too long a client"],
)
def test_a_record_adds_what_the_event_did_not_say(
    event: dict[str, Any], attributes: dict[str, Any], added: dict[str, Any], connections: Table, history: Table
) -> None:
    connections.put("c", **attributes)
    known = ended("c", **event)
    assert closer(HISTORY_TABLE="history").close(known, later()) == REMOVED
    assert known == ended("c", **event, **added)


def test_the_deadline_is_the_reserve_before_lambdas(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(1_000.0)
    monkeypatch.setattr(closing, "time", clock)
    assert closing.deadline(Context(10, clock), 4.0) == 1_006


# History

WHOLE: dict[str, Any] = {
    **{"connectedAt": CONNECTED, "durationMs": 7_076, "closeCode": 1005, "closeReason": "why", "apiId": "api1", "stage": "live"},
    **{"gatewayRequestId": "g", "clientId": "kim", "sourceIp": "203.0.113.0", "userAgent": "App/1"},
}


def test_history_has_all_that_is_known_and_its_ttl_in_seconds(history: Table) -> None:
    """Empty texts are left out, and the first to close writes it."""
    write = closer(HISTORY_TABLE="history", HISTORY_DAYS="30").steps["history"]
    write(ended("c", **WHOLE), later())
    write(ended("c", cause="gone"), later())
    write(ended("d", closeReason="", clientId=""), later())
    ttl = {"expiresAt": 1_795_234_586 + 30 * 24 * 60 * 60}
    assert sorted(history.items, key=len, reverse=True) == [{**ended("c"), **WHOLE, **ttl}, {**ended("d"), **ttl}]
