"""The example's sender: everybody gets the message, and what is gone is reported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.fake_aws import Answer, error

if TYPE_CHECKING:
    from types import ModuleType

    from tests.unit.fake_aws import FakeAws
    from tests.unit.support import Lines, Load, RetryQueue, Table

FOLDER = Path(__file__).parents[2] / "examples/broadcaster/broadcast"


@pytest.fixture
def broadcast(load: Load, queue: RetryQueue, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    return load("broadcast", REPORT_QUEUE_URL=queue.url, AWS_MAX_ATTEMPTS="1")


def posted_to(aws: FakeAws) -> set[str]:
    return {asked["connectionId"] for asked in aws.asked("POST @connections")}


def reported(queue: RetryQueue) -> list[str]:
    messages = queue.receive()
    assert all(message["version"] == 1 for message in messages)
    return sorted(message["gone"]["connectionId"] for message in messages)


def test_every_connection_of_every_page_gets_the_message(broadcast: ModuleType, connections: Table, aws: FakeAws) -> None:
    everybody = {f"c{number}" for number in range(7)}
    for connection_id in everybody:
        connections.put(connection_id)
    aws.on("Scan", lambda request: request.parameters.update(Limit=3))
    assert broadcast.lambda_handler({"message": "hello"}, None) == {"sent": 7, "gone": 0, "failed": 0}
    assert posted_to(aws) == everybody
    assert len(aws.asked("Scan")) == 3


def test_only_the_connections_that_are_named_get_the_message(broadcast: ModuleType, connections: Table, aws: FakeAws) -> None:
    connections.put("another")
    assert broadcast.lambda_handler({"message": "hello", "connectionIds": ["a", "b"]}, None) == {"sent": 2, "gone": 0, "failed": 0}
    assert posted_to(aws) == {"a", "b"}


def test_what_is_gone_is_reported_in_batches_of_ten(broadcast: ModuleType, queue: RetryQueue, aws: FakeAws) -> None:
    aws.gone = {f"gone{number}" for number in range(23)}
    named = {"message": "hello", "connectionIds": [*aws.gone, "alive"]}
    assert broadcast.lambda_handler(named, None) == {"sent": 1, "gone": 23, "failed": 0}
    assert [len(batch["Entries"]) for batch in aws.asked("SendMessageBatch")] == [10, 10, 3]
    assert reported(queue) == sorted(aws.gone)


def test_an_unknown_connection_keeps_the_message_from_nobody(broadcast: ModuleType, queue: RetryQueue, aws: FakeAws, lines: Lines) -> None:
    aws.on("POST @connections", lambda request: Answer(429, {}) if request.parameters["connectionId"] == "busy" else None)
    assert broadcast.lambda_handler({"message": "hello", "connectionIds": ["busy", "alive"]}, None) == {"sent": 1, "gone": 0, "failed": 1}
    assert reported(queue) == []
    assert [line["connectionId"] for line in lines()] == ["busy"]


def test_a_queue_that_refuses_keeps_the_message_from_nobody(broadcast: ModuleType, aws: FakeAws, lines: Lines) -> None:
    aws.gone = {"gone"}
    aws.on("SendMessageBatch", error(403, "AccessDenied"))
    assert broadcast.lambda_handler({"message": "hello", "connectionIds": ["gone", "alive"]}, None) == {"sent": 1, "gone": 1, "failed": 0}
    assert [line["reports"] for line in lines()] == [1]
