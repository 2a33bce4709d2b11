"""Every connection's `$disconnect` is lost at once: how long until the table is correct again?

python -m bench.mass_loss [DEAD ...]     default 1 1000 10000 (twenty minutes; 100000 takes an hour more)

The dead records are found in three ways: by the probe at its default speed, by the probe with history and announcements on, and as expired.
Beside them are silent connections that live. Time starts with the first sweep that can find them. Sweeps are due every five minutes, and
messages of the queue when they are due. `@connections` is a stub that takes 30 ms to answer and answers 429 now and then. The table is in
dynalite; queue and bus are the local AWS's. Without arguments the results are written to bench/results/mass_loss.md and mass_loss.json.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from bench import report
from bench.sweep import TABLE, TIMEOUT_S, Services, connection_id, services
from local.aws import create_table
from local.fault_proxy import Answer, FaultProxy
from tools import program

ALIVE = 100
ANSWER_S = 0.03
THROTTLE_ONE_IN = 4_999
PERIOD_S = 300
ASKED, ASKED_WITH_EXTRAS, EXPIRED = "asked about", "asked about, with history and announcements", "expired"
EXTRAS = {"HISTORY_TABLE": "History", "HISTORY_DAYS": "90", "EVENT_BUS": "default"}
DEFAULT = [1, 1_000, 10_000]
PROBE = {"PROBES_PER_SECOND": "10", "MOST_PROBES_PER_SECOND": "300", "SUSPECT_AFTER_SECONDS": "660"}
API = {"WEBSOCKET_API_ID": "a1b2c3d4e5", "WEBSOCKET_STAGE": "live"}
COLUMNS = {
    "dead at once": "{dead:,}",
    "found as": "{found}",
    "all gone after": "{seconds:,.0f} s",
    "questions": "{questions:,}",
    "most in a second": "{rate}",
    "live ones removed": "{live_removed}",
    "invocations": "{invocations}",
    "CPU": "{cpu:.1f} s",
    "peak memory": "{megabytes:.0f} MB",
}


def gateway(alive: set[str]) -> FaultProxy:
    """Answers `GET @connections`: 200 for those that live, 410 for all others, and sometimes 429."""

    def answer(_method: str, path: str, *_: object) -> Answer:
        status, kind = (200, "") if unquote(path).rpartition("/")[2] in alive else (410, "GoneException")
        if len(proxy.requests) % THROTTLE_ONE_IN == 0:
            status, kind = 429, "LimitExceededException"
        time.sleep(ANSWER_S)
        return status, [("x-amzn-ErrorType", kind)], b"{}"

    proxy = FaultProxy(answer)
    return proxy


def measure(dead: int) -> Iterator[dict[str, Any]]:
    """How long it takes to find that many dead records in each way, and what it costs."""
    for found in (ASKED, ASKED_WITH_EXTRAS, EXPIRED):
        with services() as on:
            create_table(on.dynamodb, EXTRAS["HISTORY_TABLE"])
            named = {"apiId": {"S": API["WEBSOCKET_API_ID"]}, "stage": {"S": API["WEBSOCKET_STAGE"]}}
            on.fill(range(ALIVE), age_s=660, **named)
            on.fill(range(ALIVE, ALIVE + dead), age_s=7_500 if found == EXPIRED else 660, **named)
            alive = {connection_id(number) for number in range(ALIVE)}
            extras = EXTRAS if found == ASKED_WITH_EXTRAS else {}
            with gateway(alive) as api:
                endpoint = {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"{api.url}/{API['WEBSOCKET_STAGE']}"}
                taken, _ = on.run(lambda log: _events(on, log, dead), **PROBE, **API, **endpoint, **extras)
                questions = Counter(int(request.at) for request in api.requests)
            pages = on.dynamodb.get_paginator("scan").paginate(TableName=TABLE, ProjectionExpression="connectionId")
            left = {item["connectionId"]["S"] for page in pages for item in page["Items"]}
            asked = {"questions": questions.total(), "rate": max(questions.values(), default=0)}
            yield {"dead": dead, "found": found, **asked, "live_removed": len(alive - left), **taken}


def _events(on: Services, log: Path, dead: int) -> Iterator[dict[str, Any]]:
    """The schedule's sweeps and the queue's messages, until all dead records are removed."""
    due = time.monotonic()
    while log.read_text().count('"outcome":"removed"') < dead:
        if time.monotonic() >= due:
            due += PERIOD_S
            yield {"sweep": {"segment": 0, "segments": 1, "period_s": PERIOD_S}}
        elif event := on.messages(wait_s=1):
            yield event


if __name__ == "__main__":
    about = (
        f"{ALIVE} live ones beside them, {PROBE['PROBES_PER_SECOND']} to {PROBE['MOST_PROBES_PER_SECOND']} questions a second, "
        f"{1000 * ANSWER_S:.0f} ms for an answer, one of {THROTTLE_ONE_IN:,} a 429, one segment, {TIMEOUT_S} s time-out. "
        "The emulators take part of the time"
    )
    program.run(lambda: report.run("mass_loss", __doc__, DEFAULT, measure, COLUMNS, about))
