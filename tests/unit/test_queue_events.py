"""What API Gateway's template writes into the disconnect queue is read back as it was."""

from __future__ import annotations

from typing import Any

import ending
import pytest
import queue_events
from hypothesis import example, given
from hypothesis import strategies as st

from tests.queue_message import rendered

HOSTILE = st.text(st.sampled_from("&=%+;?#$!{}()\"'\\/.\n\r\0 \ufeff\ufffe\ud800é😀ab1") | st.characters(), max_size=60) | st.sampled_from(
    ["&connectionId=victim", "%26connectionId%3Dvictim", "$context.connectionId", '#set($x = "y")', "${x}", "a=b&&&=", "é&" * 1_000]
)
WORD = st.text("abcXYZ019_-=$", min_size=1, max_size=40)
TIME = st.integers(1, 2**53 - 1)  # an event without a time, or of time 0, ended when it is read: two readings, two times
CLIENT = ["userAgent", "sourceIp"]
CONTEXT = st.fixed_dictionaries(
    {"connectionId": WORD, "eventType": st.just("DISCONNECT"), "identity": st.fixed_dictionaries(dict.fromkeys(CLIENT, HOSTILE))},
    optional={
        **dict.fromkeys(["connectedAt", "requestTimeEpoch"], TIME),
        "disconnectStatusCode": st.integers(1000, 4999),
        "disconnectReason": HOSTILE,
        **dict.fromkeys(["apiId", "requestId"], WORD),
        "stage": HOSTILE,
    },
)


@given(CONTEXT)
@example({"connectionId": "c", "identity": {"userAgent": "", "sourceIp": ""}})
def test_a_message_tells_what_an_invocation_tells(context: dict[str, Any]) -> None:
    direct = ending.from_event({"requestContext": {"requestTimeEpoch": 1, **context}}, "full")
    queued = ending.from_event(queue_events.to_event(rendered({"requestTimeEpoch": 1, **context})), "full")
    assert queued == {name: value for name, value in direct.items() if value != ""}


@given(st.text() | st.none() | st.integers() | st.binary())
def test_anything_else_is_an_event_or_rejected(body: object) -> None:
    try:
        found = ending.from_event(queue_events.to_event(body), "full")
    except ending.RejectedError:
        return
    assert isinstance(found["connectionId"], str)
    assert "connectionId=" in str(body)


TWICE = ["connectionId=a&connectionId=b", "identity=x&identity.userAgent=y&connectionId=a", "identity.a=y&identity=x&connectionId=a"]
TOO_MANY = "&".join(["connectionId=a", *(f"f{number}=1" for number in range(100))])


@pytest.mark.parametrize("body", [*TWICE, TOO_MANY, "a.b.c=1&a.b=2", '{"version": 1}', "", None], ids=lambda body: str(body)[:40])
def test_what_the_template_can_not_have_written_is_rejected(body: object) -> None:
    with pytest.raises(ending.RejectedError):
        ending.from_event(queue_events.to_event(body), "full")


@pytest.mark.parametrize(("sent", "waited"), [("1000", True), ("x", False), ("", False), ("99999999999999", True)])
def test_a_message_tells_how_long_it_waited(sent: str, waited: bool) -> None:
    assert (queue_events.waited_ms({"attributes": {"SentTimestamp": sent}}) is not None) == waited
    assert queue_events.waited_ms({}) is None
