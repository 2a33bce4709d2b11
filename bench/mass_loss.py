"""Every connection's `$disconnect` is lost at once: how long until the table is correct again?

python -m bench.mass_loss [DEAD ...]     default 1 1000 10000 (twenty minutes; 100000 takes an hour more)

The dead records are found in three ways: by the probe at its default speed, by the probe with history and announcements on, and as expired.
Beside them are silent connections that live. Time starts with the first sweep that can find them. Sweeps are due every five minutes, and
messages of the queue when they are due. `@connections` is a stub that takes 30 ms to answer and answers 429 now and then. The table is in
dynalite; queue and bus are the local AWS's. Without arguments the results are written to bench/results/mass_loss.md and mass_loss.json.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

from bench import report
from bench.sweep import TABLE, TIMEOUT_S, Services, connection_id, invoke, services
from local.aws import create_table
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


class Connections:
    """`GET @connections`: 200 for those that live, 410 for all others, and sometimes 429."""

    def __init__(self, alive: set[str]) -> None:
        self._alive = alive
        self.questions: Counter[int] = Counter()  # by the second of time.monotonic()

    @contextmanager
    def running(self) -> Iterator[str]:
        """The URL, for as long as the block runs."""
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        thread = Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            self.questions[int(time.monotonic())] += 1
            status, kind = self._answer(unquote(head.split()[1].decode()).rpartition("/")[2])
            await asyncio.sleep(ANSWER_S)
            writer.write(f"HTTP/1.1 {status} -\r\nx-amzn-ErrorType: {kind}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        writer.close()

    def _answer(self, connection_id: str) -> tuple[int, str]:
        if self.questions.total() % THROTTLE_ONE_IN == 0:
            return 429, "LimitExceededException"
        return (200, "") if connection_id in self._alive else (410, "GoneException")


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def measure(dead: int, found: str) -> dict[str, Any]:
    """How long it takes to find that many dead records in the given way, and what it costs."""
    with services() as on:
        create_table(on.dynamodb, EXTRAS["HISTORY_TABLE"])
        named = {"apiId": {"S": API["WEBSOCKET_API_ID"]}, "stage": {"S": API["WEBSOCKET_STAGE"]}}
        on.fill(range(ALIVE), age_s=660, **named)
        on.fill(range(ALIVE, ALIVE + dead), age_s=7_500 if found == EXPIRED else 660, **named)
        alive = {connection_id(number) for number in range(ALIVE)}
        connections = Connections(alive)
        extras = EXTRAS if found == ASKED_WITH_EXTRAS else {}
        with connections.running() as url:
            endpoint = {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"{url}/{API['WEBSOCKET_STAGE']}"}
            with on.cleanup_function(**PROBE, **API, **endpoint, **extras) as (environment, log):
                taken = invoke(environment, _events(on, log, dead))
        pages = on.dynamodb.get_paginator("scan").paginate(TableName=TABLE, ProjectionExpression="connectionId")
        left = {item["connectionId"]["S"] for page in pages for item in page["Items"]}
        asked = {"questions": connections.questions.total(), "rate": max(connections.questions.values(), default=0)}
        return {"dead": dead, "found": found, **asked, "live_removed": len(alive - left), **taken}


def _events(on: Services, log: Path, dead: int) -> Iterator[dict[str, Any]]:
    """The schedule's sweeps and the queue's messages, until all dead records are removed."""
    due = time.monotonic()
    while log.read_text().count('"outcome":"removed"') < dead:
        if time.monotonic() >= due:
            due += PERIOD_S
            yield {"sweep": {"segment": 0, "segments": 1, "period_s": PERIOD_S}}
        elif event := on.messages(wait_s=1):
            yield event


def main() -> None:
    parser = program.arguments(__doc__)
    parser.add_argument("dead", nargs="*", type=int, metavar="DEAD")
    chosen = parser.parse_args().dead
    results = []
    for dead, found in product(chosen or DEFAULT, (ASKED, ASKED_WITH_EXTRAS, EXPIRED)):
        results.append(measure(dead, found))
        print(report.columns(COLUMNS, results[-1:]), flush=True)
    if not chosen:
        slowest, fastest = PROBE["PROBES_PER_SECOND"], PROBE["MOST_PROBES_PER_SECOND"]
        about = (
            f"{report.now()}, `python -m bench.mass_loss`: {ALIVE} live ones beside them, {slowest} to {fastest} questions a second, "
            f"{1000 * ANSWER_S:.0f} ms for an answer, one of {THROTTLE_ONE_IN:,} a 429, one segment, {TIMEOUT_S} s time-out. "
            f"{report.machine()}. The emulators take part of the time."
        )
        report.save("mass_loss.json", results)
        report.save("mass_loss.md", f"{report.columns(COLUMNS, results)}\n\n{about}\n")


if __name__ == "__main__":
    program.run(main)
