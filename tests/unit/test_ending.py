"""What an event or a record says of a connection that ended."""

from __future__ import annotations

import json
from typing import Any

import ending
import pytest
from hypothesis import strategies as st

from tests.unit.support import Clock, event, record

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
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
