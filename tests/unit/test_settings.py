"""The environment is checked at INIT, and what is wrong is named."""

from __future__ import annotations

import json

import pytest
from settings import Settings

from tests.unit.support import API

TABLE = {"CONNECTIONS_TABLE": "connections"}
RELATED = {"table": "subscriptions", "attribute": "connectionId", "index": None, "keys": ["connectionId", "topic"]}


def test_a_table_is_all_that_must_be_set() -> None:
    plain = Settings(TABLE)
    assert (plain.table, plain.details, plain.connection_metrics) == ("connections", "masked", False)
    assert (plain.metrics_name, plain.log_level) == ("connections", "INFO")
    assert (plain.queue_url, plain.dead_letter_queue_url, plain.related) == (None, None, [])
    assert (plain.history_table, plain.history_days, plain.duplicates, plain.client_index) == (None, 90, None, None)
    assert (plain.event_bus, plain.offline_after_s) == (None, 0)
    assert (plain.api_id, plain.stage) == (None, None)
    assert (plain.expired_after_ms, plain.suspect_after_ms) == (7_500_000, 660_000)
    assert (plain.probes_per_second, plain.most_probes_per_second, plain.exclusive_table) == (0, 0, False)


def test_every_variable_is_read() -> None:
    full = Settings(
        TABLE
        | {
            "CLIENT_DETAILS": "full",
            "METRICS_NAME": "chat",
            "LOG_LINE_LEVEL": "WARN",
            "CONNECTION_METRICS": "true",
            "RETRY_QUEUE_URL": "https://retry",
            "DEAD_LETTER_QUEUE_URL": "https://dead",
            "RELATED_TABLES": json.dumps([RELATED, {**RELATED, "index": "byConnection"}]),
            "HISTORY_TABLE": "history",
            "HISTORY_DAYS": "30",
            "DUPLICATES": "newest",
            "EVENT_BUS": "default",
            "CLIENT_OFFLINE_AFTER_SECONDS": "60",
            "OFFLINE_TABLE": "offline",
            "CLIENT_INDEX": "byClient",
            "WEBSOCKET_API_ID": "api1",
            "WEBSOCKET_STAGE": "live",
            "EXPIRED_AFTER_SECONDS": "7200",
            "SUSPECT_AFTER_SECONDS": "700",
            "PROBES_PER_SECOND": "10",
            "MOST_PROBES_PER_SECOND": "300",
            "EXCLUSIVE_TABLE": "true",
        }
    )
    assert (full.details, full.connection_metrics, full.metrics_name, full.log_level) == ("full", True, "chat", "WARN")
    assert (full.queue_url, full.dead_letter_queue_url) == ("https://retry", "https://dead")
    assert full.related == [RELATED, {**RELATED, "index": "byConnection"}]
    assert (full.history_table, full.history_days, full.duplicates, full.client_index) == ("history", 30, "newest", "byClient")
    assert (full.event_bus, full.offline_after_s, full.offline_table) == ("default", 60, "offline")
    assert (full.api_id, full.stage) == ("api1", "live")
    assert (full.expired_after_ms, full.suspect_after_ms) == (7_200_000, 700_000)
    assert (full.probes_per_second, full.most_probes_per_second, full.exclusive_table) == (10, 300, True)


def test_an_empty_variable_is_as_good_as_none() -> None:
    names = "CLIENT_DETAILS CONNECTION_METRICS RETRY_QUEUE_URL DEAD_LETTER_QUEUE_URL RELATED_TABLES HISTORY_TABLE HISTORY_DAYS DUPLICATES"
    names += " CLIENT_INDEX WEBSOCKET_API_ID WEBSOCKET_STAGE EXPIRED_AFTER_SECONDS SUSPECT_AFTER_SECONDS PROBES_PER_SECOND"
    names += " EVENT_BUS CLIENT_OFFLINE_AFTER_SECONDS"
    names += " MOST_PROBES_PER_SECOND EXCLUSIVE_TABLE METRICS_NAME LOG_LINE_LEVEL"
    empty = Settings(TABLE | dict.fromkeys(names.split(), ""))
    assert {name: value for name, value in vars(empty).items() if name != "_environment"} == {
        name: value for name, value in vars(Settings(TABLE)).items() if name != "_environment"
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONNECTIONS_TABLE", ""),
        ("CONNECTIONS_TABLE", " \t"),
        ("CLIENT_DETAILS", "some"),
        ("CLIENT_DETAILS", "MASKED"),
        ("CONNECTION_METRICS", "yes"),
        ("DUPLICATES", "all"),
        ("HISTORY_DAYS", "ninety"),
        ("HISTORY_DAYS", "-1"),
        ("HISTORY_DAYS", "1.5"),
        ("HISTORY_DAYS", "٣"),
        ("HISTORY_DAYS", "1234567890"),
        ("EXPIRED_AFTER_SECONDS", "7199"),
        ("PROBES_PER_SECOND", "1e3"),
        ("MOST_PROBES_PER_SECOND", "many"),
        ("LOG_LINE_LEVEL", "DEBUG"),
        ("EXCLUSIVE_TABLE", "yes"),
        ("RELATED_TABLES", "not JSON"),
        ("RELATED_TABLES", "null"),
        ("RELATED_TABLES", "7"),
        ("RELATED_TABLES", '{"table": "t"}'),
        ("RELATED_TABLES", '["t"]'),
        ("RELATED_TABLES", '[{"table": "t", "attribute": "a", "index": null}]'),
        ("RELATED_TABLES", '[{"table": "t", "attribute": "a", "index": null, "keys": null}]'),
    ],
)
def test_a_wrong_value_is_refused_by_the_variables_name(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        Settings(TABLE | {name: value})


def test_the_rate_to_begin_with_is_no_higher_than_the_highest() -> None:
    with pytest.raises(ValueError, match="MOST_PROBES_PER_SECOND must be a whole number of at least 10"):
        Settings({**TABLE, **API, "PROBES_PER_SECOND": "10", "MOST_PROBES_PER_SECOND": "9"})


OFFLINE = {
    "CLIENT_OFFLINE_AFTER_SECONDS": "60",
    "RETRY_QUEUE_URL": "https://retry",
    "CLIENT_INDEX": "byClient",
    "OFFLINE_TABLE": "offline",
}


@pytest.mark.parametrize(
    ("feature", "missing"),
    [
        *(({"DUPLICATES": "stale", "RETRY_QUEUE_URL": "u", "CLIENT_INDEX": "i"}, name) for name in ("CLIENT_INDEX", "RETRY_QUEUE_URL")),
        *((OFFLINE, name) for name in ("CLIENT_INDEX", "RETRY_QUEUE_URL", "OFFLINE_TABLE")),
    ],
)
def test_what_a_feature_needs_must_be_set(feature: dict[str, str], missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        Settings({**TABLE, **feature, missing: ""})


@pytest.mark.parametrize("feature", [{"DUPLICATES": "stale", "CLIENT_INDEX": "i", "RETRY_QUEUE_URL": "u"}, {"PROBES_PER_SECOND": "10"}])
@pytest.mark.parametrize("missing", API)
def test_who_asks_about_connections_must_know_the_api_and_stage(feature: dict[str, str], missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        Settings({**TABLE, **feature, **API, missing: ""})
