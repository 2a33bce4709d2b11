"""The sweep: what it removes, what it asks about, what it leaves, and how it goes on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import messages
import pytest
import sweep
from ask_many import UNDER_WAY
from ending import RejectedError
from sample import Sample
from sweep_part import Part

from tests.faults.clock import InLine
from tests.unit.fake_aws import Answer, FakeAws, Request, error
from tests.unit.support import API, EXPIRED, OURS, TABLE, Clock, Context, Lines, Load, RetryQueue, Table, deliver, record, sqs_record

MINUTE, HOUR, DAY, SUSPECT = 60_000, 3_600_000, 86_400_000, 660_000
PROBE: dict[str, Any] = {"PROBES_PER_SECOND": "10", "MOST_PROBES_PER_SECOND": "300", **API}
WHOLE = {"sweep": {"segment": 0, "segments": 1}}
THROTTLE, REFUSE = error(429, "LimitExceededException"), error(403, "ForbiddenException")


class Swept(Table):
    """The connections table, and the clean-up function that sweeps it."""

    def __init__(self, dynamodb: Any, aws: FakeAws, clock: Clock, queue: RetryQueue, cleanup: Load, lines: Lines) -> None:
        super().__init__(dynamodb, TABLE, byClient=("clientId", "connectedAt"))
        self.aws, self.clock, self.queue, self.cleanup, self._lines = aws, clock, queue, cleanup, lines
        self.log: list[dict[str, Any]] = []  # of the last sweep
        self.delays: list[int] = []  # s, of each message sent; it arrives at once
        aws.on("SendMessage", lambda request: self.delays.append(request.parameters.pop("DelaySeconds", 0)))

    def add(self, *ids: str, **attributes: Any) -> set[str]:
        """Writes records. Times are given in ms from now."""
        for name, value in attributes.items():
            if isinstance(value, int):
                attributes[name] = (self.clock.ms + value) // (1000 if name == "expiresAt" else 1)
        self.put_all(ids, **attributes)
        return set(ids)

    def silent(self, count: int, **attributes: str) -> set[str]:
        """Writes records of connections that nobody has heard of for an hour."""
        return self.add(*(f"s{number:03}" for number in range(count)), connectedAt=-HOUR, **attributes)

    def follow(self, event: object = None, *, timeout: float = 120.0, parts: int = 99, **environment: str) -> list[dict[str, Any]]:
        """Runs a sweep, and each part that it leaves to the queue when it is due. Returns their summary lines."""
        self.aws.requests.clear()
        cleanup = self.cleanup(**environment)
        assert cleanup.lambda_handler(event or WHOLE, Context(timeout)) is None
        while self.delays and (parts := parts - 1) > 0:
            self.clock.advance(self.delays.pop(0))
            assert deliver(cleanup, *self.queue.batch(), context=Context(timeout)) == []
        self.log = self._lines()
        return [line for line in self.log if line["outcome"] == "swept"]

    def run(self, event: object = None, **options: Any) -> dict[str, Any]:
        """Runs the first part only."""
        return self.follow(event, parts=1, **options)[0]

    def slow_pages(self, seconds: float) -> None:
        """Has the scan return two records at a time, and take this long for them."""

        def handle(request: Request) -> None:
            request.parameters.update(Segment=0, TotalSegments=1, Limit=2)
            self.clock.advance(seconds)

        self.aws.on("Scan", handle)


@pytest.fixture
def swept(dynamodb: Any, aws: FakeAws, clock: Clock, queue: RetryQueue, cleanup: Load, lines: Lines) -> Swept:
    return Swept(dynamodb, aws, clock, queue, cleanup, lines)


@pytest.fixture
def in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """One question at a time, so that the number of questions is exact."""
    monkeypatch.setattr(sweep, "ThreadPoolExecutor", InLine)


def ask_again(*ids: str) -> dict[str, Any]:
    return {"sweep": {"scans": False, "again": list(ids)}}


# Without asking


def test_expired_records_are_removed_and_all_others_kept(aws: FakeAws, swept: Swept) -> None:
    expired = swept.add("expired", connectedAt=-EXPIRED, **OURS) | swept.add("ttl only", expiresAt=-400_000)
    kept = swept.add("last minute", connectedAt=-EXPIRED + MINUTE) | swept.add("new", connectedAt=0) | swept.add("timeless")
    aws.gone = expired | kept
    summary = swept.run(**API)
    assert swept.keys == kept
    assert (summary["active"], summary["removed"], summary["timeless"]) == (3, {"expired": 2}, 1)
    assert aws.asked_about == []  # without the probe
    ended = sorted((line["connectionId"], line["cause"], line.get("apiId"), line.get("stage")) for line in swept.log[:-1])
    assert ended == [("expired", "expired", "api1", "live"), ("ttl only", "expired", None, None)]


@pytest.mark.parametrize("renewed", [True, False])
def test_a_record_renewed_since_the_scan_survives(renewed: bool, aws: FakeAws, swept: Swept) -> None:
    """And one that somebody else has removed is not counted, neither as active nor as removed."""
    swept.add("c", connectedAt=-EXPIRED)

    def change(request: Request) -> None:
        swept.delete("c")
        if renewed:
            swept.add("c", connectedAt=0)

    aws.on("DeleteItem", change)
    summary = swept.run()
    assert (summary["RemovedExpired"], summary["active"], summary["failed"]) == (0, renewed, 0)
    assert swept.keys == ({"c"} if renewed else set())


def test_the_scan_reads_its_segment_and_what_judging_needs(aws: FakeAws, swept: Swept) -> None:
    swept.add("c", sourceIp="203.0.113.24")
    assert swept.run({"sweep": {"segment": 1, "segments": 3}})["segment"] == "1"
    [request] = aws.asked("Scan")
    names = {request["ExpressionAttributeNames"][name] for name in request["ProjectionExpression"].split(", ")}
    assert names == {"connectionId", "connectedAt", "expiresAt", "lastSeenAt", "apiId", "stage"}
    assert (request["Segment"], request["TotalSegments"]) == (1, 3)


def test_a_delete_that_fails_does_not_stop_the_others(aws: FakeAws, swept: Swept) -> None:
    swept.add("a", "b", "c", connectedAt=-EXPIRED)
    refuse = error(400, "AccessDeniedException")
    aws.on("DeleteItem", lambda request: refuse(request) if request.parameters["Key"]["connectionId"]["S"] == "b" else None)
    summary = swept.run()
    assert swept.keys == {"b"}
    [problem] = [line for line in swept.log if line["level"] == "ERROR"]
    assert (problem["step"], problem["connectionId"], problem["Failures"]) == ("close", "b", 1)
    assert [summary[name] for name in ("level", "failed", "SweepFailures", "active", "Silent")] == ["WARN", 1, 1, 1, 7_500]


@pytest.mark.parametrize(("expired", "others", "seconds"), [(30, 1, 10), (25, 6, 20)])
def test_what_there_is_no_time_to_remove_is_the_next_parts(expired: int, others: int, seconds: int, aws: FakeAws, swept: Swept) -> None:
    swept.add(*(f"e{number}" for number in range(expired)), connectedAt=-EXPIRED)
    swept.add(*(f"n{number}" for number in range(others)), connectedAt=0)
    aws.on("DeleteItem", lambda request: swept.clock.advance(seconds))
    first, *rest, last = swept.follow()
    assert 105 // seconds <= first["RemovedExpired"] <= 105 // seconds + 1 + UNDER_WAY  # of the time, and what the threads had under way
    assert (first["finished"], first["failed"], last["finished"]) == (False, 0, True)
    assert last["active"] == others  # a page that is read again is counted once
    assert sum(line["RemovedExpired"] for line in [first, *rest, last]) == expired


def test_a_table_with_another_key_is_left_alone(dynamodb: Any, cleanup: Load, clock: Clock) -> None:
    other = Table(dynamodb, TABLE, keys=("id",))
    other.put("c", connectedAt=clock.ms - EXPIRED)
    with pytest.raises(RuntimeError, match="correct CONNECTIONS_TABLE"):
        cleanup().lambda_handler(WHOLE, Context(120))
    assert other.keys == {"c"}


@pytest.mark.parametrize("attributes", [{"apiId": "api2"}, {"apiId": "api1", "stage": "test"}], ids=str)
@pytest.mark.parametrize("shared", ["", "true"])
def test_another_apis_record_is_left_alone_for_a_day(attributes: dict[str, str], shared: str, aws: FakeAws, swept: Swept) -> None:
    ages = {"expired": EXPIRED, "silent": HOUR, "last hour": DAY - HOUR, "a day": DAY}
    for name, age in ages.items():
        swept.add(name, connectedAt=-age, **attributes)
    swept.add("timeless", expiresAt=-2 * DAY, **attributes)
    aws.gone = {*ages, "timeless"}
    summary = swept.run(SHARED_TABLE=shared, **PROBE)
    assert swept.keys == aws.gone - {"a day"}
    assert aws.asked_about == []
    assert (summary["foreign"], summary["ForeignRecords"], summary["RemovedExpired"], summary["active"]) == (4, 4, 1, 0)
    assert summary["level"] == ("INFO" if shared else "WARN")


# The probe


def test_who_is_gone_is_asked_about_again_and_then_removed(aws: FakeAws, clock: Clock, swept: Swept) -> None:
    alive = swept.add("alive", connectedAt=-SUSPECT, **OURS)
    kept = alive | swept.add("new", connectedAt=-SUSPECT + MINUTE) | swept.add("seen", connectedAt=-HOUR, lastSeenAt=-MINUTE)
    aws.gone = swept.add("dead", connectedAt=-HOUR, **OURS) | swept.add("timeless", **OURS)
    times: dict[str, list[float]] = {}
    aws.on("GET @connections", lambda request: times.setdefault(request.parameters["connectionId"], []).append(clock.monotonic()))
    first, second = swept.follow(**PROBE)
    assert swept.keys == kept
    assert (first["active"], first["removed"], first["probes"], first["level"]) == (5, {}, {"alive": 1, "gone": 2}, "INFO")
    assert (second["removed"], second["RemovedGone"], second["contradicted"], second["finished"]) == ({"gone": 2}, 2, 0, False)
    assert not {"active", "ActiveConnections"} & second.keys()
    assert {name: len(asked_at) for name, asked_at in times.items()} == {"alive": 1, "dead": 2, "timeless": 2}
    assert all(times[name][1] - times[name][0] >= 45 for name in aws.gone)  # longer than the 29 s of `$connect`


def test_who_answers_otherwise_the_second_time_is_kept(aws: FakeAws, swept: Swept) -> None:
    names = swept.silent(30, **OURS)
    first_time = Answer(410, {})
    aws.on("GET @connections", lambda request: first_time if aws.asked_about.count(request.parameters["connectionId"]) == 1 else None)
    aws.gone = {"s004"}
    counted = [(line["contradicted"], line["RemovedGone"], line["level"]) for line in swept.follow(**PROBE)]
    assert counted == [(0, 0, "INFO"), (29, 1, "WARN")]
    assert swept.keys == names - aws.gone


def test_a_long_sweep_removes_what_it_found_while_it_asks_on(aws: FakeAws, swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    """At one a second it asks for 105 s. The first ten have been asked about after 10, and may be asked about again after 55."""
    monkeypatch.setattr("read_records.MOST", 10)
    aws.gone = swept.silent(120, **OURS)
    summary = swept.run(PROBES_PER_SECOND="1", MOST_PROBES_PER_SECOND="1", **API)
    assert 10 <= summary["RemovedGone"] <= 40
    assert len(set(aws.asked_about)) > 65


@pytest.mark.parametrize(
    "now",
    [None, {"connectedAt": 0, **OURS}, {"connectedAt": -HOUR, "lastSeenAt": 0, **OURS}, {"connectedAt": -HOUR, "apiId": "api2"}],
    ids=["removed", "renewed", "seen", "another's"],
)
def test_who_is_not_suspect_any_more_is_not_asked_about_again(now: dict[str, Any] | None, aws: FakeAws, swept: Swept) -> None:
    aws.gone = swept.silent(3, **OURS)
    if now:
        swept.add("s000", **now)
    else:
        swept.delete("s000")
    swept.follow(ask_again("s000", "s001", "s002", "s002"), **PROBE)
    assert sorted(aws.asked_about) == ["s001", "s002"]  # also of who is named twice, which BatchGetItem refuses
    assert swept.keys == ({"s000"} if now else set())


def test_a_refusal_removes_nothing_and_is_reported_once(aws: FakeAws, swept: Swept, lines: Lines) -> None:
    names = swept.silent(3, **OURS)
    cleanup = swept.cleanup(**PROBE)
    for handler in (REFUSE, lambda request: None):
        aws.on("GET @connections", handler)
        cleanup.lambda_handler(WHOLE, Context(120))
    refused, answered = lines()
    assert swept.keys == names
    assert (refused["level"], refused["probes"], refused["ProbesRefused"]) == ("WARN", {"refused": 3}, 100)
    assert "ForbiddenException" in refused["refusal"]
    assert "refusal" not in answered


def test_a_429_is_counted_as_a_refusal_and_asked_again(aws: FakeAws, swept: Swept, clock: Clock) -> None:
    swept.silent(5, **OURS)
    aws.on("GET @connections", lambda request: THROTTLE(request) if aws.asked_about.count("s003") in (1, 2) else None)
    summary = swept.run(timeout=200, PROBES_PER_SECOND="1", MOST_PROBES_PER_SECOND="1", **API)
    assert summary["probes"]["alive"] == 5
    assert summary["ProbesRefused"] == round(100 * summary["probes"]["throttled"] / len(aws.asked_about), 1) > 0
    assert summary["level"] == "INFO"


# Evidence


def test_of_records_that_name_nobody_none_is_removed(aws: FakeAws, swept: Swept) -> None:
    kept = swept.silent(3) | swept.add("half", connectedAt=-HOUR, apiId="api1") | swept.add("alive", connectedAt=-HOUR)
    kept |= swept.add("heard of", connectedAt=-HOUR, lastSeenAt=0)
    aws.gone = kept | swept.add("ours", connectedAt=-HOUR, **OURS)
    aws.gone.remove("alive")
    first, _ = swept.follow(**PROBE)
    assert swept.keys == kept
    assert (first["unproven"], first["Unproven"], first["level"], first["active"]) == (4, 4, "WARN", 7)
    assert "heard of" not in aws.asked_about  # it could prove nothing in a table that others may use


@pytest.mark.parametrize(
    ("witness", "is_gone", "proves"),
    [
        ({"connectedAt": -HOUR}, False, True),
        ({}, False, True),
        ({"connectedAt": -HOUR, "lastSeenAt": 0}, False, True),
        ({"connectedAt": -5 * MINUTE}, True, False),
        ({"connectedAt": -MINUTE // 2}, False, False),
    ],
    ids=["silent", "timeless", "heard of", "gone", "young"],
)
def test_a_table_of_our_own_needs_one_who_lives(witness: dict[str, int], is_gone: bool, proves: bool, aws: FakeAws, swept: Swept) -> None:
    gone = swept.silent(3)
    swept.add("witness", **witness)
    aws.gone = gone | {"witness"} if is_gone else gone
    lines = swept.follow(EXCLUSIVE_TABLE="true", **PROBE)
    assert [line.get("Unproven") for line in lines] == ([0, None] if proves else [3])
    assert swept.keys == ({"witness"} if proves else gone | {"witness"})
    assert ("witness" in aws.asked_about) == (proves or is_gone)  # of a young one a 200 would prove something, but a 410 would not


# Nobody is forgotten


NO_ANSWER: dict[str, tuple[str, Callable[[Swept, Request], Answer | None]]] = {
    "slow questions": ("GET @connections", lambda swept, _: swept.clock.advance(1)),
    "slow removals": ("DeleteItem", lambda swept, _: swept.clock.advance(3)),
    "429 for seconds": ("GET @connections", lambda swept, request: THROTTLE(request) if sum(swept.clock.slept) < 3 else None),
    "429 for a while": ("GET @connections", lambda swept, request: THROTTLE(request) if sum(swept.clock.slept) < 40 else None),
    "403 now and then": ("GET @connections", lambda swept, request: REFUSE(request) if len(swept.aws.asked_about) % 3 == 0 else None),
    "403 for a while": ("GET @connections", lambda swept, request: REFUSE(request) if len(swept.aws.asked_about) <= 30 else None),
}


@pytest.mark.usefixtures("in_line")
@pytest.mark.parametrize("why", NO_ANSWER)
def test_who_could_not_be_asked_or_removed_is_asked_again(why: str, aws: FakeAws, swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("read_records.MOST", 10)  # so that there are several lots
    aws.gone = swept.silent(50, **OURS)
    operation, handler = NO_ANSWER[why]
    aws.on(operation, lambda request: handler(swept, request))
    lines = swept.follow(ask_again(*aws.gone), timeout=60, **PROBE)
    assert swept.keys == set()
    assert (len(lines) == 1) == (why == "429 for seconds")
    assert sum(line["failed"] for line in lines) == 0


@pytest.mark.usefixtures("in_line")
def test_no_other_sample_is_taken_of_an_endpoint_given_up(aws: FakeAws, swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 40)
    aws.gone = swept.silent(50, **OURS)
    aws.on("GET @connections", lambda request: REFUSE(request) if 5 < len(aws.asked_about) <= 25 else None)
    first, second = swept.follow(**PROBE)
    assert first["probes"] == {"gone": 5, "refused": 20}
    assert (second["finished"], second["RemovedGone"]) == (False, 5)  # it asks again about the five, and reads nothing


# How much it asks


@pytest.mark.usefixtures("in_line")
@pytest.mark.parametrize(("segments", "most", "rates"), [(1, "10", (10, 10)), (4, "40", (2.5, 10)), (4, "", (2.5, 2.5))])
def test_all_segments_share_the_rate(
    segments: int, most: str, rates: tuple[float, float], aws: FakeAws, clock: Clock, swept: Swept
) -> None:
    """A rate without a ceiling is the ceiling."""
    swept.silent(25)
    aws.on("Scan", lambda request: request.parameters.update(Segment=0, TotalSegments=1))  # one segment has all
    summary = swept.run({"sweep": {"segment": 0, "segments": segments}}, PROBES_PER_SECOND="10", MOST_PROBES_PER_SECOND=most, **API)
    assert clock.slept[0] == pytest.approx(1 / rates[0])
    assert (len(aws.asked_about), summary["ProbeRate"]) == (25, rates[1])


def test_with_the_probe_half_of_the_time_is_for_the_scan(aws: FakeAws, swept: Swept) -> None:
    """Keys may be longer than connection ids, and a sweep goes on from them."""
    aws.gone = swept.add(*(letter * 2000 for letter in "abcd"), connectedAt=-HOUR, **OURS)
    swept.slow_pages(60)
    first, *_, last = swept.follow(**PROBE)
    assert (first["finished"], first["active"], first["probes"]) == (False, 2, {"gone": 2})
    assert (swept.keys, last["failed"]) == (set(), 0)


def test_who_is_asked_first_changes_from_run_to_run(swept: Swept) -> None:
    swept.silent(20)
    first = set()
    for _ in range(5):
        swept.run(timeout=30, PROBES_PER_SECOND="100", **API)
        first.add(swept.aws.asked_about[0])
    assert len(first) > 1


def test_a_sample_is_bounded_and_uniform() -> None:
    random.seed(7)
    drawn: Counter[str] = Counter()
    for _ in range(2_000):
        sample = Sample(5)
        for number in range(20):
            sample.offer(record(str(number)))
        assert (len(sample.records), sample.offered) == (5, 20)
        drawn.update(found.connection_id for found in sample.records)
    assert len(drawn) == 20
    assert all(400 < count < 600 for count in drawn.values())  # 500 expected


# How it goes on


def test_a_sweep_out_of_time_goes_on_where_it_stopped(aws: FakeAws, swept: Swept) -> None:
    swept.add("c0", "c3", "c6", connectedAt=-EXPIRED)
    kept = swept.add("c1", "c2", "c4", "c5", "c7", "c8", connectedAt=0)
    swept.slow_pages(50)
    first, second, last = swept.follow()
    starts = [request.get("ExclusiveStartKey", {}).get("connectionId", {}).get("S") for request in aws.asked("Scan")]
    assert swept.keys == kept
    assert [line["finished"] for line in (first, second, last)] == [False, False, True]
    assert ["ActiveConnections" in line for line in (first, second, last)] == [False, False, True]
    assert last["ActiveConnections"] == last["active"] == 6
    assert sum(line["RemovedExpired"] for line in (first, second, last)) == 3
    assert last["durationMs"] >= 250_000  # of the whole sweep, not of its last part
    assert len(starts) == len(set(starts)) == 5  # each page once


def test_a_sweep_out_of_time_without_a_queue_says_what_to_set(swept: Swept) -> None:
    swept.add("a", "b", "c", connectedAt=0)
    swept.slow_pages(200)
    with pytest.raises(RuntimeError, match="set RETRY_QUEUE_URL"):
        swept.run(RETRY_QUEUE_URL="")


# How many a sample takes, how many are silent and gone, their attributes, period (s), who is removed by each part, who is active after it
SAMPLING: dict[str, tuple[int, int, int, dict[str, str], int, list[int], list[int | None]]] = {
    "a mass loss": (10, 38, 38, OURS, 300, [0, 10, 10, 10, 8], [38, 28, 18, 8, None]),
    "nobody was found": (5, 20, 0, OURS, 300, [0], [20]),
    "nobody was missed": (20, 20, 3, OURS, 300, [0, 3], [20, None]),
    "nothing is proven": (5, 20, 20, {}, 300, [0], [20]),
    # What a sample has found is still asked about again.
    "the next sweep is due": (5, 22, 22, OURS, 60, [0, 5, 5, 5], [22, 17, 12, None]),
    # Lambda ends a chain at 16 invocations; a removal at its end may queue a message for its steps, and two about its client.
    "the chain is long": (2, 30, 30, OURS, 86_400, [0] + [2] * 10, [*range(30, 10, -2), None]),
}


@pytest.mark.parametrize("case", SAMPLING)
def test_samples_are_taken_while_they_find_somebody(case: str, aws: FakeAws, swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    sampled, silent, gone, attributes, period_s, removed, active = SAMPLING[case]
    monkeypatch.setattr(sweep, "MOST_SAMPLED", sampled)
    aws.gone = {name for name in swept.silent(silent, **attributes) if name < f"s{gone:03}"}
    lines = swept.follow({"sweep": {**WHOLE["sweep"], "period_s": period_s}}, **PROBE)
    assert [line["RemovedGone"] for line in lines] == removed
    assert [line.get("active") for line in lines] == active
    assert all(0 <= line.get("durationMs", 0) <= 60_000 for line in lines)  # of one reading
    assert len(swept.keys) == silent - sum(removed)


def test_what_exceeds_one_message_is_found_by_a_new_reading(aws: FakeAws, swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweep_part.LONGEST_LIST", 7 * 10)
    aws.gone = swept.silent(25, **OURS)
    assert [line["RemovedGone"] for line in swept.follow(**PROBE)] == [0, 10, 10, 5]
    assert swept.keys == set()


def test_a_table_too_large_for_a_chain_says_what_to_raise(swept: Swept) -> None:
    swept.add(*(f"c{number}" for number in range(30)), connectedAt=0)
    swept.slow_pages(200)
    assert len(swept.follow()) <= 12
    [problem] = [line for line in swept.log if line["level"] == "ERROR"]
    assert (problem["step"], problem["Failures"]) == ("sweep", 1)
    assert "raise sweep.segments" in problem["error"]


@pytest.mark.parametrize("part", [{"again": ["x" * 100] * 500, "scans": False}, {"again": ["c"]}], ids=["asks again", "reads"])
def test_a_failed_part_is_dropped_at_the_next_sweep(part: dict[str, Any], aws: FakeAws, clock: Clock, swept: Swept, lines: Lines) -> None:
    """The probe or the sweep has been turned off while it waited: its role is denied."""
    for operation in ("Scan", "BatchGetItem"):
        aws.on(operation, error(400, "AccessDeniedException"))
    cleanup = swept.cleanup()
    body = messages.write(Part.parse(part))

    def comes_back(receive_count: int) -> bool:
        return deliver(cleanup, sqs_record(body, receive_count=receive_count)) == ["m1"]

    assert comes_back(1)
    assert comes_back(7)  # the next sweep is not due yet
    clock.advance(300)
    assert comes_back(1)  # late, but it has not failed before
    lines()
    assert not comes_back(2)
    [line] = lines()
    assert (line["outcome"], line["level"], line["again"]) == ("dropped", "INFO", len(part["again"]))
    assert "x" * 100 not in str(line)


# At once


def look_at_once(segments: object = 1) -> dict[str, Any]:
    return {"look_at_once": {"segments": segments}}


def test_a_look_at_once_suspects_after_a_silent_minute(aws: FakeAws, swept: Swept) -> None:
    kept = swept.add("older", connectedAt=-MINUTE, **OURS) | swept.add("young", connectedAt=-MINUTE + 10_000, **OURS)
    kept |= swept.add("heard of", connectedAt=-HOUR, lastSeenAt=-MINUTE + 10_000, **OURS)
    swept.add("expired", connectedAt=-EXPIRED, **OURS)
    aws.gone = swept.add("dead", connectedAt=-2 * MINUTE, **OURS)
    first, _ = swept.follow(look_at_once(), **PROBE)
    assert sorted(aws.asked_about) == ["dead", "dead", "older"]
    assert swept.keys == kept
    assert first["ActiveConnections"] == 4
    swept.run(**PROBE)
    assert aws.asked_about == []  # the next sweep suspects as the settings say


def test_it_looks_at_once_into_every_segment_every_five_minutes(clock: Clock, swept: Swept) -> None:
    cleanup = swept.cleanup(**PROBE)
    for _ in range(20):
        cleanup.lambda_handler(look_at_once(2), Context(120))
        clock.advance(5)
    assert swept.delays == pytest.approx([0, 0, 295, 295], abs=1)
    messages = [message["sweep"] for message in swept.queue.receive()]
    assert [(m["segment"], m["segments"], m["suspect_after_ms"], m["hops"]) for m in messages] == 2 * [(0, 2, MINUTE, 1), (1, 2, MINUTE, 1)]
    until = [(message["until_ms"] - clock.ms) / 1000 for message in messages]
    assert until == pytest.approx([200, 200, 500, 500], abs=2)  # each has five minutes from when it begins
    clock.advance(300)
    cleanup.lambda_handler(look_at_once(2), Context(120))
    assert len(swept.delays) == 6  # what was lost since the second look began is seen by a third


def test_a_look_at_once_that_was_not_queued_is_not_done(aws: FakeAws, swept: Swept, lines: Lines) -> None:
    cleanup = swept.cleanup(**PROBE)
    works = aws.handlers.pop("SendMessage")
    aws.on("SendMessage", error(400, "AccessDenied"))
    with pytest.raises(Exception, match="AccessDenied"):
        cleanup.lambda_handler(look_at_once(), Context(120))
    assert [(line["step"], line["Failures"]) for line in lines()] == [("sweep", 1)]
    aws.on("SendMessage", works)
    cleanup.lambda_handler(look_at_once(), Context(120))
    assert swept.delays == [0]


NO_SEGMENTS: list[Any] = [None, [], {}, {"segments": 0}, {"segments": 101}, {"segments": "1"}, {"segments": True}]


def test_a_look_at_once_that_makes_no_sense_is_rejected(swept: Swept) -> None:
    with pytest.raises(RejectedError, match="set PROBES_PER_SECOND"):
        swept.run(look_at_once(), **API)
    cleanup = swept.cleanup(**PROBE)
    for value in NO_SEGMENTS:
        with pytest.raises(RejectedError, match="segments"):
            cleanup.lambda_handler({"look_at_once": value}, Context(120))
    assert swept.delays == []


def test_the_queue_settles_duplicates_of_swept_connections(aws: FakeAws, clock: Clock, swept: Swept, lines: Lines) -> None:
    for number in range(5):
        swept.add(f"expired{number}", clientId=f"client{number}", connectedAt=-EXPIRED)
    siblings = [swept.add(f"sibling{number}", clientId=f"client{number}", connectedAt=-2 * MINUTE, **OURS) for number in range(3)]
    cleanup = swept.cleanup(DUPLICATES="stale", CLIENT_INDEX="byClient", **PROBE)
    cleanup.lambda_handler(WHOLE, Context(120))
    assert clock.slept == []
    assert [line["RemovedExpired"] for line in lines() if line["outcome"] == "swept"] == [5]
    assert aws.asked_about == []
    aws.gone = siblings[1]
    assert deliver(cleanup, *swept.queue.batch()) == []
    assert swept.keys == siblings[0] | siblings[2]


# What it says


def test_the_summary_has_every_figure_and_its_metrics(swept: Swept) -> None:
    swept.add("long ago", connectedAt=-EXPIRED - 90_500)
    swept.add("just", connectedAt=-EXPIRED)
    swept.add("new", connectedAt=0)
    summary = swept.run()
    figures = {"active": 1, "removed": {"expired": 2}, "failed": 0, "foreign": 0, "timeless": 0, "undated": 0, "unproven": 0, "probes": {}}
    assert {name: summary[name] for name in figures} == figures
    assert (summary["segment"], summary["segments"], summary["finished"], summary["contradicted"]) == ("0", 1, True, 0)
    assert EXPIRED // 1000 + 90 <= summary["silentSeconds"] == summary["Silent"] <= EXPIRED // 1000 + 95
    assert 0 <= summary["durationMs"] == summary["SweepDuration"] < 60_000
    assert "refusal" not in summary
    directives = summary["_aws"]["CloudWatchMetrics"]
    assert [directive["Dimensions"] for directive in directives] == [[["Name"]], [["Name", "segment"]]]
    units = {metric["Name"]: metric["Unit"] for directive in directives for metric in directive["Metrics"]}
    counts = ("RemovedExpired", "RemovedGone", "SweepFailures", "Unproven", "ForeignRecords", "Undated", "ActiveConnections")
    # Without ProbesRefused and ProbeRate: who asked nobody knows nothing of it.
    assert units == {"Silent": "Seconds", "SweepDuration": "Milliseconds", **dict.fromkeys(counts, "Count")}


def test_records_that_never_end_are_counted(clock: Clock, swept: Swept) -> None:
    swept.add("expires one day", expiresAt=10_000_000)
    swept.add("without a time")
    swept.put("in another unit", connectedAt=clock.ms // 1000, expiresAt=clock.ms)
    summary = swept.run()
    assert (summary["timeless"], summary["undated"], summary["Undated"], summary["level"]) == (3, 2, 2, "WARN")
    assert swept.run(**PROBE)["Undated"] == 0
