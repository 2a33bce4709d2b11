"""`make up`: what it says to type can be typed, and `tools.watch` shows what happens."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest
from botocore import xform_name

from local.aws import REPOSITORY, LocalAws, create_table
from tools.deployment import FUNCTIONS
from tools.stack import TABLES, Stack
from tools.up import how
from tools.watch import follow, shown

NAME = "prod"  # no other test of this local AWS has it
GROUPS = {which: f"/aws/lambda/security-events-{NAME}-{which}" for which in FUNCTIONS}


@pytest.fixture
def stack(aws: LocalAws) -> Iterator[str]:
    dynamodb, logs = aws.client("dynamodb"), aws.client("logs")
    create_table(dynamodb, TABLES[NAME])
    for group in GROUPS.values():
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="s")
    yield NAME
    dynamodb.delete_table(TableName=TABLES[NAME])
    for group in GROUPS.values():
        logs.delete_log_group(logGroupName=group)


def test_it_shows_once_who_came_who_left_and_what_was_logged(aws: LocalAws, stack: str) -> None:
    dynamodb, logs = aws.client("dynamodb"), aws.client("logs")
    news = follow(aws.endpoint, stack, aws.key)

    assert next(news) == []
    record = {"connectionId": {"S": "c1"}, "clientId": {"S": "kim"}}
    dynamodb.put_item(TableName=TABLES[stack], Item=record)
    assert next(news) == [("came", record)]
    dynamodb.delete_item(TableName=TABLES[stack], Key={"connectionId": {"S": "c1"}})
    line = [{"timestamp": int(time.time() * 1000), "message": '{"outcome":"removed"}'}]
    logs.put_log_events(logGroupName=GROUPS["disconnect"], logStreamName="s", logEvents=line)
    assert next(news) == [("disconnect", {"outcome": "removed"}), ("left", record)]
    assert next(news) == []
    assert shown("left", record).endswith('{"connectionId": "c1", "clientId": "kim"}')


def test_what_make_up_says_can_be_typed(aws: LocalAws) -> None:
    outputs = {"disconnect_function": {"log_group_name": GROUPS["disconnect"]}}
    stack = SimpleNamespace(aws=aws, url="ws://127.0.0.1:1/api/dev", table="table", outputs=outputs)
    said = how(cast("Stack", stack), "http://127.0.0.1:2/")
    assert '"ws://127.0.0.1:1/api/dev?clientId=me"' in said
    assert f"AWS_SECRET_ACCESS_KEY={aws.key['AWS_SECRET_ACCESS_KEY']}" in said
    assert f"cd {REPOSITORY} && {sys.executable} -m tools.watch {aws.endpoint}" in said, "from any folder"
    commands = re.findall(rf"aws --endpoint-url {aws.endpoint} (\S+) (\S+)", said)
    assert [service for service, _ in commands] == ["dynamodb", "logs"]
    for service, operation in commands:
        known = aws.client(service).meta.service_model.operation_names
        assert operation in {xform_name(name, "-") for name in known}
