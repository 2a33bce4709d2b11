"""The extras as settings of the functions, and the sets that the tests turn on."""

from __future__ import annotations

import json

from tests.faults.world import BUS, GRACE_S, HISTORY, OFFLINE, RELATED_TABLES, SUSPECT_AFTER_S

PROBE = {"PROBES_PER_SECOND": "10", "MOST_PROBES_PER_SECOND": "300", "SUSPECT_AFTER_SECONDS": str(SUSPECT_AFTER_S)}
ALONE = {**PROBE, "EXCLUSIVE_TABLE": "true"}
RELATED = {"RELATED_TABLES": json.dumps(RELATED_TABLES)}
HISTORIES = {"HISTORY_TABLE": HISTORY, "HISTORY_DAYS": "90"}
STALE = {"DUPLICATES": "stale", "CLIENT_INDEX": "byClient"}
NEWEST = {"DUPLICATES": "newest", "CLIENT_INDEX": "byClient"}
EVENTS = {"EVENT_BUS": BUS, "CLIENT_OFFLINE_AFTER_SECONDS": str(GRACE_S), "CLIENT_INDEX": "byClient", "OFFLINE_TABLE": OFFLINE}
QUEUE = {"DELIVERY": "queue"}  # for the world: the functions don't know it

FEATURES: dict[str, dict[str, str]] = {
    "nothing extra": {},
    "probe": PROBE,
    "related": RELATED,
    "history": HISTORIES,
    "stale": STALE,
    "newest": NEWEST,
    "announcements": EVENTS,
    "queue": QUEUE,
    "everything": {**PROBE, **RELATED, **HISTORIES, **NEWEST, **EVENTS},
}
