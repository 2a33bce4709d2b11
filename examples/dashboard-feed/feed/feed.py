"""Pushes announcements to everybody who is connected, so that an open page shows who has left."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

import boto3

SHOWN = ("id", "clientId", "connectionId", "cause", "endedAt", "connectionsLeft")  # not the address: every page gets this

scan = boto3.client("dynamodb").get_paginator("scan")
sockets = boto3.client("apigatewaymanagementapi")  # at AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI


def lambda_handler(event: dict[str, Any], context: object) -> None:
    """`event`: an SQS batch of EventBridge events. A batch that fails is delivered again; pages drop repeats by their id."""
    message = json.dumps([news(json.loads(record["body"])) for record in event["Records"]]).encode()
    for page in scan.paginate(TableName=os.environ["CONNECTIONS_TABLE"], ProjectionExpression="connectionId"):
        for item in page["Items"]:
            with suppress(sockets.exceptions.GoneException):  # it has just left, too, which will be announced
                sockets.post_to_connection(ConnectionId=item["connectionId"]["S"], Data=message)


def news(announced: dict[str, Any]) -> dict[str, Any]:
    detail = announced["detail"]
    return {"type": announced["detail-type"], **{name: detail[name] for name in SHOWN if name in detail}}
