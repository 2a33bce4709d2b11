"""What is queued is read as it was written, under the privacy mode of now; nothing else is read."""

from __future__ import annotations

import json
from typing import Any

import ending
import messages
import pytest
from ending import RejectedError
from hypothesis import example, given
from sweep_part import Part

from tests.unit.support import ended
from tests.unit.test_ending import CONTEXT

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
CONTENTS: list[dict[str, Any]] = [
    {},
    *({"close": {"ended": {**KIM, name: value}}} for name, values in WRONG.items() for value in values),
    *({name: content} for name in ("close", "finish", "offline", "gone") for content in WORTHLESS),
    {"sweep": None},
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
