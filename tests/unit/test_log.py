"""One JSON object a line, which is a metric too when it has to be."""

from __future__ import annotations

import json
from typing import Any

import log
import pytest
from hypothesis import given
from hypothesis import strategies as st
from route_settings import RouteSettings

from tests.unit.support import Clock, Lines, ended


def test_a_line_has_time_level_and_outcome_before_its_fields(clock: Clock, lines: Lines) -> None:
    clock.now = 1_795_305_600.0625
    log.emit("removed", {"connectionId": "c"})
    [line] = lines()
    assert list(line) == ["timestamp", "level", "outcome", "connectionId"]
    assert list(line.values()) == ["2026-11-22T00:00:00.062Z", "INFO", "removed", "c"]


def test_level_warn_leaves_out_info_lines_without_metrics(lines: Lines) -> None:
    log.configure(RouteSettings({"CONNECTIONS_TABLE": "connections", "LOG_LINE_LEVEL": "WARN"}))
    log.report("removed", ended("left out"), counted=False)
    log.report("removed", ended("counted"), counted=True)
    log.emit("postponed", {}, "WARN")
    log.emit("rejected", {}, "ERROR")
    log.emit("swept", {}, metrics={"": {"Silent": (7, "Seconds")}})
    assert [line["outcome"] for line in lines()] == ["removed", "postponed", "rejected", "swept"]


def test_metrics_are_fields_of_the_line_under_their_dimensions(clock: Clock, lines: Lines) -> None:
    """Source: "Specification: Embedded metric format". The time is a whole number."""
    log.emit("swept", {"segment": "0"}, metrics={"": {"Silent": (7, "Seconds")}, "segment": {"ActiveConnections": (3, "Count")}})
    [line] = lines()
    assert (line["Name"], line["Silent"], line["ActiveConnections"]) == ("test-api", 7, 3)
    assert repr(line["_aws"]["Timestamp"]) == repr(clock.ms)
    silent, active = {"Name": "Silent", "Unit": "Seconds"}, {"Name": "ActiveConnections", "Unit": "Count"}
    assert line["_aws"]["CloudWatchMetrics"] == [
        {"Namespace": "WebSocketConnections", "Dimensions": [["Name"]], "Metrics": [silent]},
        {"Namespace": "WebSocketConnections", "Dimensions": [["Name", "segment"]], "Metrics": [active]},
    ]


def test_an_error_is_counted_in_all_and_by_its_step(lines: Lines) -> None:
    log.error("history", RuntimeError("no" + "x" * 10_000), {"connectionId": "c"})
    [line] = lines()
    assert (line["level"], line["outcome"], line["step"], line["connectionId"]) == ("ERROR", "error", "history", "c")
    assert line["error"] == ("RuntimeError: no" + "x" * 10_000)[:500]
    assert line["Failures"] == 1
    assert [directive["Dimensions"] for directive in line["_aws"]["CloudWatchMetrics"]] == [[["Name"]], [["Name", "step"]]]


@given(fields=st.dictionaries(st.sampled_from(["closeReason", "stage", "apiId"]), st.text(st.characters()) | st.integers() | st.none()))
def test_no_text_breaks_the_line(fields: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    log.emit("removed", fields)
    written = capsys.readouterr().out
    assert written.isascii()
    assert written[:-1].isprintable()
    assert written[-1] == "\n"
    assert {name: json.loads(written)[name] for name in fields} == fields


def test_a_line_never_names_the_client(lines: Lines) -> None:
    log.report("removed", ended("c", clientId="kim@example.com"), counted=False)
    log.error("history", RuntimeError("no"), ended("c", clientId="kim@example.com"))
    assert "kim" not in json.dumps(lines())
