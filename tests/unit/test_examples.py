"""The examples' functions: the sender, which reports what is gone, and the authorizer, which says who a client is."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.fake_aws import Answer, FakeAws, error
from tests.unit.support import Lines, Load, RetryQueue, Table, event

EXAMPLES = Path(__file__).parents[2] / "examples"
SECRET = "s" * 32


@pytest.fixture
def broadcast(load: Load, queue: RetryQueue, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES / "broadcaster/broadcast")
    return load("broadcast", REPORT_QUEUE_URL=queue.url, AWS_MAX_ATTEMPTS="1")


def posted_to(aws: FakeAws) -> set[str]:
    return {asked["connectionId"] for asked in aws.asked("POST @connections")}


def test_all_or_named_pages_get_it_and_the_gone_are_reported(
    broadcast: ModuleType, connections: Table, queue: RetryQueue, aws: FakeAws
) -> None:
    everybody = {f"c{number}" for number in range(7)}
    connections.put_all(everybody)
    aws.on("Scan", lambda request: request.parameters.update(Limit=3))
    assert broadcast.lambda_handler({"message": "hello"}, None) == {"sent": 7, "gone": 0, "failed": 0}
    assert (posted_to(aws), len(aws.asked("Scan"))) == (everybody, 3)

    aws.gone = {f"gone{number}" for number in range(23)}
    named = {"message": "hello", "connectionIds": [*aws.gone, "alive"]}
    assert broadcast.lambda_handler(named, None) == {"sent": 1, "gone": 23, "failed": 0}
    assert posted_to(aws) == {*everybody, *aws.gone, "alive"}
    assert [len(batch["Entries"]) for batch in aws.asked("SendMessageBatch")] == [10, 10, 3]
    reports = queue.receive()
    assert {report["version"] for report in reports} == {1}
    assert sorted(report["gone"]["connectionId"] for report in reports) == sorted(aws.gone)


def test_a_failure_keeps_the_message_from_no_other(broadcast: ModuleType, aws: FakeAws, lines: Lines) -> None:
    """Neither a connection about which nothing is known, nor a queue that refuses reports."""
    aws.gone = {"gone"}
    aws.on("POST @connections", lambda request: Answer(429, {}) if request.parameters["connectionId"] == "busy" else None)
    aws.on("SendMessageBatch", error(403, "AccessDenied"))
    named = {"message": "hello", "connectionIds": ["busy", "gone", "alive"]}
    assert broadcast.lambda_handler(named, None) == {"sent": 1, "gone": 1, "failed": 1}
    assert sorted((line.get("connectionId", ""), line.get("reports")) for line in lines()) == [("", 1), ("busy", None)]


def test_only_a_valid_token_admits_and_it_names_the_client(connections: Table, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("authorize", "connect"):
        monkeypatch.syspath_prepend(EXAMPLES / "websocket-api" / name)
    authorizer, now = load("authorize", TOKEN_SECRET=SECRET), int(time.time())

    def ask(**query: str) -> tuple[str, dict[str, str]]:
        answer = authorizer.lambda_handler({"methodArn": "arn", "queryStringParameters": query or None}, None)
        [statement] = answer["policyDocument"]["Statement"]
        assert (statement["Action"], statement["Resource"]) == ("execute-api:Invoke", "arn")
        return statement["Effect"], answer["context"]

    forged, expired = authorizer.sign("x" * 32, "ann", now + 600), authorizer.sign(SECRET, "ann", now - 1)
    for query in ({}, {"clientId": "ann"}, *({"token": token} for token in ("", "a.b", "YW5u.9999999999.00", forged, expired))):
        assert ask(**query)[0] == "Deny", query
    effect, verified = ask(token=authorizer.sign(SECRET, "ann@example.com", now + 600), clientId="kim")
    assert effect == "Allow"
    load("connect").lambda_handler({**event(authorizer=verified), "queryStringParameters": {"clientId": "kim"}}, None)
    assert [record["clientId"] for record in connections.items] == ["ann@example.com"]
