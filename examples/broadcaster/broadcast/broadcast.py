"""Posts a message to every connection, or to the given ones, and reports those that are gone.

{"message": "…"}                            to all
{"message": "…", "connectionIds": ["…"]}    to these
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

AT_ONCE = 16
REPORTS = 10  # SQS takes no more at a time
SENT, GONE, FAILED = "sent", "gone", "failed"

patience = Config(connect_timeout=2, read_timeout=5, max_pool_connections=AT_ONCE)
dynamodb = boto3.client("dynamodb", config=patience)
sqs = boto3.client("sqs", config=patience)
connections = boto3.client("apigatewaymanagementapi", config=patience)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Returns how many connections got the message, how many are gone, and how many failed."""
    counts: Counter[str] = Counter({SENT: 0, GONE: 0, FAILED: 0})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for ids in [event["connectionIds"]] if "connectionIds" in event else pages():
            outcomes = list(pool.map(partial(post, event["message"].encode()), ids))
            counts.update(outcomes)
            report([connection_id for connection_id, outcome in zip(ids, outcomes, strict=True) if outcome == GONE])
    return dict(counts)


def pages() -> Iterator[list[str]]:
    """The ids of all connections, one page of the table at a time, so they need not fit into memory."""
    scan = {"TableName": os.environ["CONNECTIONS_TABLE"], "ProjectionExpression": "connectionId"}
    for page in dynamodb.get_paginator("scan").paginate(**scan):
        yield [record["connectionId"]["S"] for record in page["Items"]]


def post(message: bytes, connection_id: str) -> str:
    try:
        connections.post_to_connection(ConnectionId=connection_id, Data=message)
    except (BotoCoreError, ClientError) as problem:  # one failing connection must not stop the others
        if isinstance(problem, ClientError) and problem.response["ResponseMetadata"]["HTTPStatusCode"] == 410:
            return GONE
        print(json.dumps({"level": "ERROR", "connectionId": connection_id, "error": str(problem)}))
        return FAILED
    return SENT


def report(gone: list[str]) -> None:
    """Sends the report queue the connections that are gone. What could not be sent is found again with the next message."""
    bodies = [json.dumps({"version": 1, "gone": {"connectionId": connection_id}}) for connection_id in gone]
    for first in range(0, len(bodies), REPORTS):
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies[first : first + REPORTS])]
        try:
            sqs.send_message_batch(QueueUrl=os.environ["REPORT_QUEUE_URL"], Entries=entries)
        except (BotoCoreError, ClientError) as problem:
            print(json.dumps({"level": "ERROR", "reports": len(entries), "error": str(problem)}))
