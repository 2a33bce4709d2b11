"""The sweep over ever larger tables: time, memory of the function's process, read units, invocations.

python -m bench.sweep [RECORDS ...]     default 10000 100000 1000000 (a quarter of an hour, most of it to fill the tables)

Each table is swept as it is, all connections alive, and then with one record in a hundred more, of connections long dead. A sweep
that runs out of time goes on by the queue, as it would in AWS. The table is dynalite's, the queue the local AWS's. Without arguments
the results go to bench/results/sweep.md and sweep.json.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import report
from bench.dynalite import dynalite
from bench.environment import Environment
from bench.speed import VARIABLES
from local.aws import LocalAws, local_aws

TABLE = VARIABLES["CONNECTIONS_TABLE"]
TIMEOUT_S = 120  # the clean-up function's default
ONE_IN = 100
BATCH = 25
PAGE = 1_000  # records, as the sweep asks for them
PACKAGE = Path(__file__).resolve().parent.parent / "dist/function.zip"


def create(client: Any, name: str = TABLE) -> None:
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
    )


def connection_id(number: int) -> str:
    return f"QwErS{number:010d}="


def fill(client: Any, numbers: range, age_s: int, **more: dict[str, str]) -> None:
    """Puts a record for each number, with `more` attributes; the connections are up to an hour older than `age_s`."""
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
        if client.batch_write_item(RequestItems={TABLE: requests})["UnprocessedItems"]:
            raise RuntimeError("the DynamoDB emulator left items unprocessed: fewer records, or more memory")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(0, len(numbers), BATCH)))


def measure(records: int) -> Iterator[dict[str, Any]]:
    """A sweep of that many live records, then one with dead ones among them."""
    with local_aws() as aws, dynalite() as table:
        queue = aws.client("sqs").create_queue(QueueName="retries")["QueueUrl"]
        client = aws.client("dynamodb", endpoint_url=table)
        create(client)
        fill(client, range(records), age_s=0)
        page = client.scan(TableName=TABLE, Limit=PAGE, ReturnConsumedCapacity="TOTAL")
        units = page["ConsumedCapacity"]["CapacityUnits"] / page["Count"]
        for dead in (0, records // ONE_IN):
            fill(client, range(records, records + dead), age_s=7500)
            yield {"records": records + dead, "read_units": (records + dead) * units, **sweep(aws, table, queue, records, dead)}


def sweep(aws: LocalAws, table: str, queue: str, alive: int, dead: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        task, log = Path(name) / "task", Path(name) / "log"
        with zipfile.ZipFile(PACKAGE) as package:
            package.extractall(task)
        endpoints = {"AWS_ENDPOINT_URL": aws.endpoint, "AWS_ENDPOINT_URL_DYNAMODB": table, "RETRY_QUEUE_URL": queue}
        variables = {**VARIABLES, **aws.key, "AWS_SESSION_TOKEN": "", **endpoints}
        with Environment(task, "cleanup.lambda_handler", variables, log, timeout_s=TIMEOUT_S) as environment:
            begun, cpu, invocations = time.monotonic(), environment.cpu_seconds(), 0
            event: dict[str, Any] | None = {"sweep": {"segment": 0, "segments": 1}}
            while event:
                environment.invoke(event)
                invocations += 1
                event = messages(aws, queue)
            seconds, cpu = time.monotonic() - begun, environment.cpu_seconds() - cpu
            peak = environment.peak_memory_bytes()
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        removed = sum(line["outcome"] == "removed" for line in lines)
        if (removed, lines[-1].get("active"), lines[-1].get("finished")) != (dead, alive, True):
            raise RuntimeError(f"{removed} of {dead} dead records were removed among {alive} live ones; the last line: {lines[-1]}")
        return {"removed": removed, "seconds": seconds, "cpu": cpu, "peak": peak, "invocations": invocations}


def messages(aws: LocalAws, queue: str, wait_s: int = 0) -> dict[str, Any] | None:
    """What the queue holds by then, as the event source mapping would hand it over: where a sweep goes on, or nothing."""
    client = aws.client("sqs")
    received = client.receive_message(QueueUrl=queue, WaitTimeSeconds=wait_s).get("Messages", [])
    for message in received:
        client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    records = [{"messageId": m["MessageId"], "body": m["Body"], "receiptHandle": m["ReceiptHandle"], "attributes": {}} for m in received]
    return {"Records": records} if records else None


def table(results: list[dict[str, Any]]) -> str:
    lines = [
        "| records | dead ones, removed | time | records a second | CPU | peak memory | read units | invocations |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        lines.append(
            f"| {r['records']:,} | {r['removed']:,} | {r['seconds']:.1f} s | {r['records'] / r['seconds']:,.0f} | {r['cpu']:.1f} s "
            f"| {r['peak'] / 1e6:.1f} MB | {r['read_units']:,.0f} | {r['invocations']} |"
        )
    return "\n".join(lines)


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or [10_000, 100_000, 1_000_000]
    results = []
    for size in sizes:
        for result in measure(size):
            results.append(result)
            print(table(results[-1:]) if len(results) == 1 else table(results[-1:]).splitlines()[-1], flush=True)
    if len(sys.argv) == 1:
        emulator = "dynalite 4, on the same two cores as the function, takes part of the time."
        about = f"{report.now()}, `python -m bench.sweep`, one segment, {TIMEOUT_S} s time-out. {report.machine()}. {emulator}"
        report.save("sweep.json", results)
        report.save("sweep.md", f"{table(results)}\n\n{about}\n")


if __name__ == "__main__":
    main()
