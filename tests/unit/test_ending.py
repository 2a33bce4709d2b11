"""What an event or a record says of a connection that ended."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import cause
import ending
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.support import Clock, event, record

KEY = st.text(max_size=5)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | KEY
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3), max_leaves=5)
NUMBER = st.integers(-1, 2**54) | JSON
TEXT = st.text(st.characters(), max_size=300) | JSON
CONTEXT = st.fixed_dictionaries(
    {"connectionId": st.text(min_size=1, max_size=128)},
    optional={
        **dict.fromkeys(["connectedAt", "requestTimeEpoch", "disconnectStatusCode"], NUMBER),
        **dict.fromkeys(["disconnectReason", "apiId", "stage", "requestId"], TEXT),
        "identity": st.fixed_dictionaries({}, optional={"sourceIp": TEXT, "userAgent": TEXT}),
    },
)


@pytest.mark.parametrize(
    ("changes", "duration_ms"),
    [
        ({}, 7_076),
        ({"connectedAt": 1_795_234_586_555}, 0),
        ({"connectedAt": 1_795_234_586_556}, None),
        ({"connectedAt": None}, None),
        ({"connectedAt": "1795234579479"}, None),
        ({"connectedAt": True}, None),
        ({"connectedAt": -1}, None),
        ({"connectedAt": 2**53}, None),
    ],
    ids=repr,
)
def test_a_connection_lasted_from_connected_at_to_the_event(changes: dict[str, Any], duration_ms: int | None) -> None:
    assert ending.from_event(event(**changes), "off").get("durationMs") == duration_ms


@given(JSON | st.fixed_dictionaries({"requestContext": JSON | CONTEXT}), st.sampled_from(["full", "masked", "off"]))
def test_any_event_gives_short_texts_or_is_rejected(hostile: Any, mode: str) -> None:
    with contextlib.suppress(ending.RejectedError):
        known = ending.from_event(hostile, mode)
        assert all(len(value) <= 256 for value in known.values() if isinstance(value, str))


def test_an_event_without_its_time_ended_now(clock: Clock) -> None:
    assert ending.from_event(event(requestTimeEpoch="soon"), "off")["endedAt"] == clock.ms


def test_nothing_that_a_client_wrote_gets_past_the_masking() -> None:
    wrote = event(disconnectReason="Kim's", identity={"sourceIp": "203.0.113.24", "userAgent": "Kim/1 (Kim) curl/Kim"})
    known = ending.from_event(wrote, "masked")
    assert "Kim" not in json.dumps(known)
    assert known["cause"] == "client_closed"


def test_a_swept_record_tells_whose_it_was_and_has_no_duration(clock: Clock) -> None:
    found = record(apiId="api1", stage="live", connectedAt=1, sourceIp="203.0.113.24")
    known = ending.from_record(found, "expired")
    assert known == {"connectionId": "c", "cause": "expired", "endedAt": clock.ms, "apiId": "api1", "stage": "live"}


# Why it ended, derived from close code, reason and duration

GOING_AWAY = "Going away"  # API Gateway's own words
TEN_MINUTES = 10 * 60 * 1000
TWO_HOURS = 2 * 60 * 60 * 1000


@pytest.mark.parametrize(
    ("expected", "code", "reason", "duration_ms"),
    [
        ("client_closed", 1005, "Client-side close frame status not set", 7_076),
        ("client_closed", 1005, "", None),
        ("client_closed", 1000, "", 7_076),
        ("client_closed", 1000, "bye", 7_076),
        ("closed_by_server", 1000, "Connection Closed Normally", 7_076),
        ("navigated_away", 1001, "", TWO_HOURS),
        ("navigated_away", 1001, GOING_AWAY, TEN_MINUTES - 1),
        ("idle_timeout", 1001, GOING_AWAY, TEN_MINUTES),
        ("idle_timeout", 1001, GOING_AWAY, TWO_HOURS - 1),
        ("expired", 1001, GOING_AWAY, TWO_HOURS),
        ("idle_timeout", 1001, GOING_AWAY, None),
        ("idle_timeout", 1001, "going AWAY", TEN_MINUTES),
        ("navigated_away", 1001, "Going away!", TEN_MINUTES),
        ("message_too_big", 1009, "Message too long", 1),
        *[("abnormal", code, "", 1) for code in (1002, 1003, 1006, 1008, 1015)],
        *[("unknown", code, "", 1) for code in (0, 999, 1016, 2999, 5000)],
        *[("client_closed", code, "", 1) for code in (3000, 4999)],
        ("unknown", None, GOING_AWAY, TWO_HOURS),
    ],
)
def test_code_reason_and_duration_tell_the_cause(expected: str, code: int | None, reason: str, duration_ms: int | None) -> None:
    assert cause.classify(code, reason, duration_ms) == expected
    assert expected in cause.CAUSES


def test_the_list_is_the_one_the_documentation_explains() -> None:
    rows = re.findall(r"^\| (\w+) \|", cause.__doc__ or "", re.MULTILINE)
    assert {*rows} - {"cause"} == cause.CAUSES
