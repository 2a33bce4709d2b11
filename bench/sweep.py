"""The sweep over ever larger tables on the local AWS: time, memory of the function's process, read units, invocations.

python -m bench.sweep [RECORDS ...]     default 10000 100000; 1000000 takes half an hour, most of it the emulator's
One record in a hundred is that of a dead connection. Without arguments the table goes to bench/results/sweep.md.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from bench import report
from bench.environment import Environment
from bench.speed import VARIABLES
from local.aws import ROOT_KEY, LocalAws, local_aws

TABLE = VARIABLES["CONNECTIONS_TABLE"]
TIMEOUT_S = 120  # the clean-up function's default
ONE_IN = 100
PACKAGE = Path(__file__).resolve().parent.parent / "dist/function.zip"


def fill(aws: LocalAws, records: int) -> int:
    """Makes the table; returns the size of one of its items as DynamoDB counts it (bytes)."""
    client = aws.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
    )
    now_ms = int(time.time() * 1000)

    def item(number: int) -> dict[str, Any]:
        connected = now_ms - (8_000_000 if number % ONE_IN == 0 else number % 7_000 * 1000)
        return {
            "connectionId": {"S": f"QwErS{number:010d}="},
            "connectedAt": {"N": str(connected)},
            "expiresAt": {"N": str(connected // 1000 + 86_400)},
            "clientId": {"S": f"user-{number:07d}"},
            "sourceIp": {"S": "198.51.100.253"},
            "userAgent": {"S": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"},
        }

    for begin in range(0, records, 25):
        requests = [{"PutRequest": {"Item": item(number)}} for number in range(begin, min(begin + 25, records))]
        client.batch_write_item(RequestItems={TABLE: requests})
    # Numbers take about a byte per two digits and one more.
    return sum(len(name) + (len(v["S"]) if "S" in v else len(v["N"]) // 2 + 1) for name, v in item(1).items())


def sweep(records: int) -> dict[str, Any]:
    with local_aws() as aws, tempfile.TemporaryDirectory() as name:
        task, log = Path(name) / "task", Path(name) / "log"
        with zipfile.ZipFile(PACKAGE) as package:
            package.extractall(task)
        size = fill(aws, records)
        queue = aws.client("sqs").create_queue(QueueName="retries")["QueueUrl"]
        variables = {**VARIABLES, **ROOT_KEY, "AWS_SESSION_TOKEN": "", "AWS_ENDPOINT_URL": aws.endpoint, "RETRY_QUEUE_URL": queue}
        with Environment(task, "cleanup.lambda_handler", variables, log, timeout_s=TIMEOUT_S) as environment:
            begun, cpu, invocations = time.monotonic(), environment.cpu_seconds(), 0
            event: dict[str, Any] | None = {"sweep": {"segment": 0, "segments": 1}}
            while event:
                environment.invoke(event)
                invocations += 1
                event = _continuation(aws, queue)
            seconds, cpu = time.monotonic() - begun, environment.cpu_seconds() - cpu
            peak = environment.peak_memory_bytes()
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        removed = sum(line["outcome"] == "removed" for line in lines)
        if removed != -(-records // ONE_IN):
            raise RuntimeError(f"{removed} of {-(-records // ONE_IN)} dead records were removed: {lines[-1]}")
        return {
            "records": records,
            "removed": removed,
            "seconds": seconds,
            "cpu": cpu,
            "peak": peak,
            "read_units": records * size / 4096 / 2,
            "invocations": invocations,
        }


def _continuation(aws: LocalAws, queue: str) -> dict[str, Any] | None:
    """What the queue holds, as the event source mapping would hand it over: where a sweep goes on, or nothing."""
    client = aws.client("sqs")
    messages = client.receive_message(QueueUrl=queue).get("Messages", [])
    for message in messages:
        client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    records = [{"messageId": m["MessageId"], "body": m["Body"], "receiptHandle": m["ReceiptHandle"], "attributes": {}} for m in messages]
    return {"Records": records} if records else None


def table(results: list[dict[str, Any]]) -> str:
    lines = [
        "| records | dead ones removed | time | CPU | records a second | peak memory | read units | invocations |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        lines.append(
            f"| {r['records']:,} | {r['removed']:,} | {r['seconds']:.1f} s | {r['cpu']:.1f} s | {r['records'] / r['seconds']:,.0f} "
            f"| {r['peak'] / 1e6:.1f} MB | {r['read_units']:,.0f} | {r['invocations']} |"
        )
    return "\n".join(lines)


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or [10_000, 100_000]
    results = []
    for size in sizes:
        results.append(sweep(size))
        print(table(results[-1:]) if size == sizes[0] else table(results[-1:]).splitlines()[-1], flush=True)
    if len(sys.argv) == 1:
        about = f"{report.now()}, `python -m bench.sweep`. {report.machine()}. The time is mostly the emulator's, on the same two cores."
        report.save("sweep.json", results)
        report.save("sweep.md", f"{table(results)}\n\n{about}\n")


if __name__ == "__main__":
    main()
