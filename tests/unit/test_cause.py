"""Why a connection ended, derived from close code, reason and duration."""

from __future__ import annotations

import cause
import pytest
from hypothesis import given
from hypothesis import strategies as st

GOING_AWAY = "Going away"  # API Gateway's own words
TEN_MINUTES = 10 * 60 * 1000
TWO_HOURS = 2 * 60 * 60 * 1000


@pytest.mark.parametrize(
    ("code", "reason", "duration_ms", "expected"),
    [
        (1005, "Client-side close frame status not set", 7_076, "client_closed"),
        (1005, "", None, "client_closed"),
        (1000, "", 7_076, "client_closed"),
        (1000, "bye", 7_076, "client_closed"),
        (1000, "Connection Closed Normally", 7_076, "closed_by_server"),
        (1001, "", 7_076, "navigated_away"),
        (1001, "", TWO_HOURS, "navigated_away"),
        (1001, GOING_AWAY, TEN_MINUTES - 1, "navigated_away"),
        (1001, GOING_AWAY, TEN_MINUTES, "idle_timeout"),
        (1001, GOING_AWAY, TWO_HOURS - 1, "idle_timeout"),
        (1001, GOING_AWAY, TWO_HOURS, "expired"),
        (1001, GOING_AWAY, None, "idle_timeout"),
        (1001, "going AWAY", TEN_MINUTES, "idle_timeout"),
        (1001, "Going away!", TEN_MINUTES, "navigated_away"),
        (1009, "Message too long", 1, "message_too_big"),
        (1002, "", 1, "abnormal"),
        (1003, "", 1, "abnormal"),
        (1006, "", 1, "abnormal"),
        (1008, "", 1, "abnormal"),
        (1015, "", 1, "abnormal"),
        (1016, "", 1, "unknown"),
        (999, "", 1, "unknown"),
        (0, "", 1, "unknown"),
        (2999, "", 1, "unknown"),
        (3000, "", 1, "client_closed"),
        (4999, "", 1, "client_closed"),
        (5000, "", 1, "unknown"),
        (None, GOING_AWAY, TWO_HOURS, "unknown"),
    ],
)
def test_code_reason_and_duration_tell_the_cause(code: int | None, reason: str, duration_ms: int | None, expected: str) -> None:
    assert cause.classify(code, reason, duration_ms) == expected


@given(st.none() | st.integers(0, 2**53), st.text(), st.none() | st.integers(0, 2**53))
def test_every_cause_is_on_the_closed_list(code: int | None, reason: str, duration_ms: int | None) -> None:
    assert cause.classify(code, reason, duration_ms) in cause.CAUSES


def test_the_list_is_the_one_the_documentation_explains() -> None:
    explained = {
        line.split("|")[1].strip() for line in (cause.__doc__ or "").splitlines() if line.startswith("| ") and "| meaning" not in line
    }
    assert explained == cause.CAUSES
