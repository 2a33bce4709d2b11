"""The environment is checked at INIT, and what is wrong is named."""

from __future__ import annotations

import json

import pytest
from settings import Settings

from tests.unit.support import API

TABLE = {"CONNECTIONS_TABLE": "connections"}
RELATED = {"table": "subscriptions", "attribute": "connectionId", "index": None, "keys": ["connectionId", "topic"]}
BY_INDEX = {**RELATED, "index": "byConnection"}


# name: a value, the attribute that it becomes, what it is read as, and what the attribute is without it
VARIABLES: dict[str, tuple[str, str, object, object]] = {
    "CLIENT_DETAILS": ("full", "details", "full", "masked"),
    "CLIENT_INDEX": ("byClient", "client_index", "byClient", None),
    "CLIENT_OFFLINE_AFTER_SECONDS": ("60", "offline_after_s", 60, 0),
    "CONNECTION_METRICS": ("true", "connection_metrics", True, False),
    "DEAD_LETTER_QUEUE_URL": ("https://dead", "dead_letter_queue_url", "https://dead", None),
    "DUPLICATES": ("newest", "duplicates", "newest", None),
    "EVENT_BUS": ("default", "event_bus", "default", None),
    "EXCLUSIVE_TABLE": ("true", "exclusive_table", True, False),
    "EXPIRED_AFTER_SECONDS": ("7200", "expired_after_ms", 7_200_000, 7_500_000),
    "HISTORY_DAYS": ("30", "history_days", 30, 90),
    "HISTORY_TABLE": ("history", "history_table", "history", None),
    "LOG_LINE_LEVEL": ("WARN", "log_level", "WARN", "INFO"),
    "METRICS_NAME": ("chat", "metrics_name", "chat", "connections"),
    "MOST_PROBES_PER_SECOND": ("300", "most_probes_per_second", 300, 0),
    "OFFLINE_TABLE": ("offline", "offline_table", "offline", None),
    "PROBES_PER_SECOND": ("10", "probes_per_second", 10, 0),
    "RELATED_TABLES": (json.dumps([RELATED, BY_INDEX]), "related", [RELATED, BY_INDEX], []),
    "REPORT_QUEUE_URL": ("https://reports", "report_queue_url", "https://reports", None),
    "RETRY_QUEUE_URL": ("https://retry", "queue_url", "https://retry", None),
    "SHARED_TABLE": ("true", "shared_table", True, False),
    "SUSPECT_AFTER_SECONDS": ("700", "suspect_after_ms", 700_000, 660_000),
    "WEBSOCKET_API_ID": ("api1", "api_id", "api1", None),
    "WEBSOCKET_STAGE": ("live", "stage", "live", None),
}


def read(environment: dict[str, str]) -> dict[str, object]:
    settings = Settings(TABLE | environment)
    return {attribute: getattr(settings, attribute) for attribute in ("table", *(attribute for _, attribute, *_ in VARIABLES.values()))}


def test_every_variable_is_read_and_only_the_table_must_be_set() -> None:
    table = {"table": "connections"}
    set_all = {name: value for name, (value, *_) in VARIABLES.items()}
    assert read(set_all) == table | {attribute: expected for _, attribute, expected, _ in VARIABLES.values()}
    for unset in ({}, dict.fromkeys(VARIABLES, "")):
        assert read(unset) == table | {attribute: default for _, attribute, _, default in VARIABLES.values()}


WRONG = {
    "CONNECTIONS_TABLE": ["", " \t"],
    "CLIENT_DETAILS": ["some", "MASKED"],
    "CONNECTION_METRICS": ["yes"],
    "DUPLICATES": ["all"],
    "HISTORY_DAYS": ["ninety", "-1", "1.5", "٣", "1234567890"],
    "EXPIRED_AFTER_SECONDS": ["7199"],
    "PROBES_PER_SECOND": ["1e3"],
    "MOST_PROBES_PER_SECOND": ["many"],
    "LOG_LINE_LEVEL": ["DEBUG"],
    "EXCLUSIVE_TABLE": ["yes"],
    "SHARED_TABLE": ["yes"],
    "RELATED_TABLES": [
        *("not JSON", "null", "7", '{"table": "t"}', '["t"]', '[{"table": "t", "attribute": "a", "index": null}]'),
        '[{"table": "t", "attribute": "a", "index": null, "keys": null}]',
    ],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_refused_by_the_variables_name(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        Settings(TABLE | {name: value})


def test_the_rate_to_begin_with_is_no_higher_than_the_highest() -> None:
    with pytest.raises(ValueError, match="MOST_PROBES_PER_SECOND must be a whole number of at least 10"):
        Settings({**TABLE, **API, "PROBES_PER_SECOND": "10", "MOST_PROBES_PER_SECOND": "9"})


DEFERS = {"CLIENT_INDEX": "byClient", "RETRY_QUEUE_URL": "https://retry"}
NEEDS = [
    ({"DUPLICATES": "stale"}, {**DEFERS, **API}),
    ({"CLIENT_OFFLINE_AFTER_SECONDS": "60"}, {**DEFERS, "OFFLINE_TABLE": "offline"}),
    ({"PROBES_PER_SECOND": "10"}, API),
]


@pytest.mark.parametrize(("feature", "needs", "missing"), [(feature, needs, name) for feature, needs in NEEDS for name in needs])
def test_what_a_feature_needs_must_be_set(feature: dict[str, str], needs: dict[str, str], missing: str) -> None:
    Settings({**TABLE, **feature, **needs})
    with pytest.raises(ValueError, match=missing):
        Settings({**TABLE, **feature, **needs, missing: ""})
