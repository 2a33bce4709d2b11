"""Who may do what in each call, compared with policies.json. What has to change is written, to be reviewed and committed, by

WRITE=1 python -m pytest tests/module/test_policies.py
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import read_records

from .calls import CALLS
from .conftest import Plans, Resources

pytestmark = pytest.mark.xdist_group("plans")  # to plan once

KEPT = Path(__file__).with_name("policies.json")


def grants(resources: Resources) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each statement, and the resource that makes it."""
    for address, values in sorted(resources.items()):
        match re.sub(r'\.this(\["?\w+"?\])?$', "", address).rpartition(".")[2]:
            case "aws_iam_role":
                [statement] = json.loads(values["assume_role_policy"])["Statement"]
                yield address, {"Sid": "Assume", **statement}
            case "aws_iam_role_policy" | "aws_sqs_queue_policy":
                yield from ((address, statement) for statement in json.loads(values["policy"])["Statement"])
            case "report_gone":
                yield from ((address, statement) for statement in json.loads(values["policy_json"])["Statement"])
            case "aws_lambda_permission":
                kept = ("action", "function_name", "principal", "source_arn")
                sid = values.get("statement_id") or values["statement_id_prefix"]
                yield address, {"Sid": sid.split("-")[0], **{name: values[name] for name in kept}}


def summary(plans: Plans) -> dict[str, Any]:
    """Statements by name, what the smallest call's resources grant, and what those of other calls grant otherwise. A statement that is not
    the first of its name has a number."""
    statements: dict[str, dict[str, Any]] = {}
    calls: dict[str, dict[str, list[str]]] = {}
    for call, resources in plans.items():
        for address, statement in grants(resources):
            sid = statement.pop("Sid")
            names = (f"{sid} {number}" if number > 1 else sid for number in range(1, 100))
            name = next(name for name in names if statements.setdefault(name, statement) == statement)
            calls.setdefault(call, {}).setdefault(address, []).append(name)
    default = calls.pop("default")
    for granted in calls.values():
        for address in sorted({*default, *granted}):
            if granted.setdefault(address, []) == default.get(address):
                del granted[address]
    return {"statements": statements, "default": default, "otherwise": {call: granted for call, granted in calls.items() if granted}}


def written(value: Any, depth: int = 1) -> str:
    """As JSON, one statement or resource a line."""
    if not isinstance(value, dict) or {"Action", "action"} & set(value):
        return json.dumps(value)
    inside = (f"{'  ' * depth}{json.dumps(key)}: {written(part, depth + 1)}" for key, part in value.items())
    return "{\n" + ",\n".join(inside) + "\n" + "  " * (depth - 1) + "}"


def test_nobody_may_more_or_less_than_is_written_down(known: Plans) -> None:
    found = summary({call: known[call] for call in CALLS if call != "full"})  # whose parts the others show one by one
    if os.environ.get("WRITE"):
        KEPT.write_text(written(found) + "\n")
    assert found == json.loads(KEPT.read_text())


def test_owners_of_existing_roles_learn_what_to_allow(known: Plans) -> None:
    """As much as the module's own roles may do."""
    places = {"disconnect": "disconnect", "cleanup": "cleanup[0]", "schedule": "sweep[0]", "gateway": "disconnect_queue[0]"}
    own = {role: known["queue"][f"module.{place}.aws_iam_role_policy.this[0]"]["policy"] for role, place in places.items()}
    assert known["existing_roles"]["output.role_policies"] == own


def test_the_roles_may_read_what_a_record_is_judged_by() -> None:
    statement = json.loads(KEPT.read_text())["statements"]["ScanRecords"]
    read = read_records.PROJECTION["ExpressionAttributeNames"]
    assert isinstance(read, dict)
    assert statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"] == sorted(read.values())
