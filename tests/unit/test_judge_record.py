"""What a record tells by itself about its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import judge_record
import pytest
from hypothesis import given
from hypothesis import strategies as st
from record import FIRST_API_MS
from settings import Settings

from tests.unit import support

if TYPE_CHECKING:
    from record import Record

    from tests.unit.support import Item

NOW = 1_795_300_000_000
S, MINUTE, HOUR = 1_000, 60_000, 3_600_000
EXPIRED_MS, SUSPECT_MS = 7_500 * S, 660 * S
OURS = {"WEBSOCKET_API_ID": "api1", "WEBSOCKET_STAGE": "live"}


def settings(**environment: str) -> Settings:
    return Settings({"CONNECTIONS_TABLE": "connections", **OURS, **environment})


def n(value: object) -> dict[str, Any]:
    return {"N": str(value)}


def record(**attributes: Any) -> Record:
    return support.record(now_ms=NOW, **attributes)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        # connectedAt decides
        ({"connectedAt": n(NOW)}, "fresh"),
        ({"connectedAt": n(NOW - SUSPECT_MS + 1)}, "fresh"),
        ({"connectedAt": n(NOW - SUSPECT_MS)}, "suspect"),
        ({"connectedAt": n(NOW - EXPIRED_MS + 1)}, "suspect"),
        ({"connectedAt": n(NOW - EXPIRED_MS)}, "expired"),
        ({"connectedAt": n(f"{NOW - EXPIRED_MS}.5")}, "expired"),
        ({"connectedAt": n(FIRST_API_MS)}, "expired"),
        # until it was seen again
        ({"connectedAt": n(NOW - HOUR), "lastSeenAt": n(NOW - SUSPECT_MS + 1)}, "fresh"),
        ({"connectedAt": n(NOW - HOUR), "lastSeenAt": n(NOW - SUSPECT_MS)}, "suspect"),
        ({"connectedAt": n(NOW - HOUR), "lastSeenAt": {"S": str(NOW)}}, "suspect"),
        ({"connectedAt": n(NOW - HOUR), "lastSeenAt": n(0)}, "suspect"),
        ({"connectedAt": n(NOW - HOUR), "lastSeenAt": n(NOW + MINUTE)}, "fresh"),
        ({"connectedAt": n(NOW - HOUR), "lastSeenAt": n(NOW * 1000)}, "suspect"),  # µs
        ({"connectedAt": n(NOW - MINUTE), "lastSeenAt": n(NOW - HOUR)}, "fresh"),
        ({"connectedAt": n(NOW - EXPIRED_MS), "lastSeenAt": n(NOW)}, "expired"),
        # expiresAt contradicts nothing
        ({"connectedAt": n(NOW), "expiresAt": n(NOW // S - 1_000)}, "fresh"),
        # a time that can't be one
        ({}, "timeless"),
        ({"connectedAt": {"S": str(NOW - EXPIRED_MS)}}, "timeless"),
        ({"connectedAt": {"NULL": True}}, "timeless"),
        ({"connectedAt": n(NOW // S)}, "timeless"),
        ({"connectedAt": n(NOW * 1_000)}, "timeless"),
        ({"connectedAt": n(0)}, "timeless"),
        ({"connectedAt": n(-1)}, "timeless"),
        ({"connectedAt": n(FIRST_API_MS - 1)}, "timeless"),
        ({"connectedAt": n("1e40")}, "timeless"),
        ({"connectedAt": n(NOW + MINUTE)}, "fresh"),
        ({"connectedAt": n(NOW + MINUTE + 1)}, "timeless"),
        # then expiresAt decides: 2 h after the connection began, plus the margin
        ({"expiresAt": n(NOW // S - 300)}, "timeless"),
        ({"expiresAt": n(NOW // S - 301)}, "expired"),
        ({"expiresAt": n(NOW // S + 7_200)}, "timeless"),
        ({"expiresAt": n(NOW - HOUR)}, "timeless"),
        ({"expiresAt": n(FIRST_API_MS // S)}, "expired"),
        ({"expiresAt": n(FIRST_API_MS // S - 1)}, "timeless"),
        ({"expiresAt": n(1)}, "timeless"),
        ({"expiresAt": {"S": str(NOW // S - 301)}}, "timeless"),
        ({"connectedAt": n(NOW // S - 9_000), "expiresAt": n(NOW // S - 301)}, "expired"),
        # whose it is
        ({"connectedAt": n(NOW - EXPIRED_MS), "apiId": {"S": "api2"}}, "foreign"),
        ({"connectedAt": n(NOW - EXPIRED_MS), "apiId": {"S": "api1"}, "stage": {"S": "test"}}, "foreign"),
        ({"connectedAt": n(NOW - EXPIRED_MS), "apiId": {"S": "api1"}, "stage": {"S": "live"}}, "expired"),
        ({"connectedAt": n(NOW - EXPIRED_MS), "apiId": {"S": ""}}, "expired"),
        ({"connectedAt": n(NOW - EXPIRED_MS), "apiId": n(7)}, "expired"),
    ],
    ids=str,
)
def test_a_record_is_judged_by_its_times_and_owner(attributes: Item, expected: str) -> None:
    assert judge_record.judge(record(**attributes), settings()) == expected


def test_without_an_api_every_record_is_our_own() -> None:
    alone = Settings({"CONNECTIONS_TABLE": "connections"})
    assert judge_record.judge(record(connectedAt=n(NOW - EXPIRED_MS), apiId={"S": "api2"}), alone) == "expired"


def test_no_record_is_suspect_while_connect_may_be_at_work() -> None:
    eager = settings(SUSPECT_AFTER_SECONDS="0")
    assert judge_record.judge(record(connectedAt=n(NOW - MINUTE + 1)), eager) == "fresh"
    assert judge_record.judge(record(connectedAt=n(NOW - MINUTE)), eager) == "suspect"


def test_how_long_a_suspect_is_silent_can_be_an_argument() -> None:
    quiet = record(connectedAt=n(NOW - HOUR), lastSeenAt=n(NOW - 2 * MINUTE))
    assert judge_record.judge(quiet, settings()) == "fresh"
    assert judge_record.judge(quiet, settings(), suspect_after_ms=2 * MINUTE) == "suspect"
    assert judge_record.judge(record(connectedAt=n(NOW - MINUTE + 1)), settings(), suspect_after_ms=0) == "fresh"


@pytest.mark.parametrize(
    ("attributes", "young"),
    [
        ({"connectedAt": n(NOW - MINUTE + 1)}, True),
        ({"connectedAt": n(NOW - MINUTE)}, False),
        ({}, False),
        ({"connectedAt": n(NOW // S)}, False),
    ],
    ids=str,
)
def test_a_connection_is_young_for_a_minute(attributes: Item, young: bool) -> None:
    assert record(**attributes).is_young is young


@pytest.mark.parametrize(
    ("attributes", "silent"),
    [
        ({"connectedAt": n(NOW - 5)}, 5),
        ({"connectedAt": n(NOW - 5_000), "lastSeenAt": n(NOW - 5)}, 5),
        ({"connectedAt": n(NOW - 5), "lastSeenAt": n(NOW - 5_000)}, 5),
        ({"lastSeenAt": n(NOW - 5)}, 0),
    ],
    ids=str,
)
def test_a_record_is_silent_since_it_was_made_or_last_seen(attributes: Item, silent: int) -> None:
    assert judge_record.silent_ms(record(**attributes), NOW) == silent


def test_the_margin_beyond_two_hours_is_a_setting() -> None:
    patient = settings(EXPIRED_AFTER_SECONDS="10000")
    assert judge_record.judge(record(connectedAt=n(NOW - 10_000 * S + 1)), patient) == "suspect"
    assert judge_record.judge(record(connectedAt=n(NOW - 10_000 * S)), patient) == "expired"
    assert judge_record.judge(record(expiresAt=n(NOW // S - 2_800)), patient) == "timeless"
    assert judge_record.judge(record(expiresAt=n(NOW // S - 2_801)), patient) == "expired"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"apiId": {"S": "api1"}, "stage": {"S": "live"}}, True),
        ({"apiId": {"S": "api1"}}, False),
        ({"stage": {"S": "live"}}, False),
        ({"apiId": {"S": "api1"}, "stage": {"S": "test"}}, False),
        ({}, False),
    ],
    ids=str,
)
def test_a_record_proves_to_be_ours_by_api_and_stage(attributes: Item, expected: bool) -> None:
    assert judge_record.is_proven_ours(record(**attributes), settings()) is expected
    assert not judge_record.is_proven_ours(record(**attributes), Settings({"CONNECTIONS_TABLE": "connections"}))
    assert not judge_record.is_proven_ours(record(**attributes), settings(WEBSOCKET_STAGE=""))


ATTRIBUTE = st.fixed_dictionaries(
    {}, optional={"N": st.text() | st.integers().map(str) | st.floats().map(str), "S": st.text(), "BOOL": st.booleans()}
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(["connectedAt", "expiresAt", "lastSeenAt", "apiId", "stage"], ATTRIBUTE)))
def test_no_record_is_too_strange_to_be_judged(attributes: Item) -> None:
    assert judge_record.judge(record(**attributes), settings()) in ("expired", "suspect", "timeless", "foreign", "fresh")


@given(st.integers(NOW - 2 * HOUR, NOW), st.integers(0, 2**53), st.integers(0, 2**53))
def test_a_connection_younger_than_two_hours_is_never_expired(connected_at: int, expires_at: int, seen_at: int) -> None:
    young = record(connectedAt=n(connected_at), expiresAt=n(expires_at), lastSeenAt=n(seen_at))
    assert judge_record.judge(young, settings()) in ("fresh", "suspect")
