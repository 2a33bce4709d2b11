"""What is queued is read as it was written, under the privacy mode of now; nothing else is read."""

from __future__ import annotations

import json
from typing import Any

import ending
import messages
import pytest
from ending import RejectedError
from hypothesis import example, given
from hypothesis import strategies as st
from sweep_part import LONGEST_LIST, Part, fitting

from tests.unit.support import Clock, ended
from tests.unit.test_ending import CONTEXT, JSON

KIM = ended("c", clientId="kim")


def queued(known: Any, details: str = "full") -> Any:
    """What the queue brings back of an ended connection."""
    message = messages.read(json.dumps({"version": 1, "close": {"ended": known}}), details)
    assert isinstance(message, messages.Close)
    return message.ended


@pytest.mark.parametrize(
    "message",
    [
        messages.Close(KIM),
        messages.Finish(KIM, ["history", "announce"]),
        messages.Offline(KIM, "offline/c"),
        messages.Offline(KIM, "offline/c", again=True),
        messages.Gone("c"),
        Part(2, 5, "k" * 2048, 7, 1_795_300_000_000, 1_795_300_300_000, 3, 60_000, scans=False, again=["a", "é"]),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_is_read_as_it_was_written(message: Any) -> None:
    assert messages.read(messages.write(message), "masked") == message


@given(CONTEXT)
@example({"connectionId": "c", "stage": "\ud800"})
def test_whatever_an_event_says_survives_the_queue(context: dict[str, Any]) -> None:
    for mode in ("full", "masked", "off"):
        known = ending.from_event({"requestContext": context}, mode)
        assert queued(known, mode) == known
        json.dumps(known, ensure_ascii=False).encode()  # DynamoDB takes nothing that UTF-8 can't encode


@pytest.mark.parametrize(
    ("mode", "address", "agent", "reason"),
    [("full", "203.0.113.24", "curl/8.2 (Kim)", "Kim's"), ("masked", "203.0.113.0", "curl/8", None), ("off", None, None, None)],
)
def test_a_stricter_mode_masks_what_was_queued_before(mode: str, address: str | None, agent: str | None, reason: str | None) -> None:
    read = queued(ended("c", sourceIp="203.0.113.24", userAgent="curl/8.2 (Kim)", closeReason="Kim's"), mode)
    assert (read.get("sourceIp"), read.get("userAgent"), read.get("closeReason")) == (address, agent, reason)


@pytest.mark.parametrize("known", [{"connectionId": "x" * 2_048}, {"clientId": "k" * 2_000}], ids=["any key of a table", "any client"])
def test_a_long_id_is_read_whole(known: dict[str, str]) -> None:
    ended = {"connectionId": "c", "cause": "gone", "endedAt": 1, **known}
    assert queued(ended) == ended


BODIES: list[Any] = [None, 7, "", "not JSON", "7", "null", "[]", "NaN", '"text"', "1" * 5_000, "[" * 100_000, "{}"]
WORTHLESS: list[Any] = [None, [], {}, {"ended": {}}]
WRONG: dict[str, list[Any]] = {"cause": [None, "boredom", [], {}], "endedAt": [None, -1, "1"], "connectionId": [None, "", "x" * 2_049]}
WRONG_PARTS: dict[str, list[Any]] = {
    "segment": [1, -1, True, "0"],
    "segments": [0, 1.0, 101],
    "active": [-1, "1"],
    "began_ms": [-1],
    "until_ms": ["soon"],
    "period_s": ["300", []],
    "hops": [-1],
    "suspect_after_ms": ["60000"],
    "start": ["", 7, "x" * 2049, "\ud800"],
    "again": ["c", [7], [""]],
}
CONTENTS: list[dict[str, Any]] = [
    {},
    *({"close": {"ended": {**KIM, name: value}}} for name, values in WRONG.items() for value in values),
    *({name: content} for name in ("close", "finish", "offline", "gone") for content in WORTHLESS),
    {"sweep": None},
    {"sweep": []},
    *({"sweep": {name: value}} for name, values in WRONG_PARTS.items() for value in values),
    {"version": "1", "close": {"ended": KIM}},
    {"version": 2, "close": {"ended": KIM}},
    {"finish": {"ended": KIM}},
    {"finish": {"ended": KIM, "steps": "history"}},
    {"finish": {"ended": KIM, "steps": [7]}},
    {"offline": {"ended": ended("c"), "id": "offline/c"}},
    {"offline": {"ended": ended("c", clientId="x" * 2049), "id": "offline/c"}},
    {"offline": {"ended": ended("c", clientId="\ud800"), "id": "offline/c"}},
    {"offline": {"ended": KIM, "id": ""}},
    {"offline": {"ended": KIM}},
    {"gone": {"connectionId": "x" * 129}},
]
BODIES += [json.dumps({"version": 1, **content}) for content in CONTENTS]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body)[:80])
def test_what_none_of_us_wrote_is_rejected(body: object) -> None:
    with pytest.raises(RejectedError):
        messages.read(body, "masked")


WORK = JSON | st.fixed_dictionaries({}, optional={"ended": JSON, "steps": JSON})
ASKS = {"close": WORK, "finish": WORK, "offline": WORK, "sweep": st.lists(JSON, max_size=2)}


@given(JSON | st.fixed_dictionaries({"version": st.just(1) | JSON}, optional=ASKS))
def test_no_other_message_is_read(message: object) -> None:
    with pytest.raises(RejectedError):
        messages.read(json.dumps(message), "masked")


def test_a_part_is_the_whole_table_unless_said_otherwise(clock: Clock) -> None:
    assert Part.parse({}) == Part(began_ms=clock.ms, until_ms=clock.ms + 300_000)


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600", '"'])
def test_a_message_holds_as_many_ids_as_fit(letter: str) -> None:
    ids = [letter * 100] * 10_000
    fit = fitting(ids)
    assert 0 < len(fit) < len(ids)
    assert LONGEST_LIST - 1_300 < len(json.dumps(fit, separators=(",", ":"))) <= LONGEST_LIST + 2
    assert len(messages.write(Part(start=letter * 512, again=fit))) < 256_000
    assert fitting(ids[:2]) == ids[:2]
