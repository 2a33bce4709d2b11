"""What an event or a retry message tells of a connection that ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import ended
import messages
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.support import EVENTS, Clock, event, record

if TYPE_CHECKING:
    from typing import Any


def read_ended(value: object) -> Any:
    """What the queue brings back of it."""
    message = messages.read(json.dumps({"version": 1, "close": {"ended": value}}), "full")
    assert isinstance(message, messages.Close)
    return message.ended


NUMBER = st.integers(-1, 2**54) | st.booleans() | st.floats() | st.text() | st.none()
TEXT = st.text(st.characters(), max_size=300) | st.integers() | st.none()
CONTEXT = st.fixed_dictionaries(
    {"connectionId": st.text(min_size=1, max_size=128)},
    optional={
        **dict.fromkeys(["connectedAt", "requestTimeEpoch", "disconnectStatusCode"], NUMBER),
        **dict.fromkeys(["disconnectReason", "apiId", "stage", "requestId"], TEXT),
        "identity": st.fixed_dictionaries({}, optional={"sourceIp": TEXT, "userAgent": TEXT}),
    },
)


@given(CONTEXT)
def test_what_an_event_tells_survives_the_retry_queue(context: dict[str, Any]) -> None:
    told = ended.from_event({"requestContext": context}, "full")
    assert read_ended(told) == told


@given(CONTEXT)
def test_what_an_event_tells_can_be_encoded(context: dict[str, Any]) -> None:
    json.dumps(ended.from_event({"requestContext": context}, "full"), ensure_ascii=False).encode()


@pytest.mark.parametrize("name", [path.stem for path in EVENTS.glob("*.json")])
def test_a_sample_survives_the_retry_queue(name: str) -> None:
    told = ended.from_event(event(name), "full")
    assert read_ended(told) == told


def test_a_client_id_survives_the_retry_queue_whole() -> None:
    told = {"connectionId": "c", "cause": "gone", "endedAt": 1, "clientId": "k" * 2_000}
    assert read_ended(told) == told


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
    assert ended.from_event(event(**changes), "off").get("durationMs") == duration_ms


def test_an_event_without_its_time_ended_now(clock: Clock) -> None:
    before = clock.ms
    assert before <= ended.from_event(event(requestTimeEpoch="soon"), "off")["endedAt"] <= clock.ms


def test_a_close_code_that_is_no_whole_number_is_left_out() -> None:
    told = ended.from_event(event(disconnectStatusCode="1005"), "off")
    assert "closeCode" not in told
    assert told["cause"] == "unknown"


def test_nothing_that_a_client_wrote_itself_gets_past_the_masking() -> None:
    wrote = event(disconnectReason="Kim's", identity={"sourceIp": "203.0.113.24", "userAgent": "Kim/1 (Kim) curl/Kim"})
    told = ended.from_event(wrote, "masked")
    assert "Kim" not in json.dumps(told)
    assert told["cause"] == "client_closed"


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {},
        {"connectionId": "c", "cause": "gone"},
        {"connectionId": "c", "cause": "gone", "endedAt": -1},
        {"connectionId": "c", "cause": "gone", "endedAt": "1"},
        {"connectionId": "c", "cause": "boredom", "endedAt": 1},
        {"connectionId": "c", "cause": [], "endedAt": 1},
        {"connectionId": "c", "cause": {}, "endedAt": 1},
        {"connectionId": "", "cause": "gone", "endedAt": 1},
        {"connectionId": "x" * 2_049, "cause": "gone", "endedAt": 1},
        {"cause": "gone", "endedAt": 1},
    ],
    ids=repr,
)
def test_a_message_that_lacks_what_closing_needs_is_rejected(message: object) -> None:
    with pytest.raises(ended.RejectedError):
        read_ended(message)


def test_a_message_about_any_key_that_the_sweep_finds_is_read() -> None:
    longest = {"connectionId": "x" * 2_048, "cause": "expired", "endedAt": 1}
    assert read_ended(longest) == longest


def test_a_swept_record_tells_whose_it_was_and_has_no_duration(clock: Clock) -> None:
    found = record(apiId="api1", stage="live", connectedAt=1, sourceIp="203.0.113.24")
    before = clock.ms
    told = ended.from_record(found, "expired")
    assert before <= told["endedAt"] <= clock.ms
    assert told == {"connectionId": "c", "cause": "expired", "endedAt": told["endedAt"], "apiId": "api1", "stage": "live"}
