"""A client's other records, when one of its connections has ended."""

from __future__ import annotations

import json
from dataclasses import dataclass

import duplicates
import pytest

from tests.unit.fake_aws import FakeAws, error
from tests.unit.support import API, MINUTE, Clock, Context, Lines, Load, RetryQueue, Table, closer, deliver, ended, sqs_record

INDEX = {"DUPLICATES": "stale", "CLIENT_INDEX": "byClient", "RETRY_QUEUE_URL": "https://retry", **API}


@dataclass
class Kim:
    """The client whose connection has ended."""

    table: Table
    clock: Clock

    def connected(self, api_id: str = "", stage: str = "", /, **minutes: float) -> None:
        """Writes records of connections of these ages."""
        for name, age in minutes.items():
            self.table.put(name, clientId="kim", connectedAt=round(self.clock.ms - age * MINUTE), apiId=api_id, stage=stage)

    def settle(self, mode: str, stage: str = "live", ended_at: int | None = None, within_s: float = 60.0, **environment: str) -> None:
        """Runs the step for a connection that ended at `ended_at` (ms), or just now."""
        known = ended("ended", endedAt=ended_at or self.clock.ms, clientId="kim", apiId="api1", stage=stage)
        closer(**{**INDEX, "DUPLICATES": mode, **environment}).steps["duplicates"](known, self.clock.monotonic() + within_s)


@pytest.fixture
def kim(clients: Table, clock: Clock) -> Kim:
    return Kim(clients, clock)


def test_stale_removes_the_dead_and_keeps_the_live(aws: FakeAws, kim: Kim, lines: Lines) -> None:
    kim.connected(expired=126, gone=30, live=20, newest=10)
    kim.table.put("lees", clientId="lee", connectedAt=kim.clock.ms - 180 * MINUTE)
    aws.gone = {"gone"}
    aws.on("Query", lambda request: request.parameters.update(Limit=1))  # so that there are several pages
    kim.settle("stale")
    assert kim.table.keys == {"live", "newest", "lees"}
    assert [(line["connectionId"], line["cause"], line["outcome"]) for line in lines()] == [
        ("expired", "expired", "removed"),
        ("gone", "gone", "removed"),
    ]
    assert aws.asked("DELETE @connections") == []


def test_newest_closes_all_older_live_ones_socket_first(aws: FakeAws, kim: Kim, lines: Lines) -> None:
    kim.connected(older=30, newest=10, old=20)
    kim.settle("newest")
    assert kim.table.keys == {"newest"}
    assert [name for name in aws.operations if "Delete" in name or "DELETE" in name] == ["DELETE @connections", "DeleteItem"] * 2
    assert [(line["connectionId"], line["cause"]) for line in lines()] == [("older", "duplicate"), ("old", "duplicate")]


# mode, ages (minutes), who is gone, who is kept. API Gateway calls a connection gone while its `$connect` is under way.
CASES: dict[str, tuple[str, dict[str, float], set[str], set[str]]] = {
    "the newest that is alive": ("newest", {"old": 30, "live": 20, "dead": 10}, {"dead"}, {"live"}),
    "a lone connection": ("newest", {"only": 20}, set(), {"only"}),
    "a lone young one": ("newest", {"young": 0.9}, {"young"}, {"young"}),
    "whoever is live, however young another": ("stale", {"old": 20, "young": 0.9}, {"young"}, {"old", "young"}),
    "nobody who is gone after a minute": ("stale", {"grown": 1.0}, {"grown"}, set()),
    "the connection that ended": ("newest", {"ended": 20, "live": 30}, set(), {"ended", "live"}),
}


@pytest.mark.parametrize(("mode", "minutes", "gone", "kept"), CASES.values(), ids=CASES)
def test_keeps(mode: str, minutes: dict[str, float], gone: set[str], kept: set[str], aws: FakeAws, kim: Kim) -> None:
    kim.connected(**minutes)
    aws.gone = gone
    kim.settle(mode)
    assert kim.table.keys == kept


@pytest.mark.parametrize("minutes", [{"old": 20, "young": 0.9}, {"old": 0.9, "young": 0.5}], ids=["one is young", "both are"])
def test_newest_closes_no_live_one_while_another_is_young(minutes: dict[str, float], aws: FakeAws, kim: Kim) -> None:
    kim.connected(gone=30, **minutes)
    aws.gone = {"gone", "young"}
    with pytest.raises(duplicates.UnsettledError, match="too young"):
        kim.settle("newest")
    assert kim.table.keys == {"old", "young"}
    assert "young" not in aws.asked_about
    assert aws.asked("DELETE @connections") == []


def test_records_of_another_api_are_left_alone_and_not_counted(aws: FakeAws, kim: Kim) -> None:
    foreign = {f"foreign{number}": 180 for number in range(30)}
    kim.connected("api2", **foreign)
    kim.connected(expired=126, live=20)
    kim.settle("newest")
    assert kim.table.keys == {*foreign, "live"}
    assert aws.asked_about == ["live"]


def test_a_record_without_a_usable_time_is_left_alone(aws: FakeAws, kim: Kim) -> None:
    kim.table.put("seconds", clientId="kim", connectedAt=kim.clock.ms // 1000)
    kim.connected(future=-60)
    aws.gone = {"seconds", "future"}
    kim.settle("newest", ended_at=kim.clock.ms + 120 * MINUTE)
    assert kim.table.keys == {"seconds", "future"}
    assert aws.asked_about == []


def test_a_410_proves_nothing_after_an_end_at_another_stage(aws: FakeAws, kim: Kim) -> None:
    kim.connected(gone=20)
    kim.connected("api1", "live", ours=20)
    aws.gone = {"gone", "ours"}
    with pytest.raises(duplicates.UnsettledError, match="WEBSOCKET_STAGE"):
        kim.settle("stale", stage="test")
    assert kim.table.keys == {"gone"}


@pytest.mark.parametrize(
    ("status", "code", "closed"),
    [(429, "LimitExceededException", set()), (403, "ForbiddenException", {"old"})],  # after a 429, nothing is sent for a while
)
def test_an_unknown_one_is_retried_and_holds_up_no_other(status: int, code: str, closed: set[str], aws: FakeAws, kim: Kim) -> None:
    kim.connected(expired=126, unknown=5, gone=30, old=20, live=10)
    aws.gone = {"gone"}
    fails = error(status, code)
    aws.on("GET @connections", lambda request: fails(request) if request.parameters["connectionId"] == "unknown" else None)
    with pytest.raises(duplicates.UnsettledError, match=code):
        kim.settle("newest")
    assert kim.table.keys == {"unknown", "old", "live"} - closed


def test_what_connected_after_the_end_is_left_to_the_next_end(aws: FakeAws, kim: Kim) -> None:
    """A retry may come long after the end that it settles."""
    kim.connected(live=30)
    end = kim.clock.ms - 20 * MINUTE
    kim.connected(at_the_end=20, after_it=20 - 1 / MINUTE)
    aws.gone = {"at_the_end", "after_it"}
    kim.settle("stale", ended_at=end)
    assert kim.table.keys == {"live", "after_it"}


def test_a_socket_that_stays_open_keeps_its_record(aws: FakeAws, kim: Kim) -> None:
    kim.connected(old=30, newest=20)
    aws.on("DELETE @connections", error(429, "LimitExceededException"))
    with pytest.raises(duplicates.UnsettledError, match="LimitExceeded"):
        kim.settle("newest")
    assert kim.table.keys == {"old", "newest"}


@pytest.mark.parametrize("within_s", [0, 60])
def test_nothing_is_begun_after_the_deadline(within_s: float, aws: FakeAws, kim: Kim) -> None:
    kim.connected(old=30, newest=20, **({} if within_s else {"expired": 126}))
    kept = kim.table.keys
    aws.on("GET @connections", lambda request: kim.clock.advance(40))
    with pytest.raises(TimeoutError, match="out of time"):
        kim.settle("newest", within_s=within_s)
    assert kim.table.keys == kept
    assert aws.asked("DELETE @connections") == []


def test_settling_one_duplicate_does_not_settle_the_others_again(aws: FakeAws, kim: Kim, history: Table) -> None:
    kim.connected(a=130, b=140)
    kim.settle("stale", HISTORY_TABLE="history")
    assert history.keys == {"a", "b"}
    assert len(aws.asked("Query")) == 1


def test_closing_a_connection_settles_its_clients_others(kim: Kim) -> None:
    kim.connected(c=20, expired=126)
    assert closer(**INDEX).close(ended("c", endedAt=kim.clock.ms), kim.clock.monotonic() + 30) == "removed"
    assert kim.table.keys == set()


def test_the_25_oldest_others_are_asked_about(aws: FakeAws, kim: Kim) -> None:
    kim.connected(**{f"c{age}": age for age in range(20, 47)})
    kim.settle("stale")
    assert aws.asked_about == [f"c{age}" for age in range(46, 21, -1)]


def test_a_sweep_shares_neither_its_pace_nor_refusals_with_it(
    aws: FakeAws, kim: Kim, queue: RetryQueue, cleanup: Load, lines: Lines
) -> None:
    function = cleanup(**{**INDEX, "PROBES_PER_SECOND": "500", "MOST_PROBES_PER_SECOND": "500", "RETRY_QUEUE_URL": queue.url})
    kim.connected(**{f"c{age}": age for age in range(2, 10)})  # too young to be suspects
    function.lambda_handler({"sweep": {}}, Context(120))
    aws.on("GET @connections", error(403, "ForbiddenException"))
    known = ended("ended", endedAt=kim.clock.ms, clientId="kim", apiId="api1", stage="live")
    body = json.dumps({"version": 1, "finish": {"ended": known, "steps": ["duplicates"]}})
    began = kim.clock.monotonic()
    assert deliver(function, sqs_record(body)) == ["m1"]
    assert len(aws.asked_about) == 8
    assert kim.clock.monotonic() - began == pytest.approx(0.7)
    lines()
    function.lambda_handler({"sweep": {}}, Context(120))
    [swept] = lines()
    assert "refusal" not in swept
