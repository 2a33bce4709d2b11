"""What a careful team would write: boto3's client, created during INIT."""

import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

TABLE = os.environ["CONNECTIONS_TABLE"]
dynamodb = boto3.client("dynamodb", config=Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 3}))


def lambda_handler(event: dict[str, dict[str, str]], context: object) -> dict[str, object]:
    connection_id = event["requestContext"]["connectionId"]
    try:
        dynamodb.delete_item(TableName=TABLE, Key={"connectionId": {"S": connection_id}})
    except ClientError as error:
        print(json.dumps({"level": "ERROR", "connectionId": connection_id, "error": str(error)}))
        raise
    print(json.dumps({"level": "INFO", "outcome": "removed", "connectionId": connection_id}))
    return {"statusCode": 200, "body": "disconnected"}
