"""The sweep: what it removes, what it asks about, what it leaves, and how it goes on."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import ended as ended_
import pytest
from sweep import Part, Sample

from tests.unit.fake_aws import Answer, error
from tests.unit.support import API, Context, Table

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.unit.fake_aws import FakeAws, Request
    from tests.unit.support import Clock, Lines, Load, RetryQueue

    Run = Callable[..., dict[str, Any]]

MINUTE = 60_000
EXPIRED_MS, SUSPECT_MS = 7_500_000, 660_000
OURS = {"apiId": "api1", "stage": "live"}
PROBE = {"PROBES_PER_SECOND": "10", **API}


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


def silent(connections: Table, clock: Clock, count: int, **attributes: str) -> list[str]:
    """Records of an hour ago, of connections that nobody has heard of since."""
    names = [f"s{number:03}" for number in range(count)]
    for name in names:
        connections.put(name, connectedAt=clock.ms - 60 * MINUTE, **attributes)
    return names


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
    assert (summary["active"], summary["removed"], summary["timeless"], summary["level"]) == (6, {"expired": 2}, 4, "INFO")


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


def test_no_removal_is_begun_after_the_deadline_and_the_next_sweep_finds_what_is_left(
    aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    for number in range(60):
        connections.put(f"c{number}", connectedAt=clock.ms - EXPIRED_MS)
    aws.on("DeleteItem", lambda request: clock.advance(10))
    summary = run()
    removed = summary["RemovedExpired"]
    assert 11 <= removed <= 11 + 8  # 110 s of time, and what the 8 threads had under way
    assert (summary["failed"], summary["active"], len(connections.keys)) == (60 - removed, 60 - removed, 60 - removed)
    aws.handlers.clear()
    assert run()["RemovedExpired"] == 60 - removed


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
    silent(connections, clock, 3)
    aws.gone = {"s001"}
    summary = run(**PROBE)
    assert connections.keys == {"s000", "s002"}
    assert (summary["active"], summary["removed"], summary["probes"]) == (2, {"gone": 1}, {"alive": 2, "gone": 1})
    assert (summary["RemovedGone"], summary["RemovedExpired"]) == (1, 0)


def test_only_the_silent_are_asked_about(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("new", connectedAt=clock.ms - SUSPECT_MS + MINUTE)
    connections.put("seen", connectedAt=clock.ms - 60 * MINUTE, lastSeenAt=clock.ms - MINUTE)
    connections.put("silent", connectedAt=clock.ms - SUSPECT_MS)
    run(**PROBE)
    assert [request["connectionId"] for request in aws.asked("GET @connections")] == ["silent"]


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
    cleanup.lambda_handler({"sweep": {"segment": 0, "segments": 1}}, Context(120))
    aws.on("GET @connections", lambda request: None)
    cleanup.lambda_handler({"sweep": {"segment": 0, "segments": 1}}, Context(120))
    assert ["refusal" in line for line in lines()] == [True, False]


def test_an_endpoint_that_only_refuses_is_left_alone_after_20(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 30)
    aws.on("GET @connections", error(403, "ForbiddenException"))
    run(**PROBE)
    assert len(aws.asked("GET @connections")) == 20


def test_an_endpoint_that_has_told_something_is_asked_on(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 30)
    refuse, answers = error(500, "InternalServerError"), [Answer(200, {})]
    aws.on("GET @connections", lambda request: answers.pop() if answers else refuse(request))
    run(**PROBE)
    assert len(aws.asked("GET @connections")) == 30


def test_being_throttled_ends_the_asking(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 5)
    answers = [Answer(200, {}), Answer(410, {})]
    throttle = error(429, "LimitExceededException")
    aws.on("GET @connections", lambda request: answers.pop(0) if answers else throttle(request))
    summary = run(**PROBE)
    assert len(aws.asked("GET @connections")) == 3
    assert (summary["probes"], summary["ProbesRefused"]) == ({"alive": 1, "gone": 1, "throttled": 1}, 33.3)
    assert len(connections.keys) == 4  # what was told before counts


@pytest.mark.parametrize(
    ("answers", "gone", "removed", "open_"),
    [
        (19, 18, 18, False),
        (20, 10, 10, False),
        (20, 11, 0, True),
        (21, 10, 10, False),
        (21, 11, 0, True),
        (40, 40, 0, True),
    ],
)
def test_the_breaker_opens_when_more_than_half_of_at_least_20_are_gone(
    answers: int, gone: int, removed: int, open_: bool, aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    names = silent(connections, clock, answers, **OURS)
    aws.gone = set(names[:gone])
    summary = run(**PROBE)
    assert len(connections.keys) == answers - removed
    assert (summary["breakerOpen"], summary["BreakerOpen"], summary["level"]) == (open_, int(open_), "WARN" if open_ else "INFO")


def test_an_open_breaker_keeps_nothing_that_has_expired(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    aws.gone = set(silent(connections, clock, 20))
    connections.put("expired", connectedAt=clock.ms - EXPIRED_MS)
    assert run(**PROBE)["removed"] == {"expired": 1}


def test_refusals_are_no_answers_to_the_breaker(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    names = silent(connections, clock, 30)
    gone, refused = set(names[:12]), set(names[12:24])  # 12 of 18 answers, too few to judge; the other 6 are alive
    refuse = error(500, "InternalServerError")
    aws.gone = gone
    aws.on("GET @connections", lambda request: refuse(request) if request.parameters["connectionId"] in refused else None)
    summary = run(**PROBE)
    assert (summary["breakerOpen"], summary["removed"]) == (False, {"gone": 12})


def test_when_nobody_is_alive_only_records_that_name_this_api_and_stage_are_removed(
    aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    silent(connections, clock, 3)
    connections.put("ours", connectedAt=clock.ms - 60 * MINUTE, **OURS)
    connections.put("half", connectedAt=clock.ms - 60 * MINUTE, apiId="api1")
    aws.gone = connections.keys
    summary = run(**PROBE)
    assert connections.keys == {"s000", "s001", "s002", "half"}
    assert (summary["removed"], summary["unproven"], summary["level"], summary["active"]) == ({"gone": 1}, 4, "WARN", 4)


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


@pytest.mark.parametrize("attributes", TIMELESS, ids=str)
def test_a_record_without_a_time_is_removed_when_it_is_gone_and_still_is_half_a_minute_later(
    attributes: dict[str, Any], aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    connections.put("c", **attributes, **OURS)
    aws.gone = {"c"}
    asked: list[float] = []
    aws.on("GET @connections", lambda request: asked.append(clock.monotonic()))
    assert run(**PROBE)["removed"] == {"gone": 1}
    assert connections.keys == set()
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 30


def test_a_record_without_a_time_whose_connect_was_still_under_way_is_kept(
    aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    connections.put("c", **OURS)
    answers = [Answer(410, {}), Answer(200, {})]
    aws.on("GET @connections", lambda request: answers.pop(0))
    assert run(**PROBE)["RemovedGone"] == 0
    assert connections.keys == {"c"}


def test_a_record_without_a_time_is_kept_when_there_is_no_time_to_ask_twice(
    aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    connections.put("c", **OURS)
    aws.gone = {"c"}
    assert run(timeout=39, **PROBE)["RemovedGone"] == 0
    assert connections.keys == {"c"}
    assert len(aws.asked("GET @connections")) == 1
    assert sum(clock.slept) < 1


def test_nobody_waits_for_a_record_that_is_alive(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("c")
    run(**PROBE)
    assert sum(clock.slept) < 1


# How much it asks


@pytest.mark.parametrize(("segments", "pause_s"), [(1, 0.1), (4, 0.4)])
def test_probes_keep_to_the_rate_that_all_segments_share(
    segments: int, pause_s: float, aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    silent(connections, clock, 10)
    began = clock.monotonic()
    run(part={"segment": 0, "segments": segments}, **PROBE)
    asked = len(aws.asked("GET @connections"))
    assert asked > 1
    assert clock.monotonic() - began >= (asked - 1) * pause_s
    assert all(slept <= pause_s for slept in clock.slept)


def test_no_more_is_asked_than_the_rate_allows_in_half_the_time(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 40)
    run(timeout=35, PROBES_PER_SECOND="2", **API)
    assert 18 <= len(aws.asked("GET @connections")) <= 20  # 2/s in half of the 20 s before the reserve


def test_asking_ends_at_the_deadline(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    silent(connections, clock, 40)
    aws.on("GET @connections", lambda request: clock.advance(10))
    run(**PROBE)
    assert 10 <= len(aws.asked("GET @connections")) <= 12


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
            sample.offer({"connectionId": {"S": str(number)}})
        assert len(sample.records) == 5
        drawn.update(record["connectionId"]["S"] for record in sample.records)
    assert len(drawn) == 20
    assert all(400 < count < 600 for count in drawn.values())  # 500 expected


def test_a_sample_of_few_is_all_of_them() -> None:
    sample = Sample(5)
    for number in range(4):
        sample.offer({"connectionId": {"S": str(number)}})
    assert sorted(record["connectionId"]["S"] for record in sample.records) == ["0", "1", "2", "3"]


def test_a_sample_of_none_holds_none() -> None:
    sample = Sample(0)
    sample.offer({})
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
    slow_pages(aws, clock, 200)
    before = clock.ms
    run(part={"segment": 1, "segments": 3})
    [message] = queue.receive()
    start, began_ms = message["sweep"].pop("start"), message["sweep"].pop("began_ms")
    assert message == {"version": 1, "sweep": {"segment": 1, "segments": 3, "active": 2}}
    assert start in connections.keys
    assert before <= began_ms < before + 60_000


def test_a_sweep_out_of_time_without_a_queue_fails_and_says_what_to_set(aws: FakeAws, connections: Table, clock: Clock, load: Load) -> None:
    for number in range(4):
        connections.put(f"c{number}", connectedAt=clock.ms)
    slow_pages(aws, clock, 200)
    with pytest.raises(RuntimeError, match="set RETRY_QUEUE_URL"):
        load("cleanup").lambda_handler({"sweep": {"segment": 0, "segments": 1}}, Context(120))


def test_segments_read_the_whole_table_between_them_each_with_its_own_gauge(
    aws: FakeAws, connections: Table, clock: Clock, run: Run
) -> None:
    for number in range(20):
        connections.put(f"c{number}", connectedAt=clock.ms)
    summaries = [run(part={"segment": segment, "segments": 3}) for segment in range(3)]
    assert [summary["segment"] for summary in summaries] == ["0", "1", "2"]
    assert sum(summary["ActiveConnections"] for summary in summaries) == 20


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"segment": 1, "segments": 1},
        {"segment": -1},
        {"segment": True, "segments": 2},
        {"segment": "0"},
        {"segments": 0},
        {"segments": 1.0},
        {"active": -1},
        {"active": "1"},
        {"began_ms": -1},
        {"start": ""},
        {"start": 7},
        {"start": "x" * 2049},
        {"start": "\ud800"},
    ],
    ids=repr,
)
def test_a_part_that_makes_no_sense_is_rejected(value: object) -> None:
    with pytest.raises(ended_.Rejected):
        Part.parse(value)


def test_a_part_is_the_whole_table_unless_said_otherwise(clock: Clock) -> None:
    part = Part.parse({})
    assert (part.segment, part.segments, part.start, part.active) == (0, 1, None, 0)
    assert abs(part.began_ms - clock.ms) < 1_000


# What it tells


def test_the_summary_has_every_figure_and_its_metrics(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("long ago", connectedAt=clock.ms - EXPIRED_MS - 90_500)
    connections.put("just", connectedAt=clock.ms - EXPIRED_MS)
    connections.put("new", connectedAt=clock.ms)
    summary = run()
    figures = {"active": 1, "removed": {"expired": 2}, "failed": 0, "foreign": 0, "timeless": 0, "unproven": 0, "probes": {}}
    assert {name: summary[name] for name in figures} == figures
    assert (summary["segment"], summary["segments"], summary["finished"], summary["breakerOpen"]) == ("0", 1, True, False)
    assert 90 <= summary["overdueSeconds"] == summary["Overdue"] <= 95
    assert 0 <= summary["durationMs"] == summary["SweepDuration"] < 60_000
    assert "refusal" not in summary
    directives = summary["_aws"]["CloudWatchMetrics"]
    assert [directive["Dimensions"] for directive in directives] == [[["Name"]], [["Name", "segment"]]]
    units = {metric["Name"]: metric["Unit"] for directive in directives for metric in directive["Metrics"]}
    assert units == {  # without ProbesRefused: who asked nobody knows nothing of it
        "RemovedExpired": "Count",
        "RemovedGone": "Count",
        "SweepFailures": "Count",
        "SweepDuration": "Milliseconds",
        "Overdue": "Seconds",
        "BreakerOpen": "Count",
        "ForeignRecords": "Count",
        "ActiveConnections": "Count",
    }


def test_what_could_not_be_removed_does_not_count_as_overdue(aws: FakeAws, connections: Table, clock: Clock, run: Run) -> None:
    connections.put("c", connectedAt=clock.ms - EXPIRED_MS - 90_000)
    aws.on("DeleteItem", error(400, "AccessDeniedException"))
    summary = run()
    assert (summary["failed"], summary["Overdue"]) == (1, 0)


def test_a_table_without_overdue_records_is_not_behind(connections: Table, clock: Clock, run: Run) -> None:
    connections.put("new", connectedAt=clock.ms)
    connections.put("ttl only", expiresAt=clock.ms // 1000 - 4_000)
    assert run()["Overdue"] == 0
