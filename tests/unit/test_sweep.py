"""The sweep: what it removes, what it asks about, what it leaves, and how it goes on."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import ended as ended_
import pytest
import sweep
from ask_many import UNDER_WAY
from sweep import Sample
from sweep_part import Part

from tests.faults.clock import InLine
from tests.unit.fake_aws import Answer, error
from tests.unit.support import API, Context, Table, record

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.unit.fake_aws import FakeAws, Request
    from tests.unit.support import Clock, Lines, Load, RetryQueue

    Run = Callable[..., dict[str, Any]]
    Follow = Callable[..., list[dict[str, Any]]]

MINUTE = 60_000
EXPIRED_MS, SUSPECT_MS = 7_500_000, 660_000
OURS = {"apiId": "api1", "stage": "live"}
PROBE = {"PROBES_PER_SECOND": "10", "MOST_PROBES_PER_SECOND": "300", **API}
WHOLE = {"segment": 0, "segments": 1}


@pytest.fixture
def run(aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load, lines: Lines) -> Run:
    """Runs a sweep in a new environment; returns its summary line."""

    def run(*, part: dict[str, Any] | None = None, timeout: float = 120.0, **environment: str) -> dict[str, Any]:
        aws.requests.clear()
        cleanup = load("cleanup", **{"RETRY_QUEUE_URL": queue.url, **environment})
        assert cleanup.lambda_handler({"sweep": part or {"segment": 0, "segments": 1}}, Context(timeout)) is None
        [summary] = [line for line in lines() if line["outcome"] == "swept"]
        return summary

    return run


@pytest.fixture
def follow(aws: FakeAws, queue: RetryQueue, clock: Clock, load: Load, lines: Lines) -> Follow:
    """Runs a sweep and what follows by the queue, each message when it is due; returns all summary lines."""

    def follow(first: object = None, *, timeout: float = 120.0, **environment: str) -> list[dict[str, Any]]:
        delays = undelayed(aws)
        aws.requests.clear()
        cleanup = load("cleanup", **{"RETRY_QUEUE_URL": queue.url, **environment})
        cleanup.lambda_handler(first or {"sweep": WHOLE}, Context(timeout))
        while delays:
            clock.advance(delays.pop(0))
            assert cleanup.lambda_handler(queue.batch(), Context(timeout)) == {"batchItemFailures": []}
        return [line for line in lines() if line["outcome"] == "swept"]

    return follow


def undelayed(aws: FakeAws) -> list[int]:
    """Has messages come at once; the list gets the delay (s) that each was sent with."""
    delays: list[int] = []
    aws.on("SendMessage", lambda request: delays.append(request.parameters.pop("DelaySeconds", 0)))
    return delays


def silent(connections: Table, clock: Clock, count: int, **attributes: str) -> list[str]:
    """Records of an hour ago, of connections that nobody has heard of since."""
    names = [f"s{number:03}" for number in range(count)]
    for name in names:
        connections.put(name, connectedAt=clock.ms - 60 * MINUTE, **attributes)
    return names


def asked(aws: FakeAws) -> list[str]:
    """Who was asked about, in order."""
    return [request["connectionId"] for request in aws.asked("GET @connections")]


def test_expired_records_are_removed_and_all_others_kept(connections: Table, clock: Clock, run: Run) -> None:
    connections.put("expired", connectedAt=clock.ms - EXPIRED_MS)
    connections.put("ttl only", expiresAt=clock.ms // 1000 - 400)
    connections.put("last minute", connectedAt=clock.ms - EXPIRED_MS + MINUTE)
    connections.put("new", connectedAt=clock.ms)
    connections.put("timeless")
    connections.put("seconds", connectedAt=clock.ms // 1000 - 10_000)
    connections.put("text", connectedAt="yesterday")
    connections.put("future", connectedAt=clock.ms + 60 * MINUTE)
    summary = run()
    assert connections.keys == {"last minute", "new", "timeless", "seconds", "text", "future"}
    assert (summary["active"], summary["removed"], summary["timeless"]) == (6, {"expired": 2}, 4)


def test_nothing_is_asked_without_the_probe(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 3)
    aws.gone = connections.keys
    run(**API)
    assert len(connections.keys) == 3
    assert aws.asked("GET @connections") == []


def test_an_expired_record_is_removed_without_asking(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("expired", connectedAt=clock.ms - EXPIRED_MS)
    run(**PROBE)
    assert connections.keys == set()
    assert aws.asked("GET @connections") == []


def test_a_record_rewritten_since_the_scan_survives(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("c", connectedAt=clock.ms - EXPIRED_MS)

    def rewrite(request: Request) -> None:
        aws.handlers.clear()
        connections.put("c", connectedAt=clock.ms)

    aws.on("DeleteItem", rewrite)
    summary = run()
    assert (summary["RemovedExpired"], summary["active"], summary["failed"]) == (0, 1, 0)
    assert connections.keys == {"c"}


def test_a_record_that_was_renewed_by_what_it_was_judged_by_survives(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("c", connectedAt="soon", expiresAt=clock.ms // 1000 - 1_000)

    def renew(request: Request) -> None:
        aws.handlers.clear()
        connections.put("c", connectedAt="soon", expiresAt=clock.ms // 1000 + 3_600)

    aws.on("DeleteItem", renew)
    assert run()["active"] == 1
    assert connections.keys == {"c"}


def test_a_record_that_somebody_else_removed_since_the_scan_is_not_active(
    aws: FakeAws, connections: Table, clock: Clock, load: Load, lines: Lines, dynamodb: Any
) -> None:
    connections.put("c", connectedAt=clock.ms - EXPIRED_MS)

    def remove(request: Request) -> None:
        aws.handlers.clear()
        dynamodb.delete_item(TableName="connections", Key={"connectionId": {"S": "c"}})

    aws.on("DeleteItem", remove)
    load("cleanup").lambda_handler({"sweep": {}}, Context(120))
    assert [(line["outcome"], line.get("active")) for line in lines()] == [("already_gone", None), ("swept", 0)]


def test_each_removed_connection_has_its_own_line(aws: FakeAws, connections: Table, clock: Clock, load: Load, lines: Lines) -> None:
    connections.put("a", connectedAt=clock.ms - EXPIRED_MS, **OURS)
    connections.put("b", connectedAt=clock.ms - EXPIRED_MS)
    load("cleanup").lambda_handler({"sweep": {"segment": 0, "segments": 1}}, Context(120))
    ended = {line["connectionId"]: line for line in lines() if line["outcome"] == "removed"}
    assert set(ended) == {"a", "b"}
    assert {line["cause"] for line in ended.values()} == {"expired"}
    assert (ended["a"]["apiId"], ended["a"]["stage"]) == ("api1", "live")


def test_the_scan_reads_what_judging_needs_and_no_more(aws: FakeAws, connections: Table, run: Run) -> None:
    connections.put("c", sourceIp="203.0.113.24")
    run()
    [request] = aws.asked("Scan")
    names = {request["ExpressionAttributeNames"][name] for name in request["ProjectionExpression"].split(", ")}
    assert names == {"connectionId", "connectedAt", "expiresAt", "lastSeenAt", "apiId", "stage"}
    assert (request["Segment"], request["TotalSegments"]) == (0, 1)


def test_all_pages_are_read(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    for number in range(7):
        connections.put(f"c{number}", connectedAt=clock.ms - (EXPIRED_MS if number % 2 else 0))
    aws.on("Scan", lambda request: request.parameters.update(Limit=2))
    summary = run()
    assert connections.keys == {"c0", "c2", "c4", "c6"}
    assert (summary["active"], summary["removed"], summary["finished"]) == (4, {"expired": 3}, True)


def test_a_delete_that_fails_does_not_stop_the_others(aws: FakeAws, connections: Table, clock: Clock, load: Load, lines: Lines) -> None:
    for name in ("a", "bad", "c"):
        connections.put(name, connectedAt=clock.ms - EXPIRED_MS)
    refuse = error(400, "AccessDeniedException")
    aws.on("DeleteItem", lambda request: refuse(request) if request.parameters["Key"]["connectionId"]["S"] == "bad" else None)
    load("cleanup").lambda_handler({"sweep": {"segment": 0, "segments": 1}}, Context(120))
    assert connections.keys == {"bad"}
    *others, summary = lines()
    [problem] = [line for line in others if line["level"] == "ERROR"]
    assert (problem["step"], problem["connectionId"], problem["Failures"]) == ("close", "bad", 1)
    assert (summary["level"], summary["failed"], summary["SweepFailures"], summary["active"], summary["removed"]) == (
        "WARN",
        1,
        1,
        1,
        {"expired": 2},
    )


def test_no_removal_is_begun_after_the_deadline_and_the_next_part_does_what_is_left(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow
) -> None:
    for number in range(60):
        connections.put(f"c{number}", connectedAt=clock.ms - EXPIRED_MS)
    connections.put("new", connectedAt=clock.ms)
    aws.on("DeleteItem", lambda request: clock.advance(10))
    first, *others, last = follow()
    assert 11 <= first["RemovedExpired"] <= 11 + UNDER_WAY  # 105 s of time, and what the threads had under way
    assert (first["finished"], first["failed"], last["finished"], last["active"]) == (False, 0, True, 1)
    assert sum(line["RemovedExpired"] for line in [first, *others, last]) == 60
    assert connections.keys == {"new"}


def test_a_scan_that_fails_is_an_error_line_and_fails_the_invocation(
    aws: FakeAws, connections: Table, load: Load, clock: Clock, lines: Lines
) -> None:
    aws.on("Scan", error(400, "ResourceNotFoundException"))
    with pytest.raises(Exception, match="ResourceNotFound"):
        load("cleanup").lambda_handler({"sweep": {"segment": 0, "segments": 1}}, Context(120))
    [line] = lines()
    assert (line["level"], line["step"], line["Failures"]) == ("ERROR", "sweep", 1)


def test_a_table_with_another_key_is_left_alone_and_the_error_says_what_to_correct(
    aws: FakeAws, dynamodb: Any, load: Load, clock: Clock
) -> None:
    other = Table(dynamodb, "connections", keys=("id",))
    other.put("c", connectedAt=clock.ms - EXPIRED_MS)
    with pytest.raises(RuntimeError, match="correct CONNECTIONS_TABLE"):
        load("cleanup").lambda_handler({"sweep": {"segment": 0, "segments": 1}}, Context(120))
    assert other.keys == {"c"}


def test_two_sweeps_at_once_count_each_removal_once(aws: FakeAws, connections: Table, clock: Clock, load: Load, lines: Lines) -> None:
    for number in range(30):
        connections.put(f"c{number}", connectedAt=clock.ms - EXPIRED_MS)
    cleanup = load("cleanup")
    other = [True]

    def overlap(request: Request) -> None:
        if other and other.pop():
            cleanup.lambda_handler({"sweep": {"segment": 0, "segments": 1}}, Context(120))

    aws.on("DeleteItem", overlap)
    cleanup.lambda_handler({"sweep": {"segment": 0, "segments": 1}}, Context(120))
    written = lines()
    assert connections.keys == set()
    assert Counter(line["connectionId"] for line in written if line["outcome"] == "removed") == dict.fromkeys(
        [f"c{n}" for n in range(30)], 1
    )
    summaries = [line for line in written if line["outcome"] == "swept"]
    assert len(summaries) == 2
    assert sum(line["RemovedExpired"] for line in summaries) == 30
    assert {line["active"] for line in summaries} == {0}


# The probe


def test_a_silent_connection_that_is_gone_is_removed_and_a_live_one_kept(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 3, **OURS)
    aws.gone = {"s001"}
    summary = run(**PROBE)
    assert connections.keys == {"s000", "s002"}
    assert (summary["active"], summary["removed"], summary["probes"]) == (2, {"gone": 1}, {"alive": 2, "gone": 1})
    assert (summary["RemovedGone"], summary["RemovedExpired"], summary["level"]) == (1, 0, "INFO")


def test_only_the_silent_are_asked_about(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("new", connectedAt=clock.ms - SUSPECT_MS + MINUTE)
    connections.put("seen", connectedAt=clock.ms - 60 * MINUTE, lastSeenAt=clock.ms - MINUTE)
    connections.put("silent", connectedAt=clock.ms - SUSPECT_MS)
    run(**PROBE)
    assert asked(aws) == ["silent"]


@pytest.mark.parametrize(("status", "code"), [(403, "ForbiddenException"), (500, "InternalServerError"), (404, "NotFound")])
def test_what_refuses_to_tell_removes_nothing_and_is_reported(
    status: int, code: str, aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    silent(connections, clock, 3)
    aws.on("GET @connections", error(status, code))
    summary = run(**PROBE)
    assert len(connections.keys) == 3
    assert (summary["level"], summary["probes"], summary["ProbesRefused"]) == ("WARN", {"refused": 3}, 100)
    assert code in summary["refusal"]


def test_an_old_refusal_is_not_reported_again(aws: FakeAws, connections: Table, clock: Clock, load: Load, lines: Lines) -> None:
    silent(connections, clock, 1)
    cleanup = load("cleanup", **PROBE)
    aws.on("GET @connections", error(403, "ForbiddenException"))
    cleanup.lambda_handler({"sweep": WHOLE}, Context(120))
    aws.on("GET @connections", lambda request: None)
    cleanup.lambda_handler({"sweep": WHOLE}, Context(120))
    assert ["refusal" in line for line in lines()] == [True, False]


def test_an_endpoint_that_only_refuses_is_left_alone_and_not_asked_by_another_part(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow
) -> None:
    silent(connections, clock, 60, **OURS)
    aws.on("GET @connections", error(403, "ForbiddenException"))
    assert len(follow(**PROBE)) == 1
    assert 20 <= len(asked(aws)) <= 20 + UNDER_WAY


def test_who_met_a_429_is_asked_about_again_in_the_same_run(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 5, **OURS)
    aws.gone = {"s003"}
    throttle, times = error(429, "LimitExceededException"), [2]

    def twice(request: Request) -> Answer | None:
        if times[0] and request.parameters["connectionId"] == "s003":
            times[0] -= 1
            return throttle(request)
        return None

    aws.on("GET @connections", twice)
    summary = run(**PROBE)
    assert (summary["probes"], summary["ProbesRefused"], summary["RemovedGone"]) == ({"alive": 4, "gone": 1, "throttled": 2}, 28.6, 1)
    assert sum(slept >= 0.9 for slept in clock.slept) == 2  # it pauses


# Evidence


def test_of_records_that_name_nobody_none_is_removed_and_they_are_reported(
    aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    silent(connections, clock, 3)
    connections.put("ours", connectedAt=clock.ms - 60 * MINUTE, **OURS)
    connections.put("half", connectedAt=clock.ms - 60 * MINUTE, apiId="api1")
    connections.put("alive", connectedAt=clock.ms - 60 * MINUTE)
    aws.gone = connections.keys - {"alive"}
    summary = run(**PROBE)
    assert connections.keys == {"s000", "s001", "s002", "half", "alive"}
    assert (summary["removed"], summary["unproven"], summary["Unproven"], summary["level"]) == ({"gone": 1}, 4, 4, "WARN")
    assert summary["active"] == 5


def test_they_are_removed_from_a_table_that_is_ours_alone_when_somebody_silent_is_alive(
    aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    silent(connections, clock, 3)
    aws.gone = {"s000", "s001"}
    assert run(EXCLUSIVE_TABLE="true", **PROBE)["Unproven"] == 0
    assert connections.keys == {"s002"}


def test_and_when_all_the_silent_are_gone_but_somebody_heard_of_lately_is_alive(
    aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    silent(connections, clock, 3)
    connections.put("heard of", connectedAt=clock.ms - 60 * MINUTE, lastSeenAt=clock.ms)
    aws.gone = {"s000", "s001", "s002"}
    summary = run(EXCLUSIVE_TABLE="true", **PROBE)
    assert connections.keys == {"heard of"}
    assert (summary["unproven"], summary["probes"]) == (0, {"gone": 3, "alive": 1})


@pytest.mark.parametrize("witness", [[], ["gone"], ["young"]], ids=str)
def test_and_not_while_nobody_is_known_to_be_alive(witness: list[str], aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    aws.gone = {*silent(connections, clock, 3), "gone"}
    for name in witness:
        connections.put(name, connectedAt=clock.ms - (MINUTE // 2 if name == "young" else 5 * MINUTE))
    before = connections.keys
    assert run(EXCLUSIVE_TABLE="true", **PROBE)["Unproven"] == 3
    assert connections.keys == before
    assert "young" not in asked(aws)  # a 200 would prove something, but a 410 would not


def test_nobody_heard_of_lately_is_asked_about_unless_it_helps(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 3, **OURS)
    connections.put("heard of", connectedAt=clock.ms - 60 * MINUTE, lastSeenAt=clock.ms)
    aws.gone = {"s000"}
    run(EXCLUSIVE_TABLE="true", **PROBE)
    assert "heard of" not in asked(aws)


# Asking again


def test_when_most_of_many_are_gone_each_is_asked_about_again_half_a_minute_later(
    aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load, lines: Lines
) -> None:
    names = silent(connections, clock, 30, **OURS)
    aws.gone = set(names[:16])
    delays = undelayed(aws)
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url, **PROBE)
    cleanup.lambda_handler({"sweep": WHOLE}, Context(120))
    assert len(connections.keys) == 30
    [first] = lines()
    assert (first["removed"], first["active"], first["unproven"], first["level"]) == ({}, 30, 0, "INFO")
    assert delays == [30]

    aws.requests.clear()
    clock.advance(30)
    cleanup.lambda_handler(queue.batch(), Context(120))
    assert connections.keys == set(names[16:])
    assert set(asked(aws)) == set(names[:16])
    second = lines()[-1]
    assert (second["outcome"], second["removed"], second["contradicted"], second["finished"]) == ("swept", {"gone": 16}, 0, False)
    assert "active" not in second
    assert "ActiveConnections" not in second


def test_who_answers_otherwise_the_second_time_is_kept_and_told(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    names = silent(connections, clock, 30, **OURS)
    count: Counter[str] = Counter()

    def lie(request: Request) -> Answer | None:
        count[request.parameters["connectionId"]] += 1
        return Answer(410, {}) if count[request.parameters["connectionId"]] == 1 else None

    aws.on("GET @connections", lie)
    aws.gone = {"s004"}
    assert [(line["contradicted"], line["RemovedGone"], line["level"]) for line in follow(**PROBE)] == [(0, 0, "INFO"), (29, 1, "WARN")]
    assert connections.keys == set(names) - {"s004"}


@pytest.mark.parametrize("what", ["removed", "renewed", "seen", "another's"])
def test_who_is_not_suspect_any_more_is_not_asked_about_again(
    what: str, aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load, dynamodb: Any
) -> None:
    aws.gone = set(silent(connections, clock, 20, **OURS))
    undelayed(aws)
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url, **PROBE)
    cleanup.lambda_handler({"sweep": WHOLE}, Context(120))
    clock.advance(30)
    if what == "removed":
        dynamodb.delete_item(TableName="connections", Key={"connectionId": {"S": "s000"}})
    else:
        now = {
            "renewed": {"connectedAt": clock.ms, **OURS},
            "seen": {"connectedAt": clock.ms - 60 * MINUTE, "lastSeenAt": clock.ms, **OURS},
            "another's": {"connectedAt": clock.ms - 60 * MINUTE, "apiId": "api2"},
        }[what]
        connections.put("s000", **now)
    aws.requests.clear()
    cleanup.lambda_handler(queue.batch(), Context(120))
    assert "s000" not in asked(aws)
    assert connections.keys == (set() if what == "removed" else {"s000"})


def test_what_there_is_no_time_for_the_second_time_is_carried_on(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    aws.gone = set(silent(connections, clock, 150, **OURS))
    aws.on("GET @connections", lambda request: clock.advance(0.2))
    lines = follow(timeout=60, **PROBE)
    assert connections.keys == set()
    assert len(lines) > 2


def test_nor_is_who_was_not_asked_about_at_all_forgotten(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    aws.gone = set(silent(connections, clock, 90, **OURS))
    aws.on("GET @connections", lambda request: clock.advance(1))
    lines = follow({"sweep": {"scans": False, "again": sorted(aws.gone)}}, timeout=60, **PROBE)
    assert connections.keys == set()
    assert len(lines) > 1


def test_an_endpoint_that_refuses_the_second_time_is_not_asked_a_third(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow
) -> None:
    names = silent(connections, clock, 150, **OURS)
    aws.on("GET @connections", error(403, "ForbiddenException"))
    [line] = follow({"sweep": {"scans": False, "again": names}}, **PROBE)
    assert line["ProbesRefused"] == 100
    assert len(connections.keys) == 150


@pytest.mark.parametrize("attributes", [{"apiId": "api2"}, {"apiId": "api1", "stage": "test"}], ids=str)
def test_a_record_of_another_api_or_stage_is_not_touched(
    attributes: dict[str, str], aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    connections.put("expired", connectedAt=clock.ms - EXPIRED_MS, **attributes)
    connections.put("silent", connectedAt=clock.ms - 60 * MINUTE, **attributes)
    aws.gone = {"expired", "silent"}
    summary = run(**PROBE)
    assert connections.keys == {"expired", "silent"}
    assert aws.asked("GET @connections", "DeleteItem") == []
    assert (summary["foreign"], summary["ForeignRecords"], summary["active"], summary["level"]) == (2, 2, 0, "WARN")


TIMELESS: list[dict[str, Any]] = [{}, {"connectedAt": "yesterday"}, {"connectedAt": 1_795_000_000}, {"expiresAt": "soon"}]


@pytest.mark.parametrize("timeout", [60, 120])
@pytest.mark.parametrize("attributes", TIMELESS, ids=str)
def test_a_record_without_a_time_is_removed_when_it_is_gone_and_still_is_half_a_minute_later(
    attributes: dict[str, Any], timeout: int, aws: FakeAws, connections: Table, clock: Clock, follow: Follow
) -> None:
    connections.put("c", **attributes, **OURS)
    aws.gone = {"c"}
    times: list[float] = []
    aws.on("GET @connections", lambda request: times.append(clock.monotonic()))
    assert [line["RemovedGone"] for line in follow(timeout=timeout, **PROBE)] == [0, 1]
    assert connections.keys == set()
    assert len(times) == 2
    assert times[1] - times[0] >= 30


def test_a_record_without_a_time_whose_connect_was_still_under_way_is_kept(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow
) -> None:
    connections.put("c", **OURS)
    answers = [Answer(410, {}), Answer(200, {})]
    aws.on("GET @connections", lambda request: answers.pop(0))
    assert [line["contradicted"] for line in follow(**PROBE)] == [0, 1]
    assert connections.keys == {"c"}


def test_leaked_records_without_a_time_do_not_keep_the_others_from_being_removed(
    aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    for number in range(60):
        connections.put(f"leaked{number}", **OURS)
    names = silent(connections, clock, 30, **OURS)
    aws.gone = connections.keys - set(names[:20])
    assert run(**PROBE)["removed"] == {"gone": 10}
    assert connections.keys & set(names) == set(names[:20])


def test_nobody_waits_for_a_record_that_is_alive(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    connections.put("c")
    assert len(follow(**PROBE)) == 1
    assert sum(clock.slept) < 1


# How much it asks


def one_segment_has_all(aws: FakeAws) -> None:
    """Which records are in a segment is DynamoDB's own affair."""
    aws.on("Scan", lambda request: request.parameters.update(Segment=0, TotalSegments=1))


@pytest.mark.parametrize(("segments", "pause_s"), [(1, 0.1), (4, 0.4)])
def test_all_segments_share_the_rate_to_begin_with(
    segments: int, pause_s: float, aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    silent(connections, clock, 5)
    one_segment_has_all(aws)
    began = clock.monotonic()
    run(part={"segment": 0, "segments": segments}, **PROBE)
    assert len(asked(aws)) == 5
    assert max(clock.slept) == pytest.approx(pause_s, abs=0.09)
    assert clock.monotonic() - began > 4 * pause_s - 0.09  # a busy machine may have used up a pause by itself


def test_all_segments_share_the_highest_rate(
    aws: FakeAws, connections: Table, clock: Clock, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "ThreadPoolExecutor", InLine)
    silent(connections, clock, 60)
    one_segment_has_all(aws)
    summary = run(part={"segment": 0, "segments": 4}, PROBES_PER_SECOND="10", MOST_PROBES_PER_SECOND="40", **API)
    assert (summary["rate"], summary["ProbeRate"]) == (10, 10)


def test_a_rate_without_a_ceiling_is_the_ceiling(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 30)
    assert run(PROBES_PER_SECOND="10", **API)["ProbeRate"] == 10


def test_asking_leaves_time_to_close_whom_it_finds(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    aws.gone = set(silent(connections, clock, 200, **OURS)[:40])
    aws.on("GET @connections", lambda request: clock.advance(1))
    aws.on("DeleteItem", lambda request: clock.advance(0.5))
    summary = run(**PROBE)
    assert 40 <= sum(summary["probes"].values()) <= 63 + 2 * UNDER_WAY  # of 105 s, and what was under way
    assert summary["probes"]["gone"] == summary["RemovedGone"] > 0


def test_who_is_asked_first_changes_from_run_to_run(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 40)
    first = set()
    for _ in range(5):
        run(timeout=30, PROBES_PER_SECOND="100", **API)
        first.add(aws.asked("GET @connections")[0]["connectionId"])
    assert len(first) > 1


def test_a_sample_is_bounded_and_uniform(monkeypatch: pytest.MonkeyPatch) -> None:
    random.seed(7)
    drawn: Counter[str] = Counter()
    for _ in range(2_000):
        sample = Sample(5)
        for number in range(20):
            sample.offer(record(str(number)))
        assert len(sample.records) == 5
        drawn.update(found.connection_id for found in sample.records)
    assert len(drawn) == 20
    assert all(400 < count < 600 for count in drawn.values())  # 500 expected


def test_a_sample_of_few_is_all_of_them() -> None:
    sample = Sample(5)
    for number in range(4):
        sample.offer(record(str(number)))
    assert sorted(found.connection_id for found in sample.records) == ["0", "1", "2", "3"]


def test_a_sample_of_none_holds_none() -> None:
    sample = Sample(0)
    sample.offer(record())
    assert sample.records == []


# How it goes on


def slow_pages(aws: FakeAws, clock: Clock, seconds: float) -> None:
    """Pages of two records that take this long each."""

    def handle(request: Request) -> None:
        request.parameters["Limit"] = 2
        clock.advance(seconds)

    aws.on("Scan", handle)


def test_a_sweep_out_of_time_goes_on_where_it_stopped_and_ends_with_the_whole_gauge(
    aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load, lines: Lines
) -> None:
    for number in range(9):
        connections.put(f"c{number}", connectedAt=clock.ms - (EXPIRED_MS if number % 3 == 0 else 0))
    slow_pages(aws, clock, 50)
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url)
    cleanup.lambda_handler({"sweep": {"segment": 0, "segments": 1}}, Context(120))
    [first] = [line for line in lines() if line["outcome"] == "swept"]
    assert first["finished"] is False
    assert "ActiveConnections" not in first

    summaries = [first]
    while messages := queue.batch()["Records"]:
        assert cleanup.lambda_handler({"Records": messages}, Context(120)) == {"batchItemFailures": []}
        summaries += [line for line in lines() if line["outcome"] == "swept"]

    assert connections.keys == {f"c{number}" for number in range(9) if number % 3}
    assert [summary["finished"] for summary in summaries] == [False, False, True]
    assert summaries[-1]["ActiveConnections"] == summaries[-1]["active"] == 6
    assert sum(summary["RemovedExpired"] for summary in summaries) == 3
    assert summaries[-1]["durationMs"] >= 250_000  # of the whole sweep, not of its last part


def test_a_sweep_reads_each_page_once(aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load) -> None:
    for number in range(6):
        connections.put(f"c{number}", connectedAt=clock.ms)
    slow_pages(aws, clock, 200)
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url)
    cleanup.lambda_handler({"sweep": {"segment": 0, "segments": 1}}, Context(120))
    cleanup.lambda_handler(queue.batch(), Context(120))
    first, second = aws.asked("Scan")
    assert "ExclusiveStartKey" not in first
    [message] = queue.receive()
    assert second["ExclusiveStartKey"]["connectionId"]["S"] != message["sweep"]["start"]


def test_a_sweep_goes_on_from_a_key_that_is_no_connection_id(
    aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load, lines: Lines
) -> None:
    for letter in "abc":
        connections.put(letter * 2000, connectedAt=clock.ms)
    slow_pages(aws, clock, 200)
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url)
    cleanup.lambda_handler({"sweep": {}}, Context(120))
    assert cleanup.lambda_handler(queue.batch(), Context(120)) == {"batchItemFailures": []}
    assert [(line["outcome"], line["finished"], line["active"]) for line in lines()] == [("swept", False, 2), ("swept", True, 3)]


def test_with_the_probe_half_of_the_time_is_for_the_scan(
    aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, run: Run
) -> None:
    silent(connections, clock, 6)
    slow_pages(aws, clock, 60)
    summary = run(**PROBE)
    assert (len(aws.asked("Scan")), summary["finished"]) == (1, False)
    assert len(aws.asked("GET @connections")) == 2


def test_a_message_says_where_to_go_on_and_what_was_counted(
    aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, run: Run
) -> None:
    for number in range(4):
        connections.put(f"c{number}", connectedAt=clock.ms)

    def slow_page(request: Request) -> None:
        request.parameters.update(Segment=0, TotalSegments=1, Limit=2)
        clock.advance(200)

    aws.on("Scan", slow_page)
    before = clock.ms
    run(part={"segment": 1, "segments": 3})
    [message] = queue.receive()
    part = Part.parse(message["sweep"])
    assert (part.segment, part.segments, part.active, part.hops, part.scans, part.again) == (1, 3, 2, 1, True, [])
    assert part.start in connections.keys
    assert before <= part.began_ms < before + 60_000


def test_a_sweep_out_of_time_without_a_queue_fails_and_says_what_to_set(aws: FakeAws, connections: Table, clock: Clock, load: Load) -> None:
    for number in range(4):
        connections.put(f"c{number}", connectedAt=clock.ms)
    slow_pages(aws, clock, 200)
    with pytest.raises(RuntimeError, match="set RETRY_QUEUE_URL"):
        load("cleanup").lambda_handler({"sweep": {"segment": 0, "segments": 1}}, Context(120))


def test_a_sample_that_found_dead_ones_while_others_wait_is_followed_by_another_at_once(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 10)
    aws.gone = set(silent(connections, clock, 40, **OURS)[:20])
    began = clock.monotonic()
    *followed, last = [line["RemovedGone"] for line in follow(**PROBE)]
    assert followed
    assert all(followed)
    assert last == 0 or sum(followed) + last == 20
    assert clock.monotonic() - began < 60


def test_all_of_a_mass_loss_is_found_sample_by_sample(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 50)
    aws.gone = set(silent(connections, clock, 190, **OURS))
    lines = follow(**PROBE)
    assert connections.keys == set()
    assert [line["RemovedGone"] for line in lines] == [0, 50, 50, 50, 40]
    assert [line.get("active") for line in lines] == [190, 140, 90, 40, None]


@pytest.mark.parametrize("gone", [0, 3])
def test_a_sample_that_found_nobody_or_missed_nobody_is_the_last(
    gone: int, aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 40 if gone else 10)
    aws.gone = set(silent(connections, clock, 40, **OURS)[:gone])
    assert len(follow(**PROBE)) == 1


def test_another_sample_of_what_proves_nothing_is_not_taken(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 10)
    aws.gone = set(silent(connections, clock, 40))
    assert [line["unproven"] for line in follow(**PROBE)] == [10]


def test_no_other_sample_is_taken_when_the_next_sweep_is_due(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 20)
    aws.gone = set(silent(connections, clock, 90, **OURS))
    lines = follow({"sweep": {**WHOLE, "period_s": 60}}, **PROBE)
    assert [line["RemovedGone"] for line in lines] == [0, 20, 20, 20][: len(lines)]
    assert len(lines) in (3, 4)  # a look takes 30 s, and what a look has found is still looked at once more
    assert "active" not in lines[-1]


def test_a_chain_is_never_as_long_as_lambda_lets_it_be(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 5)
    aws.gone = set(silent(connections, clock, 90, **OURS))
    lines = follow({"sweep": {**WHOLE, "period_s": 86_400}}, **PROBE)
    assert 10 < len(lines) < 16  # invocations
    assert len(connections.keys) == 90 - 5 * len(lines)


def test_a_table_too_large_for_a_chain_is_an_error_that_says_what_to_raise(
    aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load, lines: Lines
) -> None:
    for number in range(40):
        connections.put(f"c{number}", connectedAt=clock.ms)
    slow_pages(aws, clock, 200)
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url)
    cleanup.lambda_handler({"sweep": WHOLE}, Context(120))
    invocations = 1
    while messages := queue.batch()["Records"]:
        assert cleanup.lambda_handler({"Records": messages}, Context(120)) == {"batchItemFailures": []}
        invocations += 1
    assert invocations < 16
    [problem] = [line for line in lines() if line["level"] == "ERROR"]
    assert (problem["step"], problem["Failures"]) == ("sweep", 1)
    assert "raise sweep.segments" in problem["error"]


def test_a_page_that_there_was_no_time_to_close_is_read_again_and_counted_once(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow
) -> None:
    for number in range(30):
        connections.put(f"c{number}", connectedAt=clock.ms - (EXPIRED_MS if number < 25 else 0))
    aws.on("DeleteItem", lambda request: clock.advance(20))
    lines = follow()
    assert len(lines) > 1
    assert (lines[-1]["finished"], lines[-1]["active"]) == (True, 5)
    assert sum(line["RemovedExpired"] for line in lines) == 25


# At once


def test_a_look_at_once_is_a_sweep_of_each_segment(aws: FakeAws, queue: RetryQueue, clock: Clock, load: Load) -> None:
    delays = undelayed(aws)
    load("cleanup", RETRY_QUEUE_URL=queue.url, **PROBE).lambda_handler({"look_at_once": {"segments": 3}}, Context(120))
    messages = [message["sweep"] for message in queue.receive()]
    assert [(m["segment"], m["segments"], m["suspect_after_ms"]) for m in messages] == [(0, 3, MINUTE), (1, 3, MINUTE), (2, 3, MINUTE)]
    assert delays == [0, 0, 0]


def test_a_look_at_once_suspects_whoever_has_been_silent_for_a_minute(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow
) -> None:
    connections.put("older", connectedAt=clock.ms - MINUTE, **OURS)
    connections.put("dead", connectedAt=clock.ms - 2 * MINUTE, **OURS)
    connections.put("young", connectedAt=clock.ms - MINUTE + 10_000, **OURS)
    connections.put("heard of", connectedAt=clock.ms - 60 * MINUTE, lastSeenAt=clock.ms - MINUTE + 10_000, **OURS)
    connections.put("expired", connectedAt=clock.ms - EXPIRED_MS, **OURS)
    aws.gone = {"dead"}
    [line] = follow({"look_at_once": {"segments": 1}}, **PROBE)
    assert set(asked(aws)) == {"older", "dead"}
    assert connections.keys == {"older", "young", "heard of"}
    assert line["ActiveConnections"] == 3


def test_the_next_sweep_suspects_as_the_settings_say(aws: FakeAws, connections: Table, clock: Clock, follow: Follow, run: Run) -> None:
    connections.put("c", connectedAt=clock.ms - 2 * MINUTE, **OURS)
    follow({"look_at_once": {"segments": 1}}, **PROBE)
    run(**PROBE)
    assert asked(aws) == []


def test_what_follows_a_look_at_once_suspects_like_it(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 30)
    for number in range(70):
        connections.put(f"c{number}", connectedAt=clock.ms - 2 * MINUTE, **OURS)
    aws.gone = connections.keys
    follow({"look_at_once": {"segments": 1}}, **PROBE)
    assert connections.keys == set()


def test_however_often_it_is_told_to_it_looks_once_and_once_again_five_minutes_later(
    aws: FakeAws, queue: RetryQueue, clock: Clock, load: Load
) -> None:
    delays = undelayed(aws)
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url, **PROBE)
    for _ in range(20):
        cleanup.lambda_handler({"look_at_once": {"segments": 2}}, Context(120))
        clock.advance(5)
    assert delays == pytest.approx([0, 0, 295, 295], abs=1)
    clock.advance(300)
    cleanup.lambda_handler({"look_at_once": {"segments": 2}}, Context(120))
    assert len(delays) == 6  # what was lost since the second look began is seen by a third


def test_a_look_at_once_that_could_not_be_queued_is_not_taken_for_done(
    aws: FakeAws, queue: RetryQueue, clock: Clock, load: Load, lines: Lines
) -> None:
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url, **PROBE)
    aws.on("SendMessage", error(400, "AccessDenied"))
    with pytest.raises(Exception, match="AccessDenied"):
        cleanup.lambda_handler({"look_at_once": {"segments": 1}}, Context(120))
    assert [(line["step"], line["Failures"]) for line in lines()] == [("sweep", 1)]
    delays = undelayed(aws)
    cleanup.lambda_handler({"look_at_once": {"segments": 1}}, Context(120))
    assert delays == [0]


@pytest.mark.parametrize("value", [None, [], {}, {"segments": 0}, {"segments": 101}, {"segments": "1"}, {"segments": True}], ids=repr)
def test_a_look_at_once_that_makes_no_sense_is_rejected(value: object, aws: FakeAws, queue: RetryQueue, load: Load) -> None:
    with pytest.raises(ended_.RejectedError, match="segments"):
        load("cleanup", RETRY_QUEUE_URL=queue.url, **PROBE).lambda_handler({"look_at_once": value}, Context(120))
    assert queue.receive() == []


def test_a_look_at_once_without_the_probe_says_what_to_set(aws: FakeAws, queue: RetryQueue, load: Load) -> None:
    with pytest.raises(ended_.RejectedError, match="set PROBES_PER_SECOND"):
        load("cleanup", RETRY_QUEUE_URL=queue.url, **API).lambda_handler({"look_at_once": {"segments": 1}}, Context(120))


# Segments, and what else there is to do


def test_duplicates_of_swept_connections_are_settled_by_the_queue(
    aws: FakeAws, dynamodb: Any, queue: RetryQueue, clock: Clock, load: Load, lines: Lines
) -> None:
    connections = Table(dynamodb, "connections", byClient=("clientId", "connectedAt"))
    for number in range(40):
        connections.put(f"expired{number}", clientId=f"client{number}", connectedAt=clock.ms - EXPIRED_MS)
    for number in range(3):
        connections.put(f"sibling{number}", clientId=f"client{number}", connectedAt=clock.ms - 2 * MINUTE, **OURS)
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url, DUPLICATES="stale", CLIENT_INDEX="byClient", **PROBE)
    cleanup.lambda_handler({"sweep": WHOLE}, Context(120))
    assert clock.slept == []
    assert [line["RemovedExpired"] for line in lines() if line["outcome"] == "swept"] == [40]
    assert asked(aws) == []
    aws.gone = {"sibling1"}
    assert cleanup.lambda_handler(queue.batch(), Context(120)) == {"batchItemFailures": []}
    assert connections.keys == {"sibling0", "sibling2"}


def test_segments_read_the_whole_table_between_them_each_with_its_own_gauge(
    aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    for number in range(20):
        connections.put(f"c{number}", connectedAt=clock.ms)
    summaries = [run(part={"segment": segment, "segments": 3}) for segment in range(3)]
    assert [summary["segment"] for summary in summaries] == ["0", "1", "2"]
    assert sum(summary["ActiveConnections"] for summary in summaries) == 20


# What it tells


def test_the_summary_has_every_figure_and_its_metrics(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("long ago", connectedAt=clock.ms - EXPIRED_MS - 90_500)
    connections.put("just", connectedAt=clock.ms - EXPIRED_MS)
    connections.put("new", connectedAt=clock.ms)
    summary = run()
    figures = {"active": 1, "removed": {"expired": 2}, "failed": 0, "foreign": 0, "timeless": 0, "undated": 0, "unproven": 0, "probes": {}}
    assert {name: summary[name] for name in figures} == figures
    assert (summary["segment"], summary["segments"], summary["finished"], summary["contradicted"]) == ("0", 1, True, 0)
    assert EXPIRED_MS // 1000 + 90 <= summary["silentSeconds"] == summary["Silent"] <= EXPIRED_MS // 1000 + 95
    assert 0 <= summary["durationMs"] == summary["SweepDuration"] < 60_000
    assert "refusal" not in summary
    directives = summary["_aws"]["CloudWatchMetrics"]
    assert [directive["Dimensions"] for directive in directives] == [[["Name"]], [["Name", "segment"]]]
    units = {metric["Name"]: metric["Unit"] for directive in directives for metric in directive["Metrics"]}
    assert units == {  # without ProbesRefused and ProbeRate: who asked nobody knows nothing of it
        "RemovedExpired": "Count",
        "RemovedGone": "Count",
        "SweepFailures": "Count",
        "Silent": "Seconds",
        "SweepDuration": "Milliseconds",
        "Unproven": "Count",
        "ForeignRecords": "Count",
        "Undated": "Count",
        "ActiveConnections": "Count",
    }


def test_what_could_not_be_removed_does_not_count_as_silent(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("c", connectedAt=clock.ms - EXPIRED_MS - 90_000)
    aws.on("DeleteItem", error(400, "AccessDeniedException"))
    summary = run()
    assert (summary["failed"], summary["Silent"]) == (1, 0)


def test_what_is_still_there_or_has_no_time_does_not_count_as_silent(connections: Table, clock: Clock, run: Run) -> None:
    connections.put("new", connectedAt=clock.ms - 10_000)
    connections.put("ttl only", expiresAt=clock.ms // 1000 - 4_000)
    assert run()["Silent"] == 0


def test_a_record_is_silent_since_it_was_last_seen(connections: Table, clock: Clock, run: Run) -> None:
    connections.put("seen", connectedAt=clock.ms - EXPIRED_MS - 90_000, lastSeenAt=clock.ms - 900_000)
    assert 900 <= run()["Silent"] <= 905


def test_records_that_neither_expire_nor_are_asked_about_are_told(connections: Table, clock: Clock, run: Run) -> None:
    connections.put("expires one day", expiresAt=clock.ms // 1000 + 10_000)
    connections.put("without a time")
    connections.put("in another unit", connectedAt=clock.ms // 1000, expiresAt=clock.ms)
    summary = run()
    assert (summary["timeless"], summary["undated"], summary["Undated"], summary["level"]) == (3, 2, 2, "WARN")
    assert run(**PROBE)["Undated"] == 0
