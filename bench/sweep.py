"""Measures the sweep over ever larger tables: time, memory of the function's process, read units, invocations.

python -m bench.sweep [RECORDS ...]     default 10000 100000 1000000 (a quarter of an hour, mostly to fill the tables)

Each table is swept twice: with live connections only, and with one dead record added per hundred. A sweep that runs out of time continues
through the queue, as in AWS. The table is in dynalite, the queue in the local AWS. Without arguments the results are written to
bench/results/sweep.md and sweep.json.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import report
from bench.environment import Environment
from bench.speed import PACKAGE, VARIABLES
from local import leash
from local.aws import LocalAws, create_table, local_aws
from tools import program
from tools.installed import UnavailableError, npm_packages

TABLE = VARIABLES["CONNECTIONS_TABLE"]
TIMEOUT_S = 120  # the clean-up function's default
ONE_IN = 100
BATCH = 25
PAGE = 1_000  # records in a page of the sweep
DEFAULT = [10_000, 100_000, 1_000_000]
COLUMNS = {
    "records": "{records:,}",
    "dead ones, removed": "{removed:,}",
    "time": "{seconds:.1f} s",
    "records a second": "{rate:,.0f}",
    "CPU": "{cpu:.1f} s",
    "peak memory": "{megabytes:.1f} MB",
    "read units": "{read_units:,.0f}",
    "invocations": "{invocations}",
}
# On a free port, for which dynalite's command line has no option.
SERVE = "require('dynalite')({createTableMs: 0}).listen(0, '127.0.0.1', function () { console.log(this.address().port) })"


class Services:
    """The local AWS with a retry queue, and tables in dynalite."""

    def __init__(self, aws: LocalAws, tables: str) -> None:
        self.aws, self._tables = aws, tables
        self.dynamodb = aws.client("dynamodb", endpoint_url=tables)
        self._sqs = aws.client("sqs")
        self._queue = self._sqs.create_queue(QueueName="retries")["QueueUrl"]

    def fill(self, numbers: range, age_s: int, **more: dict[str, str]) -> None:
        """Put a record for each number, with `more` attributes; the connections are up to an hour older than `age_s`."""
        now_ms = int(time.time() * 1000)

        def item(number: int) -> dict[str, Any]:
            connected = now_ms - (age_s + number % 3600) * 1000
            return {
                "connectionId": {"S": connection_id(number)},
                "connectedAt": {"N": str(connected)},
                "expiresAt": {"N": str(connected // 1000 + 7500)},
                "clientId": {"S": f"user-{number:07d}"},
                "sourceIp": {"S": "198.51.100.253"},
                "userAgent": {"S": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"},
                **more,
            }

        def put(begin: int) -> None:
            requests = [{"PutRequest": {"Item": item(number)}} for number in numbers[begin : begin + BATCH]]
            if self.dynamodb.batch_write_item(RequestItems={TABLE: requests})["UnprocessedItems"]:
                raise RuntimeError("dynalite left items unprocessed: use fewer records, or more memory")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(put, range(0, len(numbers), BATCH)))

    def messages(self, wait_s: int = 0) -> dict[str, Any] | None:
        """The queue's next messages as an event source mapping hands them over; None if there are none."""
        received = self._sqs.receive_message(QueueUrl=self._queue, WaitTimeSeconds=wait_s).get("Messages", [])
        for message in received:
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        records = [
            {"messageId": m["MessageId"], "body": m["Body"], "receiptHandle": m["ReceiptHandle"], "attributes": {}} for m in received
        ]
        return {"Records": records} if records else None

    def run(self, events: Callable[[Path], Iterable[dict[str, Any]]], **variables: str) -> tuple[dict[str, Any], str]:
        """Start the packaged clean-up function and invoke it with each event, which may depend on its log; what that took, and the log."""
        with tempfile.TemporaryDirectory() as name:
            task, log = Path(name) / "task", Path(name) / "log"
            shutil.unpack_archive(PACKAGE, task)
            endpoints = {"AWS_ENDPOINT_URL": self.aws.endpoint, "AWS_ENDPOINT_URL_DYNAMODB": self._tables, "RETRY_QUEUE_URL": self._queue}
            settings = {**VARIABLES, **self.aws.key, "AWS_SESSION_TOKEN": "", **endpoints, **variables}
            with Environment(task, "cleanup.lambda_handler", settings, log, timeout_s=TIMEOUT_S) as environment:
                begun, cpu, invocations = time.monotonic(), environment.cpu_seconds(), 0
                for event in events(log):
                    environment.invoke(event)
                    invocations += 1
                seconds, cpu = time.monotonic() - begun, environment.cpu_seconds() - cpu
                taken = {"seconds": seconds, "cpu": cpu, "peak": environment.peak_memory_bytes(), "invocations": invocations}
            return taken, log.read_text()


@contextmanager
def services() -> Iterator[Services]:
    """With an empty DynamoDB emulator that, unlike MiniStack's, finds each page of a scan by its start key.

    https://github.com/architect/dynalite, pinned in package-lock.json. It keeps tables in memory: two gigabytes for a million records.
    """
    try:
        folder = npm_packages(Path(__file__).resolve().parent, "dynalite")
    except UnavailableError as error:
        sys.exit(str(error))
    process = leash.start(["node", "--max-old-space-size=8192", "-e", SERVE], cwd=str(folder), stdout=subprocess.PIPE)
    try:
        port = process.stdout.readline().strip() if process.stdout else ""
        if not port:
            sys.exit(f"dynalite did not start; see the error above. It needs Node.js 20 or newer. Otherwise remove {folder} and try again.")
        with local_aws() as aws:
            started = Services(aws, f"http://127.0.0.1:{port}")
            create_table(started.dynamodb, TABLE)
            yield started
    finally:
        leash.end(process)


def connection_id(number: int) -> str:
    return f"QwErS{number:010d}="


def measure(records: int) -> Iterator[dict[str, Any]]:
    """Sweep that many live records, then the same with dead ones among them."""
    with services() as on:
        on.fill(range(records), age_s=0)
        page = on.dynamodb.scan(TableName=TABLE, Limit=PAGE, ReturnConsumedCapacity="TOTAL")
        units = page["ConsumedCapacity"]["CapacityUnits"] / page["Count"]
        for dead in (0, records // ONE_IN):
            on.fill(range(records, records + dead), age_s=7500)
            swept = sweep(on, records, dead)
            number = records + dead
            yield {"records": number, "read_units": number * units, "rate": number / swept["seconds"], **swept}


def sweep(on: Services, alive: int, dead: int) -> dict[str, Any]:
    def events(_log: Path) -> Iterator[dict[str, Any]]:
        event: dict[str, Any] | None = {"sweep": {"segment": 0, "segments": 1}}
        while event:
            yield event
            event = on.messages()

    taken, log = on.run(events)
    lines = [json.loads(line) for line in log.splitlines()]
    removed = sum(line["outcome"] == "removed" for line in lines)
    if (removed, lines[-1].get("active"), lines[-1].get("finished")) != (dead, alive, True):
        raise RuntimeError(f"{removed} of {dead} dead records were removed among {alive} live ones; the last line: {lines[-1]}")
    return {"removed": removed, **taken}


if __name__ == "__main__":
    about = f"one segment, {TIMEOUT_S} s time-out. dynalite 4, on the same two cores as the function, takes part of the time"
    program.run(lambda: report.run("sweep", __doc__, DEFAULT, measure, COLUMNS, about))
