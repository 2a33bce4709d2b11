"""What a record tells by itself about its connection."""

from __future__ import annotations

from typing import Any

import judge_record
import pytest
from hypothesis import given
from hypothesis import strategies as st
from record import FIRST_API_MS, Record
from settings import Settings

from tests.unit import support
from tests.unit.support import Item

NOW = 1_795_300_000_000
S, MINUTE, HOUR = 1_000, 60_000, 3_600_000
EXPIRED_MS, SUSPECT_MS = 7_500 * S, 660 * S


def settings(**environment: str) -> Settings:
    return Settings({"CONNECTIONS_TABLE": support.TABLE, **support.API, **environment})


def record(**attributes: Any) -> Record:
    return support.record(now_ms=NOW, **attributes)


@pytest.mark.parametrize(
    ("expected", "attributes"),
    [
        # connectedAt decides
        ("fresh", {"connectedAt": NOW - SUSPECT_MS + 1}),
        ("suspect", {"connectedAt": NOW - SUSPECT_MS}),
        ("suspect", {"connectedAt": NOW - EXPIRED_MS + 1}),
        ("expired", {"connectedAt": NOW - EXPIRED_MS}),
        ("expired", {"connectedAt": {"N": f"{NOW - EXPIRED_MS}.5"}}),
        ("expired", {"connectedAt": FIRST_API_MS}),
        # until it was seen again
        ("fresh", {"connectedAt": NOW - HOUR, "lastSeenAt": NOW - SUSPECT_MS + 1}),
        ("suspect", {"connectedAt": NOW - HOUR, "lastSeenAt": NOW - SUSPECT_MS}),
        ("suspect", {"connectedAt": NOW - HOUR, "lastSeenAt": str(NOW)}),
        ("fresh", {"connectedAt": NOW - HOUR, "lastSeenAt": NOW + MINUTE}),
        ("suspect", {"connectedAt": NOW - HOUR, "lastSeenAt": NOW + MINUTE + 1}),
        ("fresh", {"connectedAt": NOW - MINUTE, "lastSeenAt": NOW - HOUR}),
        ("expired", {"connectedAt": NOW - EXPIRED_MS, "lastSeenAt": NOW}),
        # expiresAt contradicts nothing
        ("fresh", {"connectedAt": NOW, "expiresAt": NOW // S - 1_000}),
        # a time that can't be one
        ("timeless", {}),
        ("timeless", {"connectedAt": str(NOW - EXPIRED_MS)}),
        ("timeless", {"connectedAt": {"NULL": True}}),
        ("timeless", {"connectedAt": NOW // S}),
        ("timeless", {"connectedAt": -1}),
        ("timeless", {"connectedAt": FIRST_API_MS - 1}),
        ("timeless", {"connectedAt": {"N": "1e40"}}),
        ("fresh", {"connectedAt": NOW + MINUTE}),
        ("timeless", {"connectedAt": NOW + MINUTE + 1}),
        # then expiresAt decides: 2 h after the connection began, plus the margin
        ("timeless", {"expiresAt": NOW // S - 300}),
        ("expired", {"expiresAt": NOW // S - 301}),
        ("timeless", {"expiresAt": NOW - HOUR}),
        ("expired", {"expiresAt": FIRST_API_MS // S}),
        ("timeless", {"expiresAt": FIRST_API_MS // S - 1}),
        ("timeless", {"expiresAt": str(NOW // S - 301)}),
        ("expired", {"connectedAt": NOW // S - 9_000, "expiresAt": NOW // S - 301}),
        # whose it is
        ("foreign", {"connectedAt": NOW - EXPIRED_MS, "apiId": "api2"}),
        ("foreign", {"connectedAt": NOW - EXPIRED_MS, "apiId": "api1", "stage": "test"}),
        ("expired", {"connectedAt": NOW - EXPIRED_MS, "apiId": "api1", "stage": "live"}),
        ("expired", {"connectedAt": NOW - EXPIRED_MS, "apiId": ""}),
        ("expired", {"connectedAt": NOW - EXPIRED_MS, "apiId": 7}),
    ],
    ids=str,
)
def test_a_record_is_judged_by_its_times_and_owner(expected: str, attributes: dict[str, Any]) -> None:
    assert judge_record.judge(record(**attributes), settings()) == expected


def test_without_an_api_every_record_is_our_own() -> None:
    alone = settings(WEBSOCKET_API_ID="", WEBSOCKET_STAGE="")
    assert judge_record.judge(record(connectedAt=NOW - EXPIRED_MS, apiId="api2"), alone) == "expired"


@pytest.mark.parametrize(("age_ms", "standing", "young"), [(MINUTE - 1, "fresh", True), (MINUTE, "suspect", False)])
def test_no_record_is_suspect_while_connect_may_be_at_work(age_ms: int, standing: str, young: bool) -> None:
    found = record(connectedAt=NOW - age_ms)
    assert judge_record.judge(found, settings(SUSPECT_AFTER_SECONDS="0")) == standing
    assert judge_record.judge(found, settings(), suspect_after_ms=0) == standing
    assert found.is_young is young
    assert not record().is_young


def test_the_margin_beyond_two_hours_is_a_setting() -> None:
    patient = settings(EXPIRED_AFTER_SECONDS="10000")
    assert judge_record.judge(record(connectedAt=NOW - 10_000 * S + 1), patient) == "suspect"
    assert judge_record.judge(record(connectedAt=NOW - 10_000 * S), patient) == "expired"
    assert judge_record.judge(record(expiresAt=NOW // S - 2_800), patient) == "timeless"
    assert judge_record.judge(record(expiresAt=NOW // S - 2_801), patient) == "expired"


@pytest.mark.parametrize("attributes", [{"apiId": "api1"}, {"stage": "live"}, {"apiId": "api1", "stage": "test"}, {}], ids=str)
def test_a_record_proves_to_be_ours_by_api_and_stage(attributes: dict[str, str]) -> None:
    assert judge_record.is_proven_ours(record(apiId="api1", stage="live"), settings())
    assert not judge_record.is_proven_ours(record(**attributes), settings())
    assert not judge_record.is_proven_ours(record(**attributes), settings(WEBSOCKET_STAGE=""))
    assert not judge_record.is_proven_ours(record(**attributes), settings(WEBSOCKET_API_ID="", WEBSOCKET_STAGE=""))


ATTRIBUTE = st.fixed_dictionaries(
    {}, optional={"N": st.text() | st.integers().map(str) | st.floats().map(str), "S": st.text(), "BOOL": st.booleans()}
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(["connectedAt", "expiresAt", "lastSeenAt", "apiId", "stage"], ATTRIBUTE)))
def test_no_record_is_too_strange_to_be_judged(attributes: Item) -> None:
    assert judge_record.judge(record(**attributes), settings()) in ("expired", "suspect", "timeless", "foreign", "fresh")


@given(st.integers(NOW - 2 * HOUR, NOW), st.integers(0, 2**53), st.integers(0, 2**53))
def test_a_connection_younger_than_two_hours_is_never_expired(connected_at: int, expires_at: int, seen_at: int) -> None:
    young = record(connectedAt=connected_at, expiresAt=expires_at, lastSeenAt=seen_at)
    assert judge_record.judge(young, settings()) in ("fresh", "suspect")
