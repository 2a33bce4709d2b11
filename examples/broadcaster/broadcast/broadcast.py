"""Posts a message to every connection, or to those that are named, and reports which of them are gone.

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
    """How many got the message, how many are gone, and of how many nobody knows."""
    told: Counter[str] = Counter({SENT: 0, GONE: 0, FAILED: 0})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for ids in [event["connectionIds"]] if "connectionIds" in event else pages():
            outcomes = list(pool.map(partial(post, event["message"].encode()), ids))
            told.update(outcomes)
            report([connection_id for connection_id, outcome in zip(ids, outcomes, strict=True) if outcome == GONE])
    return dict(told)


def pages() -> Iterator[list[str]]:
    """The ids of all connections, a page of the table at a time: however many there are, they need not fit into memory."""
    scan = {"TableName": os.environ["CONNECTIONS_TABLE"], "ProjectionExpression": "connectionId"}
    for page in dynamodb.get_paginator("scan").paginate(**scan):
        yield [record["connectionId"]["S"] for record in page["Items"]]


def post(message: bytes, connection_id: str) -> str:
    try:
        connections.post_to_connection(ConnectionId=connection_id, Data=message)
    except (BotoCoreError, ClientError) as problem:  # one connection must not keep the message from the others
        if isinstance(problem, ClientError) and problem.response["ResponseMetadata"]["HTTPStatusCode"] == 410:
            return GONE
        print(json.dumps({"level": "ERROR", "connectionId": connection_id, "error": str(problem)}))
        return FAILED
    return SENT


def report(gone: list[str]) -> None:
    """Tells the table's own stack, which asks API Gateway before it believes it. What could not be told, the next message finds again."""
    bodies = [json.dumps({"version": 1, "gone": {"connectionId": connection_id}}) for connection_id in gone]
    for first in range(0, len(bodies), REPORTS):
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies[first : first + REPORTS])]
        try:
            sqs.send_message_batch(QueueUrl=os.environ["REPORT_QUEUE_URL"], Entries=entries)
        except (BotoCoreError, ClientError) as problem:
            print(json.dumps({"level": "ERROR", "reports": len(entries), "error": str(problem)}))
