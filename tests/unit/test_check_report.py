"""Reports of who is gone: contract, evidence, and what a mistaken or hostile sender can't do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.fake_aws import Answer, error
from tests.unit.support import API, Context, Table, sqs_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.unit.fake_aws import FakeAws
    from tests.unit.support import Clock, Lines, Load, RetryQueue

    Report = Callable[..., list[int]]

MINUTE = 60_000
OURS = {"apiId": "api1", "stage": "live"}
FINISHED: list[int] = []
REPORTS = "https://sqs.eu-central-1.amazonaws.com/111122223333/reports"


@pytest.fixture
def cleanup_environment(queue: RetryQueue, dead_letters: RetryQueue) -> dict[str, str]:
    return {"RETRY_QUEUE_URL": queue.url, "DEAD_LETTER_QUEUE_URL": dead_letters.url, "REPORT_QUEUE_URL": REPORTS, **API}


@pytest.fixture
def report(aws: FakeAws, connections: Table, clock: Clock, load: Load, cleanup_environment: dict[str, str]) -> Report:
    """Has the ids reported by the senders' own queue, in one batch; returns which reports must come back."""

    def report(*ids: str, queue: str = "reports", **environment: str | None) -> list[int]:
        aws.on("ChangeMessageVisibility", lambda request: Answer(200, {}))  # the receipts are the test's own
        cleanup = load("cleanup", **{**cleanup_environment, **environment})
        bodies = [json.dumps({"version": 1, "gone": {"connectionId": connection_id}}) for connection_id in ids]
        return send(cleanup, *bodies, queue=queue)

    return report


def send(cleanup: Any, *bodies: str, queue: str = "reports") -> list[int]:
    records = [sqs_record(body, str(number), queue=queue) for number, body in enumerate(bodies)]
    answer = cleanup.lambda_handler({"Records": records}, Context(120))
    return [int(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]


def asked(aws: FakeAws) -> list[str]:
    return [request["connectionId"] for request in aws.asked("GET @connections")]


def old(connections: Table, clock: Clock, *names: str, age_ms: int = MINUTE, **attributes: Any) -> None:
    for name in names:
        connections.put(name, connectedAt=clock.ms - age_ms, **{**OURS, **attributes})


@pytest.mark.parametrize("via", ["reports", "retry"])
def test_who_is_reported_and_gone_is_closed(via: str, aws: FakeAws, connections: Table, clock: Clock, report: Report, lines: Lines) -> None:
    old(connections, clock, "c")
    aws.gone = {"c"}
    assert report("c", queue=via) == FINISHED
    assert connections.keys == set()
    assert [(line["outcome"], line["cause"], line["connectionId"]) for line in lines()] == [("removed", "gone", "c")]


def test_closing_means_everything_that_closing_means(aws: FakeAws, connections: Table, clock: Clock, report: Report, dynamodb: Any) -> None:
    history = Table(dynamodb, "history")
    old(connections, clock, "c", clientId="kim")
    aws.gone = {"c"}
    report("c", HISTORY_TABLE="history")
    assert [(item["connectionId"], item["clientId"], item["cause"]) for item in history.items] == [("c", "kim", "gone")]


def test_who_is_reported_and_alive_stays(aws: FakeAws, connections: Table, clock: Clock, report: Report, lines: Lines) -> None:
    old(connections, clock, "c")
    assert report("c") == FINISHED
    assert connections.keys == {"c"}
    assert asked(aws) == ["c"]
    assert lines() == []


def test_who_is_reported_and_has_no_record_costs_no_question(aws: FakeAws, report: Report) -> None:
    assert report("c", "never was") == FINISHED
    assert asked(aws) == []


def test_duplicates_are_welcome(aws: FakeAws, connections: Table, clock: Clock, report: Report, lines: Lines) -> None:
    old(connections, clock, "c")
    aws.gone = {"c"}
    assert report(*["c"] * 10) == FINISHED
    assert asked(aws) == ["c"]
    assert len(lines()) == 1


@pytest.mark.parametrize("owner", [OURS, {"apiId": "", "stage": ""}], ids=["ours", "nobody's"])
def test_who_has_expired_is_closed_without_asking(
    owner: dict[str, str], aws: FakeAws, connections: Table, clock: Clock, report: Report, lines: Lines
) -> None:
    old(connections, clock, "c", age_ms=7_500_000, **owner)
    report("c")
    assert connections.keys == set()
    assert asked(aws) == []
    assert [line["cause"] for line in lines()] == ["expired"]


@pytest.mark.parametrize(
    "attributes",
    [{"apiId": "", "stage": ""}, {"stage": ""}, {"apiId": "api2"}, {"stage": "test"}],
    ids=["nobody's", "half", "api", "stage"],
)
@pytest.mark.parametrize("alone", ["true", ""])
def test_a_record_without_our_api_is_left_to_the_sweep(
    attributes: dict[str, Any], alone: str, aws: FakeAws, connections: Table, clock: Clock, report: Report
) -> None:
    old(connections, clock, "c", **attributes)
    aws.gone = {"c"}
    assert report("c", EXCLUSIVE_TABLE=alone) == FINISHED
    assert connections.keys == {"c"}
    assert asked(aws) == []


def hidden(aws: FakeAws) -> list[tuple[str, int]]:
    """In which queue a message waits, and for how long (s)."""
    return [(request["QueueUrl"], request["VisibilityTimeout"]) for request in aws.asked("ChangeMessageVisibility")]


def test_reports_of_who_is_too_young_wait_in_their_own_queue(
    aws: FakeAws, connections: Table, clock: Clock, report: Report, lines: Lines
) -> None:
    old(connections, clock, "c", age_ms=MINUTE - 1_000)
    aws.gone = {"c"}  # as API Gateway says of a connection whose `$connect` is still under way
    assert report("c", "c", "c") == [0, 1, 2]
    assert connections.keys == {"c"}
    assert asked(aws) == []
    assert aws.asked("SendMessage") == []
    assert lines() == []
    assert hidden(aws) == [(REPORTS, 60)] * 3


@pytest.mark.parametrize("gone", [True, False])
def test_who_is_of_unknown_age_is_asked_about_twice(
    gone: bool, aws: FakeAws, connections: Table, clock: Clock, load: Load, cleanup_environment: dict[str, str], lines: Lines
) -> None:
    connections.put("c", **OURS)
    aws.gone = {"c"}
    cleanup = load("cleanup", **cleanup_environment)
    assert send(cleanup, json.dumps({"version": 1, "gone": {"connectionId": "c"}})) == FINISHED
    assert connections.keys == {"c"}
    [sent] = aws.asked("SendMessage")
    assert (sent["DelaySeconds"], json.loads(sent["MessageBody"])["sweep"]["hops"]) == (45, 1)
    if not gone:
        aws.gone = set()
    clock.advance(45)
    assert send(cleanup, sent["MessageBody"], queue="retry") == FINISHED
    assert len(asked(aws)) == 2
    assert connections.keys == (set() if gone else {"c"})


def test_a_record_rewritten_since_it_was_read_survives(aws: FakeAws, connections: Table, clock: Clock, report: Report) -> None:
    old(connections, clock, "c")
    aws.gone = {"c"}
    aws.on("GET @connections", lambda request: old(connections, clock, "c", age_ms=0))
    report("c")
    assert connections.keys == {"c"}


@pytest.mark.parametrize(("status", "code"), [(403, "ForbiddenException"), (500, "InternalServerError")])
@pytest.mark.parametrize("via", ["reports", "retry"])
def test_a_report_that_could_not_be_checked_comes_back(
    via: str, status: int, code: str, aws: FakeAws, connections: Table, clock: Clock, report: Report, lines: Lines
) -> None:
    old(connections, clock, "c")
    aws.on("GET @connections", error(status, code))
    assert report("c", "never was", queue=via) == [0]
    assert connections.keys == {"c"}
    [line] = lines()
    assert (line["step"], line["Failures"]) == ("retry", 1)
    assert code in line["error"]
    assert ("RetryAge" in line) == (via == "retry")
    [(url, seconds)] = hidden(aws)
    assert (url == REPORTS) == (via == "reports")
    assert seconds <= 5


def test_a_table_that_can_not_be_read_has_reports_come_back(aws: FakeAws, report: Report) -> None:
    aws.on("BatchGetItem", error(400, "AccessDeniedException"))
    assert report("c") == [0]


def test_a_report_on_an_unread_record_comes_back(aws: FakeAws, connections: Table, report: Report) -> None:
    aws.on("BatchGetItem", lambda request: Answer(200, {"Responses": {}, "UnprocessedKeys": request.parameters["RequestItems"]}))
    assert report("c") == [0]


# What a sender can't do

FORGED = [
    {"close": {"ended": {"connectionId": "c", "cause": "unknown", "endedAt": 1}}},
    {"finish": {"ended": {"connectionId": "c", "cause": "unknown", "endedAt": 1}, "steps": ["related", "history", "duplicates"]}},
    {"sweep": {"segment": 0, "segments": 1, "suspect_after_ms": 0}},
    {"sweep": {"scans": False, "again": ["c"]}},
    {"close": {"ended": {"connectionId": "c", "cause": "unknown", "endedAt": 1}}, "gone": {"connectionId": "d"}},
    {"close": {"ended": {"connectionId": "c", "cause": "unknown", "endedAt": 1}}, "gone": None},
]


@pytest.mark.parametrize("forged", FORGED, ids=str)
def test_by_the_reports_queue_nothing_can_be_ordered(
    forged: dict[str, Any], aws: FakeAws, connections: Table, clock: Clock, load: Load, cleanup_environment: dict[str, str], lines: Lines
) -> None:
    connections.put("c", **OURS)
    aws.gone = {"c"}
    aws.requests.clear()
    cleanup = load("cleanup", **cleanup_environment)
    assert send(cleanup, json.dumps({"version": 1, **forged})) == FINISHED
    assert connections.keys == {"c"}
    assert set(aws.operations) - {"Scan"} <= {"BatchGetItem"}  # the test's own scan; of d there is no record
    assert aws.asked("SendMessage") == []


@pytest.mark.parametrize(
    "body", ["", "not JSON", "{}", '{"version": 1, "gone": {"connectionId": "' + "x" * 129 + '"}}', '{"version": 1, "gone": []}']
)
def test_an_unreadable_report_is_logged_and_dropped(
    body: str, aws: FakeAws, load: Load, cleanup_environment: dict[str, str], dead_letters: RetryQueue, lines: Lines
) -> None:
    assert send(load("cleanup", **cleanup_environment), body) == FINISHED
    assert [(line["level"], line["step"], line["Failures"]) for line in lines()] == [("ERROR", "message", 1)]
    assert dead_letters.batch()["Records"] == []


def test_a_flood_of_reports_is_asked_about_at_the_pace(aws: FakeAws, connections: Table, clock: Clock, report: Report) -> None:
    old(connections, clock, *(f"c{number}" for number in range(30)))
    began = clock.monotonic()
    assert report(*(f"c{number}" for number in range(30))) == FINISHED
    assert len(asked(aws)) == 30
    assert clock.monotonic() - began >= 2.9
    assert len(connections.keys) == 30


def test_the_pace_is_the_one_that_a_sweep_begins_with(aws: FakeAws, connections: Table, clock: Clock, report: Report) -> None:
    old(connections, clock, "a", "b", "c")
    report("a", "b", "c", PROBES_PER_SECOND="2", MOST_PROBES_PER_SECOND="300")
    assert sum(clock.slept) == pytest.approx(1, abs=0.2)


def test_a_429_stops_questions_for_half_a_minute(aws: FakeAws, connections: Table, clock: Clock, report: Report, lines: Lines) -> None:
    old(connections, clock, "a", "b", "c")
    aws.on("GET @connections", error(429, "LimitExceededException"))
    assert report("a", "b", "c") == [0, 1, 2]
    assert len(asked(aws)) == 1
    assert hidden(aws) == [(REPORTS, 30)] * 3
    assert lines() == []


# What is not set


@pytest.mark.parametrize("missing", API)
def test_who_knows_no_api_and_stage_says_what_to_set(
    missing: str, aws: FakeAws, report: Report, dead_letters: RetryQueue, lines: Lines
) -> None:
    assert report("c", queue="retry", **{missing: ""}) == FINISHED
    [line] = lines()
    assert (line["step"], line["level"]) == ("message", "ERROR")
    assert "set WEBSOCKET_API_ID and WEBSOCKET_STAGE" in line["error"]
    assert [json.loads(record["body"]) for record in dead_letters.batch()["Records"]] == [{"version": 1, "gone": {"connectionId": "c"}}]


def test_reports_need_no_probe(aws: FakeAws, connections: Table, clock: Clock, report: Report) -> None:
    old(connections, clock, "c")
    aws.gone = {"c"}
    report("c", PROBES_PER_SECOND="")
    assert connections.keys == set()
