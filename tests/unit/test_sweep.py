"""The sweep: what it removes, what it asks about, what it leaves, and how it goes on."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import sweep
from ask_many import UNDER_WAY
from ended import RejectedError
from record import Record
from sample import Sample
from sweep_part import Part

from tests.faults.clock import InLine
from tests.unit.fake_aws import Answer, error
from tests.unit.support import API, Context, Table

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.unit.fake_aws import FakeAws, Request
    from tests.unit.support import Clock, Lines, Load, RetryQueue

    Run = Callable[..., dict[str, Any]]
    Follow = Callable[..., list[dict[str, Any]]]

MINUTE, HOUR = 60_000, 3_600_000
EXPIRED_MS, SUSPECT_MS, DAY_MS = 7_500_000, 660_000, 86_400_000
OURS = {"apiId": "api1", "stage": "live"}
PROBE = {"PROBES_PER_SECOND": "10", "MOST_PROBES_PER_SECOND": "300", **API}
WHOLE = {"segment": 0, "segments": 1}
THROTTLE, REFUSE = error(429, "LimitExceededException"), error(403, "ForbiddenException")


@pytest.fixture
def follow(aws: FakeAws, queue: RetryQueue, clock: Clock, load: Load, lines: Lines) -> Follow:
    """Runs a sweep in a new environment, and what it leaves to the queue when it is due, up to so many `parts`; returns their lines."""

    def follow(first: object = None, *, timeout: float = 120.0, parts: int = 99, **environment: str) -> list[dict[str, Any]]:
        delays = undelayed(aws)
        aws.requests.clear()
        cleanup = load("cleanup", **{"RETRY_QUEUE_URL": queue.url, **environment})
        assert cleanup.lambda_handler(first or {"sweep": WHOLE}, Context(timeout)) is None
        while delays and (parts := parts - 1) > 0:
            clock.advance(delays.pop(0))
            assert cleanup.lambda_handler(queue.batch(), Context(timeout)) == {"batchItemFailures": []}
        return [line for line in lines() if line["outcome"] == "swept"]

    return follow


@pytest.fixture
def run(follow: Follow) -> Run:
    """Runs the first part of a sweep, and no more; returns its summary line."""
    return lambda first=None, **more: follow(first, parts=1, **more)[0]


def undelayed(aws: FakeAws) -> list[int]:
    """Has messages come at once; the list gets the delay (s) that each was sent with."""
    delays: list[int] = []
    aws.on("SendMessage", lambda request: delays.append(request.parameters.pop("DelaySeconds", 0)))
    return delays


def silent(connections: Table, clock: Clock, count: int, **attributes: str) -> list[str]:
    """Records of an hour ago, of connections that nobody has heard of since."""
    names = [f"s{number:03}" for number in range(count)]
    for name in names:
        connections.put(name, connectedAt=clock.ms - HOUR, **attributes)
    return names


def fresh(connections: Table, clock: Clock, count: int, expired: Callable[[int], bool] = lambda number: False) -> None:
    for number in range(count):
        connections.put(f"c{number}", connectedAt=clock.ms - (EXPIRED_MS if expired(number) else 0))


def asked(aws: FakeAws) -> list[str]:
    """Who was asked about, in order."""
    return [request["connectionId"] for request in aws.asked("GET @connections")]


def asked_again(*ids: str) -> dict[str, Any]:
    return {"sweep": {"scans": False, "again": list(ids)}}


def renew_at_delete(aws: FakeAws, connections: Table, **attributes: Any) -> None:
    """Somebody writes the record c just before it would be deleted."""

    def renew(request: Request) -> None:
        aws.handlers.clear()
        connections.put("c", **attributes)

    aws.on("DeleteItem", renew)


# Without asking


def test_expired_records_are_removed_and_all_others_kept(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("expired", connectedAt=clock.ms - EXPIRED_MS)
    connections.put("ttl only", expiresAt=clock.ms // 1000 - 400)
    kept = {"last minute": clock.ms - EXPIRED_MS + MINUTE, "new": clock.ms, "seconds": clock.ms // 1000, "text": "yesterday"}
    for name, connected_at in kept.items():
        connections.put(name, connectedAt=connected_at)
    connections.put("timeless")
    aws.gone = connections.keys
    summary = run(**API)
    assert connections.keys == {*kept, "timeless"}
    assert (summary["active"], summary["removed"], summary["timeless"]) == (5, {"expired": 2}, 3)
    assert asked(aws) == []  # without the probe


def test_an_expired_record_is_removed_without_asking(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("expired", connectedAt=clock.ms - EXPIRED_MS)
    run(**PROBE)
    assert connections.keys == set()
    assert asked(aws) == []


@pytest.mark.parametrize("renewed", ["connectedAt", "expiresAt"])
def test_a_record_renewed_since_the_scan_survives(renewed: str, aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    before = {"connectedAt": clock.ms - EXPIRED_MS} if renewed == "connectedAt" else {"expiresAt": clock.ms // 1000 - 1_000}
    after = {"connectedAt": clock.ms} if renewed == "connectedAt" else {"expiresAt": clock.ms // 1000 + 3_600}
    connections.put("c", **before)
    renew_at_delete(aws, connections, **after)
    summary = run()
    assert (summary["RemovedExpired"], summary["active"], summary["failed"]) == (0, 1, 0)
    assert connections.keys == {"c"}


def test_a_record_that_somebody_else_removed_is_not_active(
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
    load("cleanup").lambda_handler({"sweep": WHOLE}, Context(120))
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
    fresh(connections, clock, 7, expired=lambda number: number % 2 == 1)
    aws.on("Scan", lambda request: request.parameters.update(Limit=2))
    summary = run()
    assert connections.keys == {"c0", "c2", "c4", "c6"}
    assert (summary["active"], summary["removed"], summary["finished"]) == (4, {"expired": 3}, True)


def test_a_delete_that_fails_does_not_stop_the_others(aws: FakeAws, connections: Table, clock: Clock, load: Load, lines: Lines) -> None:
    fresh(connections, clock, 3, expired=lambda number: True)
    refuse = error(400, "AccessDeniedException")
    aws.on("DeleteItem", lambda request: refuse(request) if request.parameters["Key"]["connectionId"]["S"] == "c1" else None)
    load("cleanup").lambda_handler({"sweep": WHOLE}, Context(120))
    assert connections.keys == {"c1"}
    *others, summary = lines()
    [problem] = [line for line in others if line["level"] == "ERROR"]
    assert (problem["step"], problem["connectionId"], problem["Failures"]) == ("close", "c1", 1)
    assert {name: summary[name] for name in ("level", "failed", "SweepFailures", "active", "Silent")} == {
        "level": "WARN",
        "failed": 1,
        "SweepFailures": 1,
        "active": 1,
        "Silent": 7_500,
    }


@pytest.mark.parametrize(("records", "seconds", "expired"), [(60, 10, 60), (30, 20, 25)])
def test_what_there_is_no_time_to_remove_is_the_next_parts(
    records: int, seconds: int, expired: int, aws: FakeAws, connections: Table, clock: Clock, follow: Follow
) -> None:
    fresh(connections, clock, records, expired=lambda number: number < expired)
    connections.put("new", connectedAt=clock.ms)
    aws.on("DeleteItem", lambda request: clock.advance(seconds))
    first, *others, last = follow()
    assert 105 // seconds <= first["RemovedExpired"] <= 105 // seconds + 1 + UNDER_WAY  # of the time, and what the threads had under way
    assert (first["finished"], first["failed"], last["finished"]) == (False, 0, True)
    assert last["active"] == records - expired + 1  # a page that is read again is counted once
    assert sum(line["RemovedExpired"] for line in [first, *others, last]) == expired


def test_a_failed_scan_is_logged_and_fails_the_invocation(aws: FakeAws, load: Load, clock: Clock, lines: Lines) -> None:
    aws.on("Scan", error(400, "ResourceNotFoundException"))
    with pytest.raises(Exception, match="ResourceNotFound"):
        load("cleanup").lambda_handler({"sweep": WHOLE}, Context(120))
    [line] = lines()
    assert (line["level"], line["step"], line["Failures"]) == ("ERROR", "sweep", 1)


def test_a_table_with_another_key_is_left_alone(aws: FakeAws, dynamodb: Any, load: Load, clock: Clock) -> None:
    other = Table(dynamodb, "connections", keys=("id",))
    other.put("c", connectedAt=clock.ms - EXPIRED_MS)
    with pytest.raises(RuntimeError, match="correct CONNECTIONS_TABLE"):
        load("cleanup").lambda_handler({"sweep": WHOLE}, Context(120))
    assert other.keys == {"c"}


def test_two_sweeps_at_once_count_each_removal_once(aws: FakeAws, connections: Table, clock: Clock, load: Load, lines: Lines) -> None:
    fresh(connections, clock, 30, expired=lambda number: True)
    cleanup = load("cleanup")
    other = [True]

    def overlap(request: Request) -> None:
        if other and other.pop():
            cleanup.lambda_handler({"sweep": WHOLE}, Context(120))

    aws.on("DeleteItem", overlap)
    cleanup.lambda_handler({"sweep": WHOLE}, Context(120))
    written = lines()
    assert connections.keys == set()
    removed = Counter(line["connectionId"] for line in written if line["outcome"] == "removed")
    assert removed == dict.fromkeys([f"c{n}" for n in range(30)], 1)
    summaries = [line for line in written if line["outcome"] == "swept"]
    assert len(summaries) == 2
    assert sum(line["RemovedExpired"] for line in summaries) == 30
    assert {line["active"] for line in summaries} == {0}


# Another API's records


@pytest.mark.parametrize("attributes", [{"apiId": "api2"}, {"apiId": "api1", "stage": "test"}], ids=str)
@pytest.mark.parametrize("shared", ["", "true"])
def test_another_apis_record_is_left_alone_for_a_day(
    attributes: dict[str, str], shared: str, aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    ages = {"expired": EXPIRED_MS, "silent": HOUR, "last hour": DAY_MS - HOUR, "a day": DAY_MS}
    for name, age_ms in ages.items():
        connections.put(name, connectedAt=clock.ms - age_ms, **attributes)
    connections.put("timeless", expiresAt=clock.ms // 1000 - 2 * DAY_MS // 1000, **attributes)
    aws.gone = connections.keys
    summary = run(SHARED_TABLE=shared, **PROBE)
    assert connections.keys == {*ages, "timeless"} - {"a day"}
    assert asked(aws) == []
    assert (summary["foreign"], summary["ForeignRecords"], summary["RemovedExpired"], summary["active"]) == (4, 4, 1, 0)
    assert summary["level"] == ("INFO" if shared else "WARN")


def test_another_apis_old_record_survives_when_it_is_renewed(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("c", connectedAt=clock.ms - DAY_MS, apiId="api2")
    renew_at_delete(aws, connections, connectedAt=clock.ms - DAY_MS, apiId="api2", lastSeenAt=clock.ms)
    assert run(**API)["RemovedExpired"] == 0
    assert connections.keys == {"c"}


# The probe


def test_who_is_gone_is_asked_about_again_and_then_removed(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    names = silent(connections, clock, 3, **OURS)
    connections.put("timeless", **OURS)
    aws.gone = {"s001", "timeless"}
    times: dict[str, list[float]] = {}
    aws.on("GET @connections", lambda request: times.setdefault(request.parameters["connectionId"], []).append(clock.monotonic()))
    first, second = follow(**PROBE)
    assert connections.keys == {*names} - aws.gone
    assert (first["active"], first["removed"], first["probes"], first["level"]) == (4, {}, {"alive": 2, "gone": 2}, "INFO")
    assert (second["removed"], second["RemovedGone"], second["contradicted"], second["finished"]) == ({"gone": 2}, 2, 0, False)
    assert not {"active", "ActiveConnections"} & second.keys()
    assert {name: len(asked_at) for name, asked_at in times.items()} == {"s000": 1, "s001": 2, "s002": 1, "timeless": 2}
    assert all(asked_at[1] - asked_at[0] >= 45 for asked_at in times.values() if len(asked_at) > 1)  # 29 s of `$connect`, and more


def test_who_answers_otherwise_the_second_time_is_kept(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    names = silent(connections, clock, 30, **OURS)
    count: Counter[str] = Counter()

    def lie(request: Request) -> Answer | None:
        count[request.parameters["connectionId"]] += 1
        return Answer(410, {}) if count[request.parameters["connectionId"]] == 1 else None

    aws.on("GET @connections", lie)
    aws.gone = {"s004"}
    assert [(line["contradicted"], line["RemovedGone"], line["level"]) for line in follow(**PROBE)] == [(0, 0, "INFO"), (29, 1, "WARN")]
    assert connections.keys == {*names} - aws.gone


def test_a_long_sweep_removes_what_it_found_while_it_asks_on(
    aws: FakeAws, connections: Table, clock: Clock, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 2 a second it asks for 105 s. The first twenty have been asked about after 10, and may be asked about again after 55."""
    monkeypatch.setattr("read_records.MOST", 20)
    aws.gone = {*silent(connections, clock, 300, **OURS)[:150]}
    summary = run(PROBES_PER_SECOND="2", MOST_PROBES_PER_SECOND="2", **API)
    assert 10 < summary["RemovedGone"] < 50
    assert len(set(asked(aws))) > 130


@pytest.mark.parametrize("what", ["removed", "renewed", "seen", "another's"])
def test_who_is_not_suspect_any_more_is_not_asked_about_again(
    what: str, aws: FakeAws, connections: Table, clock: Clock, follow: Follow, dynamodb: Any
) -> None:
    aws.gone = {*silent(connections, clock, 3, **OURS)}
    if what == "removed":
        dynamodb.delete_item(TableName="connections", Key={"connectionId": {"S": "s000"}})
    else:
        now = {
            "renewed": {"connectedAt": clock.ms, **OURS},
            "seen": {"connectedAt": clock.ms - HOUR, "lastSeenAt": clock.ms, **OURS},
            "another's": {"connectedAt": clock.ms - HOUR, "apiId": "api2"},
        }[what]
        connections.put("s000", **now)
    follow(asked_again("s000", "s001", "s002", "s002"), **PROBE)
    assert sorted(asked(aws)) == ["s001", "s002"]  # also of who is named twice, which BatchGetItem refuses
    assert connections.keys == (set() if what == "removed" else {"s000"})


def test_only_the_silent_are_asked_about(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("new", connectedAt=clock.ms - SUSPECT_MS + MINUTE)
    connections.put("seen", connectedAt=clock.ms - HOUR, lastSeenAt=clock.ms - MINUTE)
    connections.put("silent", connectedAt=clock.ms - SUSPECT_MS)
    run(**PROBE)
    assert asked(aws) == ["silent"]


@pytest.mark.parametrize(("status", "code"), [(403, "ForbiddenException"), (500, "InternalServerError"), (404, "NotFound")])
def test_what_refuses_removes_nothing_and_is_reported(
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
    for handler in (REFUSE, lambda request: None):
        aws.on("GET @connections", handler)
        cleanup.lambda_handler({"sweep": WHOLE}, Context(120))
    assert ["refusal" in line for line in lines()] == [True, False]


def test_who_met_a_429_is_asked_about_again_in_the_same_run(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 5, **OURS)
    times = [2]

    def twice(request: Request) -> Answer | None:
        if times[0] and request.parameters["connectionId"] == "s003":
            times[0] -= 1
            return THROTTLE(request)
        return None

    aws.on("GET @connections", twice)
    summary = run(**PROBE)
    assert (summary["probes"], summary["ProbesRefused"]) == ({"alive": 5, "throttled": 2}, 28.6)
    assert sum(slept >= 0.9 for slept in clock.slept) == 2  # it pauses


# Evidence


def test_of_records_that_name_nobody_none_is_removed(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    silent(connections, clock, 3)
    connections.put("ours", connectedAt=clock.ms - HOUR, **OURS)
    connections.put("half", connectedAt=clock.ms - HOUR, apiId="api1")
    connections.put("alive", connectedAt=clock.ms - HOUR)
    connections.put("heard of", connectedAt=clock.ms - HOUR, lastSeenAt=clock.ms)
    aws.gone = connections.keys - {"alive"}
    first, _ = follow(**PROBE)
    assert connections.keys == {"s000", "s001", "s002", "half", "alive", "heard of"}
    assert (first["unproven"], first["Unproven"], first["level"], first["active"]) == (4, 4, "WARN", 7)
    assert "heard of" not in asked(aws)  # it could prove nothing in a table that others may use


@pytest.mark.parametrize("witness", ["silent", "timeless", "heard of"])
def test_a_table_of_our_own_needs_one_who_lives(witness: str, aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    aws.gone = {*silent(connections, clock, 3)}
    times = {
        "silent": {"connectedAt": clock.ms - HOUR},
        "timeless": {},
        "heard of": {"connectedAt": clock.ms - HOUR, "lastSeenAt": clock.ms},
    }
    connections.put("witness", **times[witness])
    lines = follow(EXCLUSIVE_TABLE="true", **PROBE)
    assert [line.get("Unproven") for line in lines] == [0, None]
    assert connections.keys == {"witness"}


@pytest.mark.parametrize("witness", [[], ["gone"], ["young"]], ids=str)
def test_while_nobody_is_known_to_live_nobody_is_removed(
    witness: list[str], aws: FakeAws, connections: Table, clock: Clock, follow: Follow
) -> None:
    aws.gone = {*silent(connections, clock, 3), "gone"}
    for name in witness:
        connections.put(name, connectedAt=clock.ms - (MINUTE // 2 if name == "young" else 5 * MINUTE))
    before = connections.keys
    assert [line["Unproven"] for line in follow(EXCLUSIVE_TABLE="true", **PROBE)] == [3]
    assert connections.keys == before
    assert "young" not in asked(aws)  # a 200 would prove something, but a 410 would not


def test_nobody_heard_of_lately_is_asked_about_unless_it_helps(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 3, **OURS)
    connections.put("heard of", connectedAt=clock.ms - HOUR, lastSeenAt=clock.ms)
    aws.gone = {"s000"}
    run(EXCLUSIVE_TABLE="true", **PROBE)
    assert "heard of" not in asked(aws)


# Nobody is forgotten


def test_who_had_no_turn_is_asked_again_by_the_next_part(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    """At one a second, the last turn would come after the deadline, so that asking ends up to a second before it."""
    aws.gone = {*silent(connections, clock, 150, **OURS)}
    slow = {"PROBES_PER_SECOND": "1", "MOST_PROBES_PER_SECOND": "1", **API}
    lines = follow(asked_again(*aws.gone), timeout=60, **slow)
    assert connections.keys == set()
    assert len(lines) == 4  # 45 s each


def test_who_there_was_no_time_for_is_asked_again(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    aws.gone = {*silent(connections, clock, 150, **OURS)}
    aws.on("GET @connections", lambda request: clock.advance(1))
    lines = follow(asked_again(*aws.gone), timeout=60, **PROBE)
    assert connections.keys == set()
    assert len(lines) > 2


def test_who_could_not_be_removed_in_time_is_asked_again(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    aws.gone = {*silent(connections, clock, 40, **OURS)}
    aws.on("DeleteItem", lambda request: clock.advance(3))
    lines = follow(asked_again(*aws.gone), timeout=60, **PROBE)
    assert connections.keys == set()
    assert len(lines) > 1
    assert sum(line["failed"] for line in lines) == 0


@pytest.mark.parametrize("answer", [THROTTLE, REFUSE], ids=["429", "403"])
@pytest.mark.parametrize("seconds", [3, 40])
def test_an_outage_of_seconds_costs_a_part_and_nobody(
    answer: Callable[..., Answer], seconds: int, aws: FakeAws, connections: Table, clock: Clock, follow: Follow
) -> None:
    aws.gone = {*silent(connections, clock, 60, **OURS)}
    over = clock.monotonic() + seconds
    aws.on("GET @connections", lambda request: answer(request) if clock.monotonic() < over else None)
    lines = follow(asked_again(*aws.gone), **PROBE)
    assert connections.keys == set()
    assert len(lines) <= 2


def test_an_endpoint_that_only_refuses_is_left_alone(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    silent(connections, clock, 60, **OURS)
    aws.on("GET @connections", REFUSE)
    assert len(follow(**PROBE)) == 1
    assert 20 <= len(asked(aws)) <= 20 + UNDER_WAY


def test_no_other_sample_is_taken_of_an_endpoint_given_up(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "ThreadPoolExecutor", InLine)
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 60)
    aws.gone = {*silent(connections, clock, 100, **OURS)}
    aws.on("GET @connections", lambda request: REFUSE(request) if len(asked(aws)) > 10 else None)
    first, *others = follow(**PROBE)
    assert first["probes"] == {"gone": 10, "refused": 20}
    assert not any(line.get("finished") for line in others)  # they ask again about the ten, and read nothing


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
    run({"sweep": {"segment": 0, "segments": segments}}, **PROBE)
    assert len(asked(aws)) == 5
    assert max(clock.slept) == pytest.approx(pause_s, abs=0.09)
    assert clock.monotonic() - began > 4 * pause_s - 0.09  # a busy machine may have used up a pause by itself


def test_all_segments_share_the_highest_rate(
    aws: FakeAws, connections: Table, clock: Clock, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "ThreadPoolExecutor", InLine)
    silent(connections, clock, 60)
    one_segment_has_all(aws)
    part = {"sweep": {"segment": 0, "segments": 4}}
    assert run(part, PROBES_PER_SECOND="10", MOST_PROBES_PER_SECOND="40", **API)["ProbeRate"] == 10
    assert (
        run(part, PROBES_PER_SECOND="10", MOST_PROBES_PER_SECOND="", **API)["ProbeRate"] == 2.5
    )  # a rate without a ceiling is the ceiling


def test_with_the_probe_half_of_the_time_is_for_the_scan(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 6)
    slow_pages(aws, clock, 60)
    summary = run(**PROBE)
    assert (len(aws.asked("Scan")), summary["finished"]) == (1, False)
    assert len(asked(aws)) == 2


def test_who_is_asked_first_changes_from_run_to_run(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 40)
    first = set()
    for _ in range(5):
        run(timeout=30, PROBES_PER_SECOND="100", **API)
        first.add(asked(aws)[0])
    assert len(first) > 1


def test_a_sample_is_bounded_and_uniform() -> None:
    random.seed(7)
    drawn: Counter[str] = Counter()
    for _ in range(2_000):
        sample = Sample(5)
        for number in range(20):
            sample.offer(Record({"connectionId": {"S": str(number)}}))
        assert (len(sample.records), sample.offered) == (5, 20)
        drawn.update(record.connection_id for record in sample.records)
    assert len(drawn) == 20
    assert all(400 < count < 600 for count in drawn.values())  # 500 expected


@pytest.mark.parametrize(("size", "held"), [(5, 4), (0, 0)])
def test_a_sample_of_few_is_all_of_them_and_of_none_none(size: int, held: int) -> None:
    sample = Sample(size)
    for number in range(4):
        sample.offer(Record({"connectionId": {"S": str(number)}}))
    assert len({record.connection_id for record in sample.records}) == held


# How it goes on


def slow_pages(aws: FakeAws, clock: Clock, seconds: float) -> None:
    """Pages of two records that take this long each."""

    def handle(request: Request) -> None:
        request.parameters.update(Segment=0, TotalSegments=1, Limit=2)
        clock.advance(seconds)

    aws.on("Scan", handle)


def test_a_sweep_out_of_time_goes_on_where_it_stopped(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    fresh(connections, clock, 9, expired=lambda number: number % 3 == 0)
    slow_pages(aws, clock, 50)
    first, second, last = follow()
    starts = [request.get("ExclusiveStartKey", {}).get("connectionId", {}).get("S") for request in aws.asked("Scan")]
    assert connections.keys == {f"c{number}" for number in range(9) if number % 3}
    assert [line["finished"] for line in (first, second, last)] == [False, False, True]
    assert ["ActiveConnections" in line for line in (first, second, last)] == [False, False, True]
    assert last["ActiveConnections"] == last["active"] == 6
    assert sum(line["RemovedExpired"] for line in (first, second, last)) == 3
    assert last["durationMs"] >= 250_000  # of the whole sweep, not of its last part
    assert [start for start, times in Counter(starts).items() if times > 1] == []  # each page once


def test_a_sweep_goes_on_from_a_key_that_is_no_connection_id(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    for letter in "abc":
        connections.put(letter * 2000, connectedAt=clock.ms)
    slow_pages(aws, clock, 200)
    assert [(line["finished"], line["active"]) for line in follow()] == [(False, 2), (True, 3)]


def test_a_message_says_where_to_go_on_and_what_was_counted(
    aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, run: Run
) -> None:
    fresh(connections, clock, 4)
    slow_pages(aws, clock, 200)
    before = clock.ms
    run({"sweep": {"segment": 1, "segments": 3}})
    [message] = queue.receive()
    part = Part.parse(message["sweep"])
    assert (part.segment, part.segments, part.active, part.hops, part.scans, part.again) == (1, 3, 2, 1, True, [])
    assert part.start in connections.keys
    assert before <= part.began_ms < before + 60_000


def test_a_sweep_out_of_time_without_a_queue_says_what_to_set(aws: FakeAws, connections: Table, clock: Clock, load: Load) -> None:
    fresh(connections, clock, 4)
    slow_pages(aws, clock, 200)
    with pytest.raises(RuntimeError, match="set RETRY_QUEUE_URL"):
        load("cleanup").lambda_handler({"sweep": WHOLE}, Context(120))


def test_a_mass_loss_is_found_sample_by_sample(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 50)
    aws.gone = {*silent(connections, clock, 190, **OURS)}
    lines = follow(**PROBE)
    assert connections.keys == set()
    assert [line["RemovedGone"] for line in lines] == [0, 50, 50, 50, 40]
    assert [line.get("active") for line in lines] == [190, 140, 90, 40, None]


@pytest.mark.parametrize(("sampled", "gone", "parts"), [(10, 0, 1), (40, 3, 2)])
def test_a_sample_that_found_nobody_or_missed_nobody_is_the_last(
    sampled: int, gone: int, parts: int, aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_SAMPLED", sampled)
    aws.gone = {*silent(connections, clock, 40, **OURS)[:gone]}
    lines = follow(**PROBE)
    assert ["active" in line for line in lines] == [True, False][:parts]


def test_another_sample_of_what_proves_nothing_is_not_taken(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 10)
    aws.gone = {*silent(connections, clock, 40)}
    assert [line["unproven"] for line in follow(**PROBE)] == [10]


def test_no_other_sample_is_taken_when_the_next_sweep_is_due(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 20)
    aws.gone = {*silent(connections, clock, 90, **OURS)}
    lines = follow({"sweep": {**WHOLE, "period_s": 60}}, **PROBE)
    assert [line["RemovedGone"] for line in lines] == [0, 20, 20, 20]  # what a sample has found is still asked about again
    assert ["active" in line for line in lines] == [True, True, True, False]


def test_what_exceeds_one_message_is_found_by_a_new_reading(
    aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweep_part.LONGEST_LIST", 7 * 40)
    aws.gone = {*silent(connections, clock, 90, **OURS)}
    lines = follow(**PROBE)
    assert connections.keys == set()
    assert [line["RemovedGone"] for line in lines] == [0, 40, 40, 10]


def test_an_id_may_be_as_long_as_a_key(aws: FakeAws, connections: Table, clock: Clock, follow: Follow) -> None:
    connections.put("k" * 2000, connectedAt=clock.ms - HOUR, **OURS)
    aws.gone = connections.keys
    follow(**PROBE)
    assert connections.keys == set()


def test_a_chain_is_never_as_long_as_lambda_lets_it_be(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 16 invocations: a removal at the end of it may leave a message for its steps, and two about its client."""
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 5)
    aws.gone = {*silent(connections, clock, 90, **OURS)}
    lines = follow({"sweep": {**WHOLE, "period_s": 86_400}}, **PROBE)
    assert len(lines) == 11
    assert len(connections.keys) == 90 - 5 * 10  # the last asks again about those of the one before


def test_a_table_too_large_for_a_chain_says_what_to_raise(
    aws: FakeAws, connections: Table, clock: Clock, load: Load, lines: Lines, queue: Any
) -> None:
    fresh(connections, clock, 40)
    slow_pages(aws, clock, 200)
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url)
    cleanup.lambda_handler({"sweep": WHOLE}, Context(120))
    invocations = 1
    while messages := queue.batch()["Records"]:
        assert cleanup.lambda_handler({"Records": messages}, Context(120)) == {"batchItemFailures": []}
        invocations += 1
    assert invocations <= 12
    [problem] = [line for line in lines() if line["level"] == "ERROR"]
    assert (problem["step"], problem["Failures"]) == ("sweep", 1)
    assert "raise sweep.segments" in problem["error"]


@pytest.mark.parametrize("part", [{"again": ["x" * 100] * 500, "scans": False}, {"again": ["c"]}], ids=["asks again", "reads"])
def test_a_failed_part_is_dropped_at_the_next_sweep(
    part: dict[str, Any], aws: FakeAws, clock: Clock, load: Load, lines: Lines, queue: RetryQueue
) -> None:
    """The probe or the sweep has been turned off while it waited: its role is denied."""
    for operation in ("Scan", "BatchGetItem"):
        aws.on(operation, error(400, "AccessDeniedException"))
    undelayed(aws)
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url)
    cleanup.sweeper._send(Part.parse(part), 0)
    batch = queue.batch(receive_count=1)
    assert cleanup.lambda_handler(batch, Context(120))["batchItemFailures"]
    batch["Records"][0]["attributes"]["ApproximateReceiveCount"] = "7"
    assert cleanup.lambda_handler(batch, Context(120))["batchItemFailures"]  # the next sweep is not due yet
    lines()
    clock.advance(300)
    assert cleanup.lambda_handler(batch, Context(120)) == {"batchItemFailures": []}
    [line] = lines()
    assert (line["outcome"], line["level"], line["again"]) == ("dropped", "INFO", len(part["again"]))
    assert "x" * 100 not in str(line)


def test_a_late_part_that_has_not_failed_is_done(
    aws: FakeAws, connections: Table, clock: Clock, load: Load, lines: Lines, queue: RetryQueue
) -> None:
    undelayed(aws)
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url)
    cleanup.sweeper._send(Part.parse({}), 0)
    clock.advance(3_600)
    assert cleanup.lambda_handler(queue.batch(), Context(120)) == {"batchItemFailures": []}
    assert [line["finished"] for line in lines()] == [True]


# At once


def test_a_look_at_once_is_a_sweep_of_each_segment(aws: FakeAws, queue: RetryQueue, clock: Clock, load: Load) -> None:
    delays = undelayed(aws)
    load("cleanup", RETRY_QUEUE_URL=queue.url, **PROBE).lambda_handler({"look_at_once": {"segments": 3}}, Context(120))
    messages = [message["sweep"] for message in queue.receive()]
    assert [(m["segment"], m["segments"], m["suspect_after_ms"], m["hops"]) for m in messages] == [(n, 3, MINUTE, 1) for n in range(3)]
    assert delays == [0, 0, 0]


def test_a_look_at_once_suspects_after_a_silent_minute(aws: FakeAws, connections: Table, clock: Clock, follow: Follow, run: Run) -> None:
    connections.put("older", connectedAt=clock.ms - MINUTE, **OURS)
    connections.put("dead", connectedAt=clock.ms - 2 * MINUTE, **OURS)
    connections.put("young", connectedAt=clock.ms - MINUTE + 10_000, **OURS)
    connections.put("heard of", connectedAt=clock.ms - HOUR, lastSeenAt=clock.ms - MINUTE + 10_000, **OURS)
    connections.put("expired", connectedAt=clock.ms - EXPIRED_MS, **OURS)
    aws.gone = {"dead"}
    first, _ = follow({"look_at_once": {"segments": 1}}, **PROBE)
    assert sorted(asked(aws)) == ["dead", "dead", "older"]
    assert connections.keys == {"older", "young", "heard of"}
    assert first["ActiveConnections"] == 4
    run(**PROBE)
    assert asked(aws) == []  # the next sweep suspects as the settings say


def test_what_follows_a_look_at_once_suspects_like_it(
    aws: FakeAws, connections: Table, clock: Clock, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_SAMPLED", 30)
    for number in range(70):
        connections.put(f"c{number}", connectedAt=clock.ms - 2 * MINUTE, **OURS)
    aws.gone = connections.keys
    follow({"look_at_once": {"segments": 1}}, **PROBE)
    assert connections.keys == set()


def test_it_looks_at_once_only_every_five_minutes(aws: FakeAws, queue: RetryQueue, clock: Clock, load: Load) -> None:
    delays = undelayed(aws)
    cleanup = load("cleanup", RETRY_QUEUE_URL=queue.url, **PROBE)
    for _ in range(20):
        cleanup.lambda_handler({"look_at_once": {"segments": 2}}, Context(120))
        clock.advance(5)
    assert delays == pytest.approx([0, 0, 295, 295], abs=1)
    until = [(message["sweep"]["until_ms"] - clock.ms) / 1000 for message in queue.receive()]
    assert until == pytest.approx([200, 200, 500, 500], abs=2)  # each has five minutes from when it begins
    clock.advance(300)
    cleanup.lambda_handler({"look_at_once": {"segments": 2}}, Context(120))
    assert len(delays) == 6  # what was lost since the second look began is seen by a third


def test_a_look_at_once_that_was_not_queued_is_not_done(aws: FakeAws, queue: RetryQueue, clock: Clock, load: Load, lines: Lines) -> None:
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
    with pytest.raises(RejectedError, match="segments"):
        load("cleanup", RETRY_QUEUE_URL=queue.url, **PROBE).lambda_handler({"look_at_once": value}, Context(120))
    assert queue.receive() == []


def test_a_look_at_once_without_the_probe_says_what_to_set(aws: FakeAws, queue: RetryQueue, load: Load) -> None:
    with pytest.raises(RejectedError, match="set PROBES_PER_SECOND"):
        load("cleanup", RETRY_QUEUE_URL=queue.url, **API).lambda_handler({"look_at_once": {"segments": 1}}, Context(120))


# Segments, and what else there is to do


def test_the_queue_settles_duplicates_of_swept_connections(
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


def test_segments_read_the_whole_table_each_with_its_own_gauge(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    fresh(connections, clock, 20)
    summaries = [run({"sweep": {"segment": segment, "segments": 3}}) for segment in range(3)]
    assert [summary["segment"] for summary in summaries] == ["0", "1", "2"]
    assert sum(summary["ActiveConnections"] for summary in summaries) == 20


# What it says


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
    counts = ("RemovedExpired", "RemovedGone", "SweepFailures", "Unproven", "ForeignRecords", "Undated", "ActiveConnections")
    # Without ProbesRefused and ProbeRate: who asked nobody knows nothing of it.
    assert units == {"Silent": "Seconds", "SweepDuration": "Milliseconds", **dict.fromkeys(counts, "Count")}


@pytest.mark.parametrize(
    ("attributes", "seconds"),
    [
        ({"connectedAt": -EXPIRED_MS - 90_000, "lastSeenAt": -900_000}, 900),
        ({"connectedAt": -10_000}, 0),  # it is still there
        ({"expiresAt": -4_000_000}, 0),  # nobody knows
    ],
)
def test_removed_records_were_silent_since_they_were_last_seen(
    attributes: dict[str, int], seconds: int, connections: Table, clock: Clock, run: Run
) -> None:
    connections.put("c", **{name: (clock.ms + ago) // (1000 if name == "expiresAt" else 1) for name, ago in attributes.items()})
    assert seconds <= run()["Silent"] <= seconds + 5


def test_records_that_never_end_are_counted(connections: Table, clock: Clock, run: Run) -> None:
    connections.put("expires one day", expiresAt=clock.ms // 1000 + 10_000)
    connections.put("without a time")
    connections.put("in another unit", connectedAt=clock.ms // 1000, expiresAt=clock.ms)
    summary = run()
    assert (summary["timeless"], summary["undated"], summary["Undated"], summary["level"]) == (3, 2, 2, "WARN")
    assert run(**PROBE)["Undated"] == 0
