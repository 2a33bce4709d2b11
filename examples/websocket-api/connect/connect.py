"""`$connect` of the example API: writes the record of the new connection."""

from __future__ import annotations

import os
from typing import Any

import boto3

# API Gateway ends every connection after two hours. The hour on top lets the sweep come before DynamoDB's TTL, which tells nobody.
EXPIRES_AFTER_SECONDS = 3 * 3600

table = boto3.resource("dynamodb").Table(os.environ["CONNECTIONS_TABLE"])


def client_id(event: dict[str, Any]) -> str | None:
    """What the authorizer has verified. Without one, for a demo, what the client says: it can then be anybody."""
    if "authorizer" in event["requestContext"]:
        return str(event["requestContext"]["authorizer"]["clientId"])
    return (event.get("queryStringParameters") or {}).get("clientId")


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int]:
    connection = event["requestContext"]
    record = {
        "connectionId": connection["connectionId"],
        "connectedAt": connection["connectedAt"],  # epoch ms
        "expiresAt": connection["connectedAt"] // 1000 + EXPIRES_AFTER_SECONDS,  # epoch s
        "clientId": client_id(event),
        "sourceIp": connection["identity"].get("sourceIp"),
        "userAgent": connection["identity"].get("userAgent"),
        "apiId": connection["apiId"],
        "stage": connection["stage"],
    }
    table.put_item(Item={name: value for name, value in record.items() if value})
    return {"statusCode": 200}
