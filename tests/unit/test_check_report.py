"""Reports of who is gone: contract, evidence, and what a mistaken or hostile sender can't do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.fake_aws import Answer, FakeAws, error
from tests.unit.support import API, TABLE, Clock, Context, Lines, Load, RetryQueue, Table, sqs_record

MINUTE, EXPIRED = 60_000, 7_500_000
OURS = {"apiId": "api1", "stage": "live"}
FINISHED: list[int] = []
URL = "https://sqs.eu-central-1.amazonaws.com/111122223333/reports"


class Reports(Table):
    """The connections table, and the clean-up function that gets reports about its connections."""

    def __init__(self, dynamodb: Any, aws: FakeAws, clock: Clock, load: Load, queue: RetryQueue, dead_letters: RetryQueue) -> None:
        super().__init__(dynamodb, TABLE)
        self._aws, self._clock, self._load = aws, clock, load
        self._environment = {"RETRY_QUEUE_URL": queue.url, "DEAD_LETTER_QUEUE_URL": dead_letters.url, "REPORT_QUEUE_URL": URL, **API}

    def add(self, *ids: str, age: int = MINUTE, **attributes: Any) -> None:
        """Writes records of connections that began so long ago (ms), ours unless `attributes` say otherwise."""
        for connection_id in ids:
            self.put(connection_id, connectedAt=self._clock.ms - age, **{**OURS, **attributes})

    def send(self, *bodies: str, queue: str = "reports", **environment: str) -> list[int]:
        """Delivers messages in one batch. Returns which of them come back."""
        records = [sqs_record(body, str(number), queue=queue) for number, body in enumerate(bodies)]
        cleanup = self._load("cleanup", **{**self._environment, **environment})
        answer = cleanup.lambda_handler({"Records": records}, Context(120))
        return [int(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]

    def report(self, *ids: str, queue: str = "reports", **environment: str) -> list[int]:
        return self.send(*(json.dumps({"version": 1, "gone": {"connectionId": name}}) for name in ids), queue=queue, **environment)

    @property
    def asked(self) -> list[str]:
        """The connections that API Gateway was asked about."""
        return [request["connectionId"] for request in self._aws.asked("GET @connections")]

    @property
    def hidden(self) -> list[tuple[str, int]]:
        """In which queue a message waits, and for how long (s)."""
        return [(request["QueueUrl"], request["VisibilityTimeout"]) for request in self._aws.asked("ChangeMessageVisibility")]


@pytest.fixture
def reports(dynamodb: Any, aws: FakeAws, clock: Clock, load: Load, queue: RetryQueue, dead_letters: RetryQueue) -> Reports:
    return Reports(dynamodb, aws, clock, load, queue, dead_letters)


@pytest.mark.parametrize("via", ["reports", "retry"])
def test_who_is_reported_and_gone_is_closed_once(via: str, aws: FakeAws, reports: Reports, dynamodb: Any, lines: Lines) -> None:
    """With all that closing means, and without the probe."""
    history = Table(dynamodb, "history")
    reports.add("c", clientId="kim")
    aws.gone = {"c"}
    assert reports.report(*["c"] * 10, queue=via, HISTORY_TABLE="history", PROBES_PER_SECOND="") == FINISHED
    assert (reports.keys, reports.asked) == (set(), ["c"])
    assert [(line["outcome"], line["cause"], line["connectionId"]) for line in lines()] == [("removed", "gone", "c")]
    assert [(item["connectionId"], item["clientId"], item["cause"]) for item in history.items] == [("c", "kim", "gone")]


def test_who_is_reported_and_alive_stays(reports: Reports, lines: Lines) -> None:
    reports.add("c")
    assert reports.report("c", "never was") == FINISHED
    assert (reports.keys, reports.asked, lines()) == ({"c"}, ["c"], [])


@pytest.mark.parametrize("owner", [OURS, {"apiId": "", "stage": ""}], ids=["ours", "nobody's"])
def test_who_has_expired_is_closed_without_asking(owner: dict[str, str], reports: Reports, lines: Lines) -> None:
    reports.add("c", age=EXPIRED, **owner)
    reports.report("c")
    assert (reports.keys, reports.asked) == (set(), [])
    assert [line["cause"] for line in lines()] == ["expired"]


@pytest.mark.parametrize("other", [{"apiId": "", "stage": ""}, {"stage": ""}, {"apiId": "api2"}, {"stage": "test"}], ids=str)
@pytest.mark.parametrize("alone", ["true", ""])
def test_a_record_without_our_api_is_left_to_the_sweep(other: dict[str, Any], alone: str, aws: FakeAws, reports: Reports) -> None:
    reports.add("c", **other)
    aws.gone = {"c"}
    assert reports.report("c", EXCLUSIVE_TABLE=alone) == FINISHED
    assert (reports.keys, reports.asked) == ({"c"}, [])


def test_reports_of_who_is_too_young_wait_in_their_own_queue(aws: FakeAws, reports: Reports, lines: Lines) -> None:
    reports.add("c", age=MINUTE // 2)
    aws.gone = {"c"}  # as API Gateway says of a connection whose `$connect` is still under way
    assert reports.report("c", "c", "c") == [0, 1, 2]
    assert (reports.keys, reports.asked, aws.asked("SendMessage"), lines()) == ({"c"}, [], [], [])
    assert reports.hidden == [(URL, 60)] * 3


@pytest.mark.parametrize("gone", [True, False])
def test_who_is_of_unknown_age_is_asked_about_twice(gone: bool, aws: FakeAws, clock: Clock, reports: Reports) -> None:
    reports.put("c", **OURS)
    aws.gone = {"c"}
    assert reports.report("c") == FINISHED
    assert reports.keys == {"c"}
    [sent] = aws.asked("SendMessage")
    assert (sent["DelaySeconds"], json.loads(sent["MessageBody"])["sweep"]["hops"]) == (45, 1)
    aws.gone = {"c"} if gone else set()
    clock.advance(45)
    assert reports.send(sent["MessageBody"], queue="retry") == FINISHED
    assert (reports.keys, reports.asked) == (set() if gone else {"c"}, ["c", "c"])


@pytest.mark.parametrize("via", ["reports", "retry"])
def test_a_report_that_could_not_be_checked_comes_back(via: str, aws: FakeAws, reports: Reports, lines: Lines) -> None:
    reports.add("c")
    aws.on("GET @connections", error(500, "InternalServerError"))
    assert reports.report("c", "never was", queue=via) == [0]
    assert reports.keys == {"c"}
    [line] = lines()
    assert (line["step"], line["Failures"]) == ("retry", 1)
    assert "InternalServerError" in line["error"]
    assert ("RetryAge" in line) == (via == "retry")
    [(url, seconds)] = reports.hidden
    assert (url == URL) == (via == "reports")
    assert seconds <= 5


def test_a_report_on_an_unread_record_comes_back(aws: FakeAws, reports: Reports) -> None:
    aws.on("BatchGetItem", error(400, "AccessDeniedException"))
    assert reports.report("c") == [0]
    aws.on("BatchGetItem", lambda request: Answer(200, {"Responses": {}, "UnprocessedKeys": request.parameters["RequestItems"]}))
    assert reports.report("c") == [0]


# What a sender can't do

ENDED = {"connectionId": "c", "cause": "unknown", "endedAt": 1}
FORGED = [
    {"close": {"ended": ENDED}},
    {"finish": {"ended": ENDED, "steps": ["related", "history", "duplicates"]}},
    {"sweep": {"segment": 0, "segments": 1, "suspect_after_ms": 0}},
    {"sweep": {"scans": False, "again": ["c"]}},
    {"offline": {"ended": {**ENDED, "clientId": "kim"}, "id": "offline/1"}},
    {"close": {"ended": ENDED}, "gone": {"connectionId": "d"}},
    {"close": {"ended": ENDED}, "gone": None},
]


@pytest.mark.parametrize("forged", FORGED, ids=str)
def test_by_the_reports_queue_nothing_can_be_ordered(forged: dict[str, Any], aws: FakeAws, reports: Reports) -> None:
    reports.put("c", **OURS)
    aws.gone = {"c"}
    assert reports.send(json.dumps({"version": 1, **forged})) == FINISHED
    assert set(aws.operations) <= {"BatchGetItem"}  # of d there is no record
    assert reports.keys == {"c"}


@pytest.mark.parametrize(
    "body", ["", "not JSON", "{}", '{"version": 1, "gone": {"connectionId": "' + "x" * 129 + '"}}', '{"version": 1, "gone": []}']
)
def test_an_unreadable_report_is_logged_and_dropped(body: str, reports: Reports, dead_letters: RetryQueue, lines: Lines) -> None:
    assert reports.send(body) == FINISHED
    assert [(line["level"], line["step"], line["Failures"]) for line in lines()] == [("ERROR", "message", 1)]
    assert dead_letters.batch()["Records"] == []


@pytest.mark.parametrize(("per_second", "seconds"), [("", 0.9), ("2", 4.5)])
def test_a_flood_is_asked_about_at_the_rate_a_sweep_begins_with(per_second: str, seconds: float, clock: Clock, reports: Reports) -> None:
    names = [f"c{number}" for number in range(10)]
    reports.add(*names)
    began = clock.monotonic()
    assert reports.report(*names, PROBES_PER_SECOND=per_second, MOST_PROBES_PER_SECOND="300") == FINISHED
    assert (len(reports.asked), len(reports.keys)) == (10, 10)
    assert clock.monotonic() - began == pytest.approx(seconds)


def test_a_429_stops_questions_for_half_a_minute(aws: FakeAws, reports: Reports, lines: Lines) -> None:
    reports.add("a", "b", "c")
    aws.on("GET @connections", error(429, "LimitExceededException"))
    assert reports.report("a", "b", "c") == [0, 1, 2]
    assert (len(reports.asked), reports.hidden, lines()) == (1, [(URL, 30)] * 3, [])


@pytest.mark.parametrize("missing", API)
def test_who_knows_no_api_and_stage_says_what_to_set(missing: str, reports: Reports, dead_letters: RetryQueue, lines: Lines) -> None:
    assert reports.report("c", queue="retry", **{missing: ""}) == FINISHED
    [line] = lines()
    assert (line["step"], line["level"]) == ("message", "ERROR")
    assert "set WEBSOCKET_API_ID and WEBSOCKET_STAGE" in line["error"]
    assert dead_letters.receive() == [{"version": 1, "gone": {"connectionId": "c"}}]
