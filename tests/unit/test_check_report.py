"""Reports of who is gone: contract, evidence, and what a mistaken or hostile sender can't do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.fake_aws import Answer, FakeAws, error
from tests.unit.support import API, EXPIRED, MINUTE, OURS, TABLE, Clock, Lines, Load, RetryQueue, Table, deliver, sqs_record

FINISHED: list[str] = []
URL = "https://sqs.eu-central-1.amazonaws.com/111122223333/reports"


class Reports(Table):
    """The connections table, and the clean-up function that gets reports about its connections."""

    def __init__(self, dynamodb: Any, aws: FakeAws, clock: Clock, cleanup: Load) -> None:
        super().__init__(dynamodb, TABLE)
        self._aws, self._clock, self._cleanup = aws, clock, cleanup

    def add(self, *ids: str, age: int = MINUTE, **attributes: Any) -> None:
        """Writes records of connections that began so long ago (ms), ours unless `attributes` say otherwise."""
        for connection_id in ids:
            self.put(connection_id, connectedAt=self._clock.ms - age, **{**OURS, **attributes})

    def send(self, *bodies: str, queue: str = "reports", **environment: str) -> list[str]:
        """Delivers messages in one batch. Returns the ids of those that come back."""
        records = [sqs_record(body, f"m{number}", queue=queue) for number, body in enumerate(bodies)]
        return deliver(self._cleanup(**{"REPORT_QUEUE_URL": URL, **API, **environment}), *records)

    def report(self, *ids: str, queue: str = "reports", **environment: str) -> list[str]:
        return self.send(*(json.dumps({"version": 1, "gone": {"connectionId": name}}) for name in ids), queue=queue, **environment)

    @property
    def hidden(self) -> list[tuple[str, int]]:
        """In which queue a message waits, and for how long (s)."""
        return [(request["QueueUrl"], request["VisibilityTimeout"]) for request in self._aws.asked("ChangeMessageVisibility")]


@pytest.fixture
def reports(dynamodb: Any, aws: FakeAws, clock: Clock, cleanup: Load) -> Reports:
    return Reports(dynamodb, aws, clock, cleanup)


@pytest.mark.parametrize("via", ["reports", "retry"])
def test_who_is_reported_and_gone_is_closed_once(via: str, aws: FakeAws, reports: Reports, history: Table, lines: Lines) -> None:
    """With all that closing means, and without the probe."""
    reports.add("c", clientId="kim")
    aws.gone = {"c"}
    assert reports.report(*["c"] * 10, queue=via, HISTORY_TABLE="history", PROBES_PER_SECOND="") == FINISHED
    assert (reports.keys, aws.asked_about) == (set(), ["c"])
    assert [(line["outcome"], line["cause"], line["connectionId"]) for line in lines()] == [("removed", "gone", "c")]
    assert [(item["connectionId"], item["clientId"], item["cause"]) for item in history.items] == [("c", "kim", "gone")]


NOBODY = {"apiId": "", "stage": ""}


@pytest.mark.parametrize(
    ("age", "owner", "asked", "kept"),
    [
        (MINUTE, OURS, True, True),  # alive
        (EXPIRED, OURS, False, False),
        (EXPIRED, NOBODY, False, False),
        *((MINUTE, other, False, True) for other in (NOBODY, {"stage": ""}, {"apiId": "api2"}, {"stage": "test"})),  # left to the sweep
    ],
    ids=str,
)
@pytest.mark.parametrize("alone", ["true", ""])
def test_age_and_owner_decide_whether_a_report_is_asked_about(
    age: int, owner: dict[str, str], asked: bool, kept: bool, alone: str, aws: FakeAws, reports: Reports, lines: Lines
) -> None:
    reports.add("c", age=age, **owner)
    aws.gone = set() if asked else {"c"}
    assert reports.report("c", "never was", EXCLUSIVE_TABLE=alone) == FINISHED
    assert (reports.keys, aws.asked_about) == ({"c"} if kept else set(), ["c"] if asked else [])
    assert [line["cause"] for line in lines()] == ([] if kept else ["expired"])


def test_reports_of_who_is_too_young_wait_in_their_own_queue(aws: FakeAws, reports: Reports, lines: Lines) -> None:
    reports.add("c", age=MINUTE // 2)
    aws.gone = {"c"}  # as API Gateway says of a connection whose `$connect` is still under way
    assert reports.report("c", "c", "c") == ["m0", "m1", "m2"]
    assert (reports.keys, aws.asked_about, aws.asked("SendMessage"), lines()) == ({"c"}, [], [], [])
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
    assert (reports.keys, aws.asked_about) == (set() if gone else {"c"}, ["c", "c"])


@pytest.mark.parametrize("via", ["reports", "retry"])
def test_a_report_that_could_not_be_checked_comes_back(via: str, aws: FakeAws, reports: Reports, lines: Lines) -> None:
    reports.add("c")
    aws.on("GET @connections", error(500, "InternalServerError"))
    assert reports.report("c", "never was", queue=via) == ["m0"]
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
    assert reports.report("c") == ["m0"]
    aws.on("BatchGetItem", lambda request: Answer(200, {"Responses": {}, "UnprocessedKeys": request.parameters["RequestItems"]}))
    assert reports.report("c") == ["m0"]


# What a sender can't do

ENDED = {"connectionId": "c", "cause": "unknown", "endedAt": 1}
FORGED: list[dict[str, Any]] = [
    {"close": {"ended": ENDED}},
    {"finish": {"ended": ENDED, "steps": ["related", "history", "duplicates"]}},
    {"sweep": {"segment": 0, "segments": 1, "suspect_after_ms": 0}},
    {"sweep": {"scans": False, "again": ["c"]}},
    {"offline": {"ended": {**ENDED, "clientId": "kim"}, "id": "offline/1"}},
    {"close": {"ended": ENDED}, "gone": {"connectionId": "d"}},
    {"close": {"ended": ENDED}, "gone": None},
]


def test_by_the_reports_queue_nothing_can_be_ordered(aws: FakeAws, reports: Reports) -> None:
    reports.put("c", **OURS)
    aws.gone = {"c"}
    assert reports.send(*(json.dumps({"version": 1, **forged}) for forged in FORGED)) == FINISHED
    assert set(aws.operations) <= {"BatchGetItem"}  # of d there is no record
    assert reports.keys == {"c"}


def test_an_unreadable_report_is_logged_and_dropped(reports: Reports, dead_letters: RetryQueue, lines: Lines) -> None:
    long_id = json.dumps({"version": 1, "gone": {"connectionId": "x" * 129}})
    assert reports.send("", "not JSON", "{}", long_id, '{"version": 1, "gone": []}') == FINISHED
    assert [(line["level"], line["step"], line["Failures"]) for line in lines()] == [("ERROR", "message", 1)] * 5
    assert dead_letters.batch() == []


def test_a_flood_is_asked_about_at_the_rate_a_sweep_begins_with(aws: FakeAws, clock: Clock, reports: Reports) -> None:
    names = [f"c{number}" for number in range(10)]
    reports.add(*names)
    for per_second, seconds in (("", 0.9), ("2", 4.5)):
        began = clock.monotonic()
        assert reports.report(*names, PROBES_PER_SECOND=per_second, MOST_PROBES_PER_SECOND="300") == FINISHED
        assert clock.monotonic() - began == pytest.approx(seconds)
    assert (aws.asked_about, len(reports.keys)) == (names * 2, 10)


def test_a_429_stops_questions_for_half_a_minute(aws: FakeAws, reports: Reports, lines: Lines) -> None:
    reports.add("a", "b", "c")
    aws.on("GET @connections", error(429, "LimitExceededException"))
    assert reports.report("a", "b", "c") == ["m0", "m1", "m2"]
    assert (len(aws.asked_about), reports.hidden, lines()) == (1, [(URL, 30)] * 3, [])


@pytest.mark.parametrize("missing", API)
def test_who_knows_no_api_and_stage_says_what_to_set(missing: str, reports: Reports, dead_letters: RetryQueue, lines: Lines) -> None:
    assert reports.report("c", queue="retry", **{missing: ""}) == FINISHED
    [line] = lines()
    assert (line["step"], line["level"]) == ("message", "ERROR")
    assert "set WEBSOCKET_API_ID and WEBSOCKET_STAGE" in line["error"]
    assert dead_letters.receive() == [{"version": 1, "gone": {"connectionId": "c"}}]
