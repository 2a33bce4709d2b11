"""boto3's clients: what botocore would believe and must not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from aws import Clients
from botocore.exceptions import BotoCoreError, ClientError

from bench.dynamodb import CLOSE, answer
from tests.unit.fast_delete_server import Server
from tests.unit.support import TABLE, Clock

Call = Callable[[Any], Any]
KEY = {"connectionId": {"S": "c"}}
RECORD = answer(json.dumps({"Item": KEY}).encode())
SENT = answer(b'{"MessageId":"m"}')

# What botocore takes for an answer that says nothing.
NOT_WHOLE: dict[str, list[bytes | str]] = {
    "ends within its head": [RECORD[:120], CLOSE],
    "ends with its head": [RECORD[: RECORD.index(b"Content-Length")], b"\r\n", CLOSE],
    "no body": [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
    "no content": [b"HTTP/1.1 204 No Content\r\n\r\n"],
}
WRONG: dict[str, list[bytes | str]] = {
    "not the body that was sent": [RECORD.replace(b'"c"', b'"d"')],
    "no checksum": [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"],
}
READ_AND_WRITE: dict[str, Call] = {
    "GetItem": lambda dynamodb: dynamodb.get_item(TableName=TABLE, Key=KEY),
    "BatchWriteItem": lambda dynamodb: dynamodb.batch_write_item(RequestItems={TABLE: [{"DeleteRequest": {"Key": KEY}}]}),
}


@pytest.mark.parametrize("call", READ_AND_WRITE.values(), ids=READ_AND_WRITE)
@pytest.mark.parametrize("steps", (NOT_WHOLE | WRONG).values(), ids=NOT_WHOLE | WRONG)
def test_dynamodbs_answer_is_not_believed_unless_it_is_whole(steps: list[bytes | str], call: Call, endpoint: Server, clock: Clock) -> None:
    endpoint.answers += [steps, RECORD, steps, steps]
    dynamodb = Clients(timeout=2.0, attempts=2)("dynamodb")
    call(dynamodb)
    with pytest.raises(ClientError, match="is incomplete"):
        call(dynamodb)
    assert len(endpoint.requests) == 4


@pytest.mark.parametrize("length", range(0, len(RECORD), 27))
def test_an_answer_cut_anywhere_is_no_answer(length: int, endpoint: Server) -> None:
    endpoint.answers += [[RECORD[:length], CLOSE]]
    with pytest.raises((BotoCoreError, ClientError)):
        Clients(timeout=2.0, attempts=1)("dynamodb").get_item(TableName=TABLE, Key=KEY)


@pytest.mark.parametrize("steps", NOT_WHOLE.values(), ids=NOT_WHOLE)
def test_a_message_is_sent_when_sqs_has_named_it(steps: list[bytes | str], endpoint: Server, clock: Clock) -> None:
    endpoint.answers += [steps, SENT, steps, steps]
    sqs = Clients(timeout=2.0, attempts=2)("sqs")
    assert sqs.send_message(QueueUrl=endpoint.url + "/0/q", MessageBody="b")["MessageId"] == "m"
    with pytest.raises(ClientError, match="is incomplete"):
        sqs.send_message(QueueUrl=endpoint.url + "/0/q", MessageBody="b")


@pytest.mark.parametrize("steps", NOT_WHOLE.values(), ids=NOT_WHOLE)
def test_botocore_itself_believes_what_is_not_whole(steps: list[bytes | str], endpoint: Server) -> None:
    """When it no longer does, aws.py needs no handlers."""
    endpoint.answers += [steps]
    assert "Item" not in boto3.client("dynamodb").get_item(TableName=TABLE, Key=KEY)
