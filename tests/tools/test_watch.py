"""What `make up` says to type can be typed in a shell, and `python -m tools.watch` shows who comes and leaves."""

from __future__ import annotations

import re
import subprocess
from types import SimpleNamespace
from typing import cast

from botocore import xform_name

from local import leash
from local.aws import LocalAws, create_table
from tools.deployment import FUNCTIONS
from tools.stack import TABLES, Stack
from tools.up import how

RECORD = {"connectionId": {"S": "c1"}, "clientId": {"S": "kim"}}


def test_what_make_up_says_can_be_typed(aws: LocalAws) -> None:
    dynamodb, logs, table = aws.client("dynamodb"), aws.client("logs"), TABLES["dev"]
    groups = [f"/aws/lambda/security-events-dev-{which}" for which in FUNCTIONS]
    outputs = {"disconnect_function": {"log_group_name": groups[0]}}
    stack = SimpleNamespace(aws=aws, url="ws://127.0.0.1:1/api/dev", table=table, outputs=outputs)
    said = how(cast("Stack", stack), "http://127.0.0.1:2/")
    for service, operation in re.findall(rf"aws --endpoint-url {aws.endpoint} (\S+) (\S+)", said):
        assert operation in {xform_name(name, "-") for name in aws.client(service).meta.service_model.operation_names}

    create_table(dynamodb, table)
    dynamodb.put_item(TableName=table, Item=RECORD)
    for group in groups:
        logs.create_log_group(logGroupName=group)
    typed = "\n".join(line for line in said.splitlines() if "export" in line or "tools.watch" in line)
    watching = leash.start(["sh", "-c", typed], cwd="/", stdout=subprocess.PIPE)
    try:
        assert watching.stdout
        assert re.search(r' came +{"connectionId": "c1", "clientId": "kim"}', watching.stdout.readline())
        dynamodb.delete_item(TableName=table, Key={"connectionId": RECORD["connectionId"]})
        assert " left " in watching.stdout.readline()
    finally:
        leash.end(watching)
