"""Everybody's `$disconnect` is lost at once: how long until the table is true?

python -m bench.mass_loss [DEAD ...]     default 1 1000 10000 (twenty minutes; 100000 takes an hour more)

The dead are found by the probe, as fast as it asks by default, then with history and announcements on as well, and then as expired. Beside
them there are silent connections that live. Time begins with the first sweep that is to find them; another is due every five minutes, and
what a sweep leaves to the queue comes when it is due. `@connections` is a stub that takes 30 ms for an answer and says 429 now and then;
the table is dynalite's, the queue and the bus are the local AWS's. Without arguments the results go to bench/results/mass_loss.md and
mass_loss.json.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

from bench import report
from bench.dynalite import dynalite
from bench.environment import Environment
from bench.speed import VARIABLES
from bench.sweep import PACKAGE, TABLE, TIMEOUT_S, connection_id, create, fill, messages
from local.aws import LocalAws, local_aws

ALIVE = 100
ANSWER_S = 0.03
THROTTLE_ONE_IN = 4_999
PERIOD_S = 300
ASKED, ASKED_WITH_EXTRAS, EXPIRED = "asked about", "asked about, with history and announcements", "expired"
EXTRAS = {"HISTORY_TABLE": "History", "HISTORY_DAYS": "90", "EVENT_BUS": "default"}
DEFAULT = (1, 1_000, 10_000)
PROBE = {"PROBES_PER_SECOND": "10", "MOST_PROBES_PER_SECOND": "300", "SUSPECT_AFTER_SECONDS": "660"}
API = {"WEBSOCKET_API_ID": "a1b2c3d4e5", "WEBSOCKET_STAGE": "live"}


class Connections:
    """`GET @connections`: who is alive is 200, everybody else 410, and now and then it is 429."""

    def __init__(self, alive: set[str]) -> None:
        self._alive = alive
        self.url = ""
        self.seconds: Counter[int] = Counter()  # questions by the second of time.monotonic()

    @property
    def questions(self) -> int:
        return sum(self.seconds.values())

    @contextmanager
    def running(self) -> Iterator[Connections]:
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        thread = Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            self.seconds[int(time.monotonic())] += 1
            status, kind = self._answer(unquote(head.split()[1].decode()).rpartition("/")[2])
            await asyncio.sleep(ANSWER_S)
            writer.write(f"HTTP/1.1 {status} -\r\nx-amzn-ErrorType: {kind}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        writer.close()

    def _answer(self, connection_id: str) -> tuple[int, str]:
        if self.questions % THROTTLE_ONE_IN == 0:
            return 429, "LimitExceededException"
        return (200, "") if connection_id in self._alive else (410, "GoneException")


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def measure(dead: int, found: str) -> dict[str, Any]:
    """How long it takes to find that many dead ones, and what it costs; `found` says how they are found."""
    with tempfile.TemporaryDirectory() as name, local_aws() as aws, dynalite() as table:
        task, log = Path(name) / "task", Path(name) / "log"
        with zipfile.ZipFile(PACKAGE) as package:
            package.extractall(task)
        client = aws.client("dynamodb", endpoint_url=table)
        create(client)
        create(client, EXTRAS["HISTORY_TABLE"])
        named = {"apiId": {"S": API["WEBSOCKET_API_ID"]}, "stage": {"S": API["WEBSOCKET_STAGE"]}}
        fill(client, range(ALIVE), age_s=660, **named)
        fill(client, range(ALIVE, ALIVE + dead), age_s=7_500 if found == EXPIRED else 660, **named)
        alive = {connection_id(number) for number in range(ALIVE)}
        queue = aws.client("sqs").create_queue(QueueName="retries")["QueueUrl"]
        with Connections(alive).running() as connections:
            endpoints = {
                "AWS_ENDPOINT_URL": aws.endpoint,
                "AWS_ENDPOINT_URL_DYNAMODB": table,
                "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"{connections.url}/{API['WEBSOCKET_STAGE']}",
                "RETRY_QUEUE_URL": queue,
            }
            extras = EXTRAS if found == ASKED_WITH_EXTRAS else {}
            variables = {**VARIABLES, **PROBE, **API, **aws.key, "AWS_SESSION_TOKEN": "", **endpoints, **extras}
            with Environment(task, "cleanup.lambda_handler", variables, log, timeout_s=TIMEOUT_S) as environment:
                cpu, begun = environment.cpu_seconds(), time.monotonic()
                invocations = _until_true(environment, aws, queue, log, dead)
                seconds, cpu = time.monotonic() - begun, environment.cpu_seconds() - cpu
                peak = environment.peak_memory_bytes()
        left = _records(client)
        return {
            "dead": dead,
            "found": found,
            "seconds": seconds,
            "questions": connections.questions,
            "rate": max(connections.seconds.values(), default=0),
            "live_removed": len(alive - left),
            "invocations": invocations,
            "cpu": cpu,
            "peak": peak,
        }


def _until_true(environment: Environment, aws: LocalAws, queue: str, log: Path, dead: int) -> int:
    """The schedule's sweeps and what they leave to the queue, one after the other, until all are removed; returns how many invocations."""
    due, invocations = time.monotonic(), 0
    while log.read_text().count('"outcome":"removed"') < dead:
        if time.monotonic() >= due:
            due += PERIOD_S
            event: dict[str, Any] | None = {"sweep": {"segment": 0, "segments": 1, "period_s": PERIOD_S}}
        else:
            event = messages(aws, queue, wait_s=1)
        if event:
            environment.invoke(event)
            invocations += 1
    return invocations


def _records(client: Any) -> set[str]:
    pages = client.get_paginator("scan").paginate(TableName=TABLE, ProjectionExpression="connectionId")
    return {item["connectionId"]["S"] for page in pages for item in page["Items"]}


def table(results: list[dict[str, Any]]) -> str:
    lines = [
        "| dead at once | found as | all gone after | questions | most in a second | live ones removed | invocations | CPU | peak memory |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        lines.append(
            f"| {r['dead']:,} | {r['found']} | {r['seconds']:,.0f} s | {r['questions']:,} | {r['rate']} | {r['live_removed']} "
            f"| {r['invocations']} | {r['cpu']:.1f} s | {r['peak'] / 1e6:.0f} MB |"
        )
    return "\n".join(lines)


def main() -> None:
    results = []
    chosen = [int(argument) for argument in sys.argv[1:]]
    for dead, found in product(chosen or DEFAULT, (ASKED, ASKED_WITH_EXTRAS, EXPIRED)):
        results.append(measure(dead, found))
        print(table(results[-1:]) if len(results) == 1 else table(results[-1:]).splitlines()[-1], flush=True)
    if not chosen:
        slowest, fastest = PROBE["PROBES_PER_SECOND"], PROBE["MOST_PROBES_PER_SECOND"]
        about = (
            f"{report.now()}, `python -m bench.mass_loss`: {ALIVE} live ones beside them, {slowest} to {fastest} questions a second, "
            f"{1000 * ANSWER_S:.0f} ms for an answer, one of {THROTTLE_ONE_IN:,} a 429, one segment, {TIMEOUT_S} s time-out. "
            f"{report.machine()}. The emulators take part of the time."
        )
        report.save("mass_loss.json", results)
        report.save("mass_loss.md", f"{table(results)}\n\n{about}\n")


if __name__ == "__main__":
    main()
