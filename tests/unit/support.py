"""Plain things the functions' tests share; fixtures are in conftest.py."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import boto3
import closing
import pytest
from aws import Clients
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from record import Record
from settings import Settings

from tests.faults.clock import Clock as Clock
from tests.faults.clock import Context as Context
from tests.unit.fake_aws import OF_A_TEST, FakeAws

if TYPE_CHECKING:
    from ending import Ended

Item = dict[str, dict[str, Any]]
deserialize = TypeDeserializer().deserialize
Load = Callable[..., ModuleType]  # what the fixtures `load` and `lines` are
Lines = Callable[[], list[dict[str, Any]]]

EVENTS = Path(__file__).parent.parent / "data/events"
TABLE = "connections"
API = {"WEBSOCKET_API_ID": "api1", "WEBSOCKET_STAGE": "live"}
OURS = {"apiId": "api1", "stage": "live"}  # in a record
MINUTE, EXPIRED = 60_000, 7_500_000  # ms
REQUEST_ID = Context.aws_request_id


def bare_environment(patch: pytest.MonkeyPatch, **variables: str) -> None:
    """Sets these variables, without any other that botocore would follow."""
    for name in list(os.environ):
        if name.upper().startswith(("AWS_", "BOTO", "REQUESTS_")) or name.lower().endswith("_proxy"):
            patch.delenv(name)
    for name, value in variables.items():
        patch.setenv(name, value)


def event(name: str = "client_closed_without_code", **changes: Any) -> dict[str, Any]:
    """A recorded `$disconnect` event, with changes to its requestContext."""
    sample: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    sample["requestContext"] |= changes
    return sample


def closer(**environment: str) -> closing.Closer:
    """What closes connections under these variables, with clients that don't retry."""
    return closing.Closer(Settings({"CONNECTIONS_TABLE": TABLE, **environment}), Clients(timeout=10.0, attempts=1))


def ended(connection_id: str, **more: Any) -> Ended:
    """What is known of a connection that ended."""
    known: Ended = {"connectionId": connection_id, "cause": "client_closed", "endedAt": 1_795_234_586_555}
    return known | more  # type: ignore[return-value]


def record(connection_id: str = "c", now_ms: int | None = None, **attributes: Any) -> Record:
    """A record as it is read, at `now_ms`; attributes in plain Python values or DynamoDB's JSON."""
    made = Record({name: _typed(value) for name, value in {"connectionId": connection_id, **attributes}.items()})
    made.read_ms = now_ms or made.read_ms
    return made


def client(service: str, server: FakeAws) -> Any:
    """The test's own, whose requests the server neither notes nor hands to a handler."""
    config = Config(retries={"total_max_attempts": 1}, user_agent_extra=OF_A_TEST)
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=server.url, region_name="eu-west-1", config=config, **keys)


class Table:
    """A table as a test sees it: items in and out in plain Python values."""

    def __init__(self, dynamodb: Any, name: str, keys: tuple[str, ...] = ("connectionId",), **indexes: tuple[str, ...]) -> None:
        self.name = name
        self._keys = keys
        self._dynamodb = dynamodb
        numbers = {"connectedAt", "endedAt", "at"}
        attributes = {*keys, *itertools.chain(*indexes.values())}
        extra = [{"IndexName": name, "KeySchema": _schema(keys), "Projection": {"ProjectionType": "ALL"}} for name, keys in indexes.items()]
        dynamodb.create_table(
            TableName=name,
            KeySchema=_schema(keys),
            AttributeDefinitions=[{"AttributeName": a, "AttributeType": "N" if a in numbers else "S"} for a in sorted(attributes)],
            BillingMode="PAY_PER_REQUEST",
            **({"GlobalSecondaryIndexes": extra} if extra else {}),
        )

    def put(self, key: str, **attributes: object) -> Record:
        item: Item = {name: _typed(value) for name, value in {self._keys[0]: key, **attributes}.items()}
        self._dynamodb.put_item(TableName=self.name, Item=item)
        return Record({"connectionId": {"S": key}, **item})

    def put_all(self, keys: Iterable[str], **attributes: object) -> None:
        """Puts many items alike, by one request for 25 of them."""
        item = {name: _typed(value) for name, value in attributes.items()}
        puts = [{"PutRequest": {"Item": {self._keys[0]: {"S": key}, **item}}} for key in keys]
        for start in range(0, len(puts), 25):
            self._dynamodb.batch_write_item(RequestItems={self.name: puts[start : start + 25]})

    def delete(self, key: str) -> None:
        self._dynamodb.delete_item(TableName=self.name, Key={self._keys[0]: {"S": key}})

    @property
    def items(self) -> list[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self.name)
        return [{name: deserialize(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    @property
    def keys(self) -> set[str]:
        return {str(item[self._keys[0]]) for item in self.items}


def _schema(keys: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)]


def _typed(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value  # DynamoDB's own JSON, for what Python has no type for
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


class RetryQueue:
    """A queue as a test sees it."""

    def __init__(self, sqs: Any, name: str) -> None:
        self._sqs = sqs
        self.url: str = sqs.create_queue(QueueName=name)["QueueUrl"]

    def receive(self) -> list[dict[str, Any]]:
        """The messages there are, received and deleted, as their JSON."""
        return [json.loads(record["body"]) for record in self.batch()]

    def batch(self) -> list[dict[str, Any]]:
        """The messages there are, as Lambda hands them over. Like Lambda, it deletes them; unlike it, even when they fail."""
        records = []
        while messages := self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                records.append(sqs_record(message["Body"], message["MessageId"]))
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return records


def deliver(function: ModuleType, *records: dict[str, Any], context: Context | None = None) -> list[str]:
    """Has the function handle these messages as one batch; returns the ids of those that come back."""
    answer = function.lambda_handler({"Records": list(records)}, context or Context(120))
    assert answer.keys() == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def sqs_record(body: str, message_id: str = "m1", receive_count: int = 1, queue: str = "retry") -> dict[str, Any]:
    """A message as Lambda hands it over from a queue. Source: Lambda developer guide, "Using Lambda with Amazon SQS"."""
    return {
        "messageId": message_id,
        "receiptHandle": f"receipt-{message_id}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(receive_count), "SentTimestamp": "1700000000000"},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-west-1:123456789012:{queue}",
    }
