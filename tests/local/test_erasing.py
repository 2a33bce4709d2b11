"""The commands of docs/personal-data.md erase one client and nobody else, for good."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import ConnectionClosed

from tests.command_line import commands, fill, run

from .conftest import ARN, Api

CLIENTS = ("ann@example.com", "kim")


def letter(client: str) -> str:
    ended = {"connectionId": f"left-{client}", "cause": "client_closed", "endedAt": 1, "clientId": client}
    return json.dumps({"version": 1, "finish": {"ended": ended, "steps": ["history"]}})


def test_one_client_is_erased_and_nobody_else(observed: Api) -> None:
    aws, dynamodb, sqs = observed.aws, observed.aws.client("dynamodb"), observed.aws.client("sqs")
    names = {"TABLE": f"{observed.id}-connections"}
    connections, history, absences = (f"{names['TABLE']}{ending}" for ending in ("", "-history", "-offline"))
    index = {"IndexName": "byClient", "KeySchema": [{"AttributeName": "clientId", "KeyType": "HASH"}]}
    by_client = [{**index, "Projection": {"ProjectionType": "ALL"}}]
    for table, key, indexes in ((connections, "connectionId", by_client), (history, "connectionId", by_client), (absences, "clientId", [])):
        attributes = {key, "clientId"} if indexes else {key}
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in attributes],
            **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        )
    queues = {name: sqs.create_queue(QueueName=f"{observed.id}-{name}")["QueueUrl"] for name in ("DEAD_LETTER_URL", "RETRY_QUEUE_URL")}
    with observed.connect() as socket:
        event = observed.next_event() or {}
        connection = event["requestContext"]["connectionId"]
        for client in CLIENTS:
            item = {"connectionId": {"S": connection if client == CLIENTS[0] else "hers"}, "clientId": {"S": client}}
            for table in (connections, history, absences):
                dynamodb.put_item(TableName=table, Item=item)
            sqs.send_message(QueueUrl=queues["DEAD_LETTER_URL"], MessageBody=letter(client))

        words = {**names, **queues, "CLIENT": CLIENTS[0]}
        endpoint = aws.websocket_url(observed.id, "live").replace("ws", "http", 1)
        for command in commands("personal-data.md"):
            answer = run(fill(command.replace("https://API_ID.execute-api.REGION.amazonaws.com/STAGE", endpoint), words), aws.client)
            for item in answer.get("Items", []):
                words["CONNECTION_ID"] = item["connectionId"]["S"]
            for message in answer.get("Messages", []):
                words["RECEIPT_HANDLE"] = message["ReceiptHandle"] if CLIENTS[0] in message["Body"] else words.get("RECEIPT_HANDLE", "")
        with pytest.raises(ConnectionClosed):
            socket.recv(10)
    assert (observed.next_event() or {})["requestContext"]["eventType"] == "DISCONNECT"
    for table in (history, absences):
        assert [item["clientId"]["S"] for item in dynamodb.scan(TableName=table)["Items"]] == ["kim"]
    source, target = (ARN.format("sqs", f"{observed.id}-{name}") for name in queues)
    sqs.start_message_move_task(SourceArn=source, DestinationArn=target)
    sent_back = sqs.receive_message(QueueUrl=queues["RETRY_QUEUE_URL"], MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in sent_back] == [letter("kim")]
