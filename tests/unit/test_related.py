"""What other tables keep about a connection goes with it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import related

from tests.unit.fake_aws import Answer, FakeAws, Request
from tests.unit.support import Clock, Table, closer, ended

BY_KEY = {"table": "subscriptions", "attribute": "connectionId", "index": None, "keys": ["connectionId", "topic"]}
BY_INDEX = {"table": "rooms", "attribute": "user", "index": "byUser", "keys": ["name"]}  # "user" and "name" are reserved words of DynamoDB


def remove(*tables: dict[str, Any], within_s: float = 30) -> None:
    made = closer(RELATED_TABLES=json.dumps(tables))
    related.Related(made.settings, made.clients).remove(ended("c"), time.monotonic() + within_s)


def test_items_are_found_by_the_tables_own_key(aws: FakeAws, subscriptions: Table) -> None:
    for number in range(51):
        subscriptions.put("c", topic=f"t{number}", text="long")
    subscriptions.put("other", topic="t0")
    aws.on("Query", lambda request: request.parameters.update(Limit=30))
    for _ in range(2):
        remove(BY_KEY)
    assert subscriptions.keys == {"other"}
    assert [len(request["RequestItems"]["subscriptions"]) for request in aws.asked("BatchWriteItem")] == [25, 5, 21]
    query, *_ = aws.asked("Query")
    assert (query["ConsistentRead"], "IndexName" in query) == (True, False)
    assert {query["ExpressionAttributeNames"][name] for name in query["ProjectionExpression"].split(", ")} == {"connectionId", "topic"}


def test_items_are_found_by_an_index(aws: FakeAws, dynamodb: Any) -> None:
    rooms = Table(dynamodb, "rooms", keys=("name",), byUser=("user",))
    for name, attributes in {"r1": {"user": "c"}, "r2": {"user": "c"}, "r3": {"user": "other"}, "r4": {}}.items():
        rooms.put(name, **attributes)
    remove(BY_INDEX)
    assert rooms.keys == {"r3", "r4"}
    [query] = aws.asked("Query")
    assert (query["IndexName"], "ConsistentRead" in query) == ("byUser", False)


def test_what_is_handed_back_is_tried_again_later_and_later(aws: FakeAws, subscriptions: Table, clock: Clock) -> None:
    for number in range(10):
        subscriptions.put("c", topic=f"t{number}")

    def take_the_first(request: Request) -> Answer:
        requests = request.parameters["RequestItems"]["subscriptions"]
        return Answer(200, {"UnprocessedItems": {"subscriptions": requests[1:]} if requests[1:] else {}})

    aws.on("BatchWriteItem", take_the_first)
    remove(BY_KEY)
    asked = [request["RequestItems"]["subscriptions"] for request in aws.asked("BatchWriteItem")]
    assert asked == [asked[0][number:] for number in range(10)]
    limits = [0.05, 0.1, 0.2, 0.4, 0.8, 1, 1, 1, 1]
    assert len(clock.slept) == len(limits)
    assert all(limit / 2 <= slept <= limit for slept, limit in zip(clock.slept, limits, strict=True))


def test_items_still_handed_back_at_the_deadline_are_reported(aws: FakeAws, subscriptions: Table, clock: Clock) -> None:
    subscriptions.put("c", topic="t")
    aws.on("BatchWriteItem", lambda request: Answer(200, {"UnprocessedItems": request.parameters["RequestItems"]}))
    with pytest.raises(related.ItemsLeftError, match="subscriptions: TimeoutError: out of time"):
        remove(BY_KEY, within_s=20)
    assert 10 <= sum(clock.slept) <= 22


def test_ten_tables_have_no_more_time_than_one(aws: FakeAws, clock: Clock) -> None:
    def hang(request: Request) -> Answer:
        clock.advance(2)
        return Answer(503, {})

    aws.on("Query", hang)
    began = clock.monotonic()
    with pytest.raises(related.ItemsLeftError, match=r"t0: .*; t1: .*; t2: TimeoutError: .*t9: TimeoutError: out of time"):
        remove(*({**BY_KEY, "table": f"t{number}"} for number in range(10)), within_s=3)
    assert len(aws.asked("Query")) == 2
    assert clock.monotonic() - began < 6


def test_no_page_is_read_after_the_deadline(aws: FakeAws, subscriptions: Table, clock: Clock) -> None:
    for number in range(3):
        subscriptions.put("c", topic=f"t{number}")
    aws.on("Query", lambda request: request.parameters.update(Limit=1))
    aws.on("BatchWriteItem", lambda request: clock.advance(20))
    with pytest.raises(related.ItemsLeftError, match="out of time"):
        remove(BY_KEY, within_s=30)
    assert len(aws.asked("Query")) == 2


def test_a_missing_table_is_named_and_the_others_are_done(aws: FakeAws, subscriptions: Table) -> None:
    subscriptions.put("c", topic="t")
    with pytest.raises(related.ItemsLeftError, match="rooms: ResourceNotFoundException"):
        remove(BY_INDEX, BY_KEY)
    assert subscriptions.items == []
