"""`make up`: what it says to type can be typed, and `tools.watch` tells what happens."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore import xform_name

from local.aws import LocalAws
from tools.stack import TABLES, Stack, log_group
from tools.up import how
from tools.watch import FUNCTIONS, follow, told

NAME = "prod"  # no other test of this local AWS has it


@pytest.fixture
def stack(aws: LocalAws) -> Iterator[str]:
    dynamodb, logs = aws.client("dynamodb"), aws.client("logs")
    key = {"KeySchema": [{"AttributeName": "connectionId", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}
    dynamodb.create_table(TableName=TABLES[NAME], AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}], **key)
    for function in FUNCTIONS:
        logs.create_log_group(logGroupName=log_group(NAME, function))
        logs.create_log_stream(logGroupName=log_group(NAME, function), logStreamName="s")
    yield NAME
    dynamodb.delete_table(TableName=TABLES[NAME])
    for function in FUNCTIONS:
        logs.delete_log_group(logGroupName=log_group(NAME, function))


def test_it_tells_once_who_came_who_left_and_what_was_logged(aws: LocalAws, stack: str) -> None:
    dynamodb, logs = aws.client("dynamodb"), aws.client("logs")
    told_so_far = follow(aws.endpoint, stack)

    def look() -> list[tuple[str, dict[str, Any]]]:
        found = []
        while (happened := next(told_so_far))[0]:
            found.append(happened)
        return found

    assert look() == []
    record = {"connectionId": {"S": "c1"}, "clientId": {"S": "kim"}}
    dynamodb.put_item(TableName=TABLES[stack], Item=record)
    assert look() == [("came", record)]
    dynamodb.delete_item(TableName=TABLES[stack], Key={"connectionId": {"S": "c1"}})
    line = [{"timestamp": int(time.time() * 1000), "message": '{"outcome":"removed"}'}]
    logs.put_log_events(logGroupName=log_group(stack, "disconnect"), logStreamName="s", logEvents=line)
    assert look() == [("left", record), ("disconnect", {"outcome": "removed"})]
    assert look() == []
    assert told("left", record).endswith('{"connectionId": "c1", "clientId": "kim"}')


def test_what_make_up_says_can_be_typed(aws: LocalAws) -> None:
    said = how(cast("Stack", SimpleNamespace(aws=aws, name="dev", url="ws://127.0.0.1:1/api/dev", table="table")), "http://127.0.0.1:2/")
    assert '"ws://127.0.0.1:1/api/dev?clientId=me"' in said
    commands = re.findall(rf"aws --endpoint-url {aws.endpoint} (\S+) (\S+)", said)
    assert [service for service, _ in commands] == ["dynamodb", "logs"]
    for service, operation in commands:
        known = aws.client(service).meta.service_model.operation_names
        assert operation in {xform_name(name, "-") for name in known}
