"""Why a connection ended, derived from close code, reason and duration."""

from __future__ import annotations

import re

import cause
import pytest

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
