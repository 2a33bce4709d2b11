"""The specification's own code: what everybody writes."""

import json
import os

import boto3
from botocore.exceptions import ClientError

table = boto3.resource("dynamodb").Table(os.environ["CONNECTIONS_TABLE"])


def lambda_handler(event: dict[str, dict[str, str]], context: object) -> dict[str, object]:
    cid = event["requestContext"]["connectionId"]
    try:
        table.delete_item(Key={"connectionId": cid})
    except ClientError as error:
        print(json.dumps({"level": "ERROR", "connectionId": cid, "error": str(error)}))
        raise
    print(json.dumps({"level": "INFO", "outcome": "removed", "connectionId": cid}))
    return {"statusCode": 200, "body": "disconnected"}
