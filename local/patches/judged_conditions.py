"""A condition on `aws:PrincipalArn` sees the role of a session, one on `dynamodb:Attributes` all names of a request.

MiniStack: It compares the session's ARN, and reads neither the attributes of a batch nor those of other expressions than projections.
Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam

from . import replaces

_resolve = iam_evaluator._resolve_condition_key
_attributes = iam_actions.dynamodb_service_context
NAME = re.compile(r"(?<![\w:.#])#?[A-Za-z_]\w*(?!\w*\s*\()")  # not a value, a path's later part, a function
WORDS = {"ADD", "AND", "BETWEEN", "DELETE", "IN", "NOT", "OR", "REMOVE", "SET"}


@replaces(iam_evaluator, "_resolve_condition_key", "15e26964cd38")
def resolve(key: str, ctx: Any) -> Any:
    role = re.fullmatch(r"arn:[^:]+:sts::\d+:assumed-role/([^/]+)/.*", ctx.principal_arn or "")
    if key.lower() == "aws:principalarn" and role:
        return iam._roles[role[1]]["Arn"]
    return _resolve(key, ctx)


@replaces(iam_actions, "dynamodb_service_context", "0f0021bdc8a3")
def context(body: bytes) -> dict[str, Any]:
    request = json.loads(body or b"{}")
    tables = [table for table in request.get("RequestItems", {}).values() if isinstance(table, dict)]
    found = [_attributes(json.dumps(part).encode()) for part in tables or [request]]
    attributes = {name for part in found for name in part.get("dynamodb:Attributes", ())}
    names = request.get("ExpressionAttributeNames", {})
    for expression in ("UpdateExpression", "ConditionExpression", "FilterExpression"):
        attributes |= {names.get(name, name) for name in NAME.findall(request.get(expression, "")) if name not in WORDS}
    keys: dict[str, Any] = {"dynamodb:Attributes": sorted(attributes | set(request.get("Key", ())))} if attributes else {}
    if "UpdateExpression" in request:  # reads nothing unless ReturnValues says so
        return {**keys, "dynamodb:ReturnValues": request.get("ReturnValues", "NONE")}
    whole = any(part.get("dynamodb:Select") != "SPECIFIC_ATTRIBUTES" for part in found)
    return {**found[0], **keys, "dynamodb:Select": "ALL_ATTRIBUTES" if whole else "SPECIFIC_ATTRIBUTES"}
