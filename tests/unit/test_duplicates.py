"""A client's other records, when one of its connections has ended."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import duplicates
import pytest

from tests.unit.fake_aws import Answer, error
from tests.unit.support import API, TABLE, Context, Table, closer, ended, sqs_record

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from tests.unit.fake_aws import FakeAws
    from tests.unit.support import Clock, Lines, Load, RetryQueue

MINUTE, HOUR = 60_000, 3_600_000
INDEX = {"DUPLICATES": "stale", "CLIENT_INDEX": "byClient", "RETRY_QUEUE_URL": "https://retry", **API}


@pytest.fixture
def connections(aws: FakeAws, dynamodb: Any) -> Table:
    return Table(dynamodb, TABLE, byClient=("clientId", "connectedAt"))


def now_ms() -> int:
    return int(time.time() * 1000)


def settle(mode: str, client_id: str | None = "kim", stage: str = "live", within_s: float = 60.0, **environment: str) -> None:
    made = closer(**{**INDEX, "DUPLICATES": mode, **environment})
    known = ended("ended", endedAt=now_ms(), apiId="api1", stage=stage, **({"clientId": client_id} if client_id else {}))
    made.steps["duplicates"](known, time.monotonic() + within_s)


def ages(connections: Table, clock: Clock, **minutes: float) -> None:
    """Records of one client, by their ages."""
    for name, age in minutes.items():
        connections.put(name, clientId="kim", connectedAt=int(clock.ms - age * MINUTE))


def test_stale_removes_the_dead_and_keeps_the_live(aws: FakeAws, connections: Table, clock: Clock, lines: Lines) -> None:
    ages(connections, clock, expired=126, gone=30, live=20, newest=10)
    aws.gone = {"gone"}
    settle("stale")
    assert connections.keys == {"live", "newest"}
    assert {(line["connectionId"], line["cause"], line["outcome"]) for line in lines()} == {
        ("expired", "expired", "removed"),
        ("gone", "gone", "removed"),
    }
    assert aws.asked("DELETE @connections") == []


def test_newest_closes_all_older_live_ones_socket_first(aws: FakeAws, connections: Table, clock: Clock, lines: Lines) -> None:
    ages(connections, clock, older=30, newest=10, old=20)
    aws.requests.clear()
    settle("newest")
    assert connections.keys == {"newest"}
    assert [name for name in aws.operations if "Delete" in name or "DELETE" in name] == ["DELETE @connections", "DeleteItem"] * 2
    assert [(line["connectionId"], line["cause"]) for line in lines()] == [("older", "duplicate"), ("old", "duplicate")]


CASES: dict[str, tuple[str, dict[str, float], set[str], set[str]]] = {
    "the newest that is alive": ("newest", {"old": 30, "live": 20, "dead": 10}, {"dead"}, {"live"}),
    "a lone connection": ("newest", {"only": 20}, set(), {"only"}),
    "a lone young one": ("newest", {"young": 0.9}, {"young"}, {"young"}),
    "whoever is live, however young another": ("stale", {"old": 20, "young": 0.9}, {"young"}, {"old", "young"}),
    "nobody who is gone after a minute": ("stale", {"grown": 1.0}, {"grown"}, set()),
    "the connection that ended": ("newest", {"ended": 20, "live": 30}, set(), {"ended", "live"}),
}


@pytest.mark.parametrize(("mode", "minutes", "gone", "kept"), CASES.values(), ids=CASES)
def test_keeps(
    mode: str, minutes: dict[str, float], gone: set[str], kept: set[str], aws: FakeAws, connections: Table, clock: Clock
) -> None:
    ages(connections, clock, **minutes)
    aws.gone = gone
    settle(mode)
    assert connections.keys == kept


@pytest.mark.parametrize("fate", ["lives", "failed in $connect"])
def test_newest_closes_nothing_while_one_is_young(fate: str, aws: FakeAws, connections: Table, clock: Clock) -> None:
    ages(connections, clock, gone=30, old=20, young=0.9)
    aws.gone = {"gone", "young"}  # as API Gateway says of a connection whose `$connect` is still under way, too
    with pytest.raises(duplicates.UnsettledError, match="too young"):
        settle("newest")
    assert connections.keys == {"old", "young"}
    assert "young" not in [request["connectionId"] for request in aws.asked("GET @connections")]
    assert aws.asked("DELETE @connections") == []

    aws.gone = {"young"} if fate != "lives" else set()
    clock.advance(10)
    settle("newest")
    assert connections.keys == ({"young"} if fate == "lives" else {"old"})


def test_a_record_of_another_api_is_left_alone(aws: FakeAws, connections: Table, clock: Clock) -> None:
    connections.put("foreign", clientId="kim", connectedAt=clock.ms - 3 * HOUR, apiId="api2")
    ages(connections, clock, live=20)
    settle("newest")
    assert connections.keys == {"foreign", "live"}
    assert [request["connectionId"] for request in aws.asked("GET @connections")] == ["live"]


def test_a_record_without_a_usable_time_is_left_alone(aws: FakeAws, connections: Table, clock: Clock) -> None:
    connections.put("seconds", clientId="kim", connectedAt=clock.ms // 1000)
    connections.put("future", clientId="kim", connectedAt=clock.ms + HOUR)
    aws.gone = {"seconds", "future"}
    settle("newest")
    assert connections.keys == {"seconds", "future"}
    assert aws.asked("GET @connections") == []


def test_a_410_proves_nothing_when_another_stages_one_ended(aws: FakeAws, connections: Table, clock: Clock) -> None:
    ages(connections, clock, gone=20)
    connections.put("ours", clientId="kim", connectedAt=clock.ms - 20 * MINUTE, apiId="api1", stage="live")
    aws.gone = {"gone", "ours"}
    with pytest.raises(duplicates.UnsettledError, match="WEBSOCKET_STAGE"):
        settle("stale", stage="test")
    assert connections.keys == {"gone"}


def test_of_two_young_ones_the_older_is_closed_in_the_end(aws: FakeAws, connections: Table, clock: Clock) -> None:
    ages(connections, clock, older=0.9, newest=0.5)
    with pytest.raises(duplicates.UnsettledError, match="too young"):
        settle("newest")
    assert connections.keys == {"older", "newest"}
    clock.advance(31)
    settle("newest")
    assert connections.keys == {"newest"}


def test_other_clients_records_are_left_alone(aws: FakeAws, connections: Table, clock: Clock) -> None:
    connections.put("lees", clientId="lee", connectedAt=clock.ms - 3 * HOUR)
    settle("stale")
    assert connections.keys == {"lees"}


def test_without_a_client_there_is_nothing_to_do(aws: FakeAws, connections: Table) -> None:
    aws.requests.clear()
    settle("newest", client_id=None)
    assert aws.requests == []


def test_all_pages_of_the_index_are_read(aws: FakeAws, connections: Table, clock: Clock) -> None:
    aws.on("Query", lambda request: request.parameters.update(Limit=1))
    ages(connections, clock, a=130, b=140, c=150)
    settle("stale")
    assert connections.keys == set()


@pytest.mark.parametrize(("status", "code"), [(429, "LimitExceededException"), (403, "ForbiddenException"), (500, "InternalServerError")])
def test_what_api_gateway_did_not_tell_is_asked_again_later(status: int, code: str, aws: FakeAws, connections: Table, clock: Clock) -> None:
    ages(connections, clock, expired=126, unknown=20)
    aws.on("GET @connections", error(status, code))
    with pytest.raises(duplicates.UnsettledError, match=code):
        settle("newest")
    assert connections.keys == {"unknown"}


def test_an_unknown_one_holds_nobody_else_up(aws: FakeAws, connections: Table, clock: Clock) -> None:
    ages(connections, clock, unknown=40, gone=30, old=20, live=10)
    aws.gone = {"gone"}
    fails = error(500, "InternalServerError")
    aws.on("GET @connections", lambda request: fails(request) if request.parameters["connectionId"] == "unknown" else None)
    with pytest.raises(duplicates.UnsettledError, match="InternalServerError"):
        settle("newest")
    assert connections.keys == {"unknown", "live"}


@pytest.mark.parametrize(("after_ms", "kept"), [(0, {"live"}), (1, {"live", "next"})])
def test_what_connected_after_the_end_is_left_to_the_next(
    after_ms: int, kept: set[str], aws: FakeAws, connections: Table, clock: Clock
) -> None:
    """A retry may come long after the end that it settles."""
    end = clock.ms - 20 * MINUTE
    ages(connections, clock, live=30)
    connections.put("next", clientId="kim", connectedAt=end + after_ms)
    aws.gone = {"next"}
    made = closer(**INDEX)
    made.steps["duplicates"](ended("ended", clientId="kim", endedAt=end, apiId="api1", stage="live"), clock.monotonic() + 60)
    assert connections.keys == kept


def test_records_of_other_apis_do_not_use_up_the_limit(aws: FakeAws, connections: Table, clock: Clock) -> None:
    for number in range(30):
        connections.put(f"foreign{number}", clientId="kim", connectedAt=clock.ms - 3 * HOUR, apiId="api2")
    ages(connections, clock, expired=126)
    settle("stale")
    assert "expired" not in connections.keys


def test_a_socket_that_stays_open_keeps_its_record(aws: FakeAws, connections: Table, clock: Clock) -> None:
    ages(connections, clock, old=30, newest=20)
    aws.on("DELETE @connections", error(429, "LimitExceededException"))
    with pytest.raises(duplicates.UnsettledError, match="LimitExceeded"):
        settle("newest")
    assert connections.keys == {"old", "newest"}


def test_nothing_is_begun_after_the_deadline(aws: FakeAws, connections: Table, clock: Clock) -> None:
    ages(connections, clock, expired=126)
    with pytest.raises(TimeoutError, match="out of time"):
        settle("stale", within_s=0)
    assert connections.keys == {"expired"}


def test_no_socket_is_closed_after_the_deadline(aws: FakeAws, connections: Table, clock: Clock) -> None:
    ages(connections, clock, old=30, newest=20)
    aws.on("GET @connections", lambda request: clock.advance(40))
    with pytest.raises(TimeoutError, match="out of time"):
        settle("newest", within_s=60)
    assert aws.asked("DELETE @connections") == []


def test_settling_one_duplicate_does_not_settle_the_others_again(aws: FakeAws, connections: Table, clock: Clock, dynamodb: Any) -> None:
    history = Table(dynamodb, "history")
    ages(connections, clock, a=130, b=140)
    aws.requests.clear()
    settle("stale", HISTORY_TABLE="history")
    assert history.keys == {"a", "b"}
    assert len(aws.asked("Query")) == 1


def test_a_record_rewritten_since_the_index_was_read_survives(aws: FakeAws, connections: Table, clock: Clock) -> None:
    ages(connections, clock, c=20)
    aws.gone = {"c"}
    aws.on("GET @connections", lambda request: ages(connections, clock, c=0))
    settle("stale")
    assert connections.keys == {"c"}


def test_closing_a_connection_settles_its_clients_others(aws: FakeAws, connections: Table, clock: Clock) -> None:
    ages(connections, clock, c=20, expired=126)
    made = closer(**INDEX)
    assert made.close(ended("c", endedAt=clock.ms), clock.monotonic() + 30) == "removed"
    assert connections.keys == set()


def test_no_more_others_are_looked_at_than_25_the_oldest_first(aws: FakeAws, connections: Table, clock: Clock) -> None:
    ages(connections, clock, **{f"c{age}": age for age in range(20, 60)})
    settle("stale")
    assert [asked["connectionId"] for asked in aws.asked("GET @connections")] == [f"c{age}" for age in range(59, 34, -1)]


@pytest.fixture
def cleanup(aws: FakeAws, connections: Table, queue: RetryQueue, clock: Clock, load: Load, lines: Lines) -> ModuleType:
    """A warm clean-up function that sweeps at a rate of its own."""
    rates = {"PROBES_PER_SECOND": "500", "MOST_PROBES_PER_SECOND": "500"}
    return load("cleanup", **{**INDEX, **rates, "RETRY_QUEUE_URL": queue.url})


def sweep(cleanup: ModuleType) -> None:
    cleanup.lambda_handler({"sweep": {"segment": 0, "segments": 1}}, Context(120))


def settle_by_queue(cleanup: ModuleType) -> None:
    known = ended("ended", endedAt=now_ms(), clientId="kim", apiId="api1", stage="live")
    body = json.dumps({"version": 1, "finish": {"ended": known, "steps": ["duplicates"]}})
    cleanup.lambda_handler({"Records": [sqs_record(body)]}, Context(120))


def test_a_sweep_does_not_change_the_pace_of_duplicates(aws: FakeAws, connections: Table, cleanup: ModuleType, clock: Clock) -> None:
    ages(connections, clock, **{f"c{age}": age for age in range(2, 10)})  # too young to be suspects
    sweep(cleanup)
    began = clock.monotonic()
    settle_by_queue(cleanup)
    assert len(aws.asked("GET @connections")) == 8
    assert clock.monotonic() - began >= 0.7


def test_a_sweep_does_not_tell_what_was_refused_to_duplicates(
    aws: FakeAws, connections: Table, cleanup: ModuleType, clock: Clock, lines: Lines
) -> None:
    ages(connections, clock, other=2)
    aws.on("GET @connections", error(403, "ForbiddenException"))
    aws.on("ChangeMessageVisibility", lambda request: Answer(200, {}))
    settle_by_queue(cleanup)
    assert "ForbiddenException" in lines()[0]["error"]
    sweep(cleanup)
    [swept] = lines()
    assert "refusal" not in swept


def test_a_sweep_leaves_duplicates_to_the_queue(
    aws: FakeAws, connections: Table, cleanup: ModuleType, clock: Clock, queue: RetryQueue
) -> None:
    ages(connections, clock, expired=126, live=2)
    sweep(cleanup)
    assert connections.keys == {"live"}
    assert aws.asked("GET @connections") == []
    [message] = queue.receive()
    assert (message["finish"]["steps"], message["finish"]["ended"]["connectionId"]) == (["duplicates"], "expired")
