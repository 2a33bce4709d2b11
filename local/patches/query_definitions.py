"""Saved queries of CloudWatch Logs Insights can be stored, described and deleted.

MiniStack: The operations are missing.
Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, error_response_json, json_response
from ministack.services import cloudwatch_logs

from . import replaces

_handle = cloudwatch_logs.handle_request
_definitions: Any = AccountRegionScopedDict()


@replaces(cloudwatch_logs, "handle_request", "e453a3f37b62")
async def handle_request(method: str, path: str, headers: dict[str, str], body: Any, query_params: Any) -> Any:
    handler = HANDLERS.get(headers.get("x-amz-target", "").split(".")[-1])
    return handler(json.loads(body)) if handler else await _handle(method, path, headers, body, query_params)


def put(data: dict[str, Any]) -> Any:
    key = data.get("queryDefinitionId") or str(uuid.uuid4())
    if data.get("queryDefinitionId") and key not in _definitions:
        return error_response_json("ResourceNotFoundException", f"There is no query definition {key}", 400)
    kept: dict[str, Any] = {name: data[name] for name in ("name", "queryString", "logGroupNames") if name in data}
    _definitions[key] = {**kept, "queryDefinitionId": key, "lastModified": int(time.time() * 1000)}
    return json_response({"queryDefinitionId": key})


def describe(data: dict[str, Any]) -> Any:
    prefix = data.get("queryDefinitionNamePrefix", "")
    found: list[dict[str, Any]] = [kept for kept in _definitions.values() if kept["name"].startswith(prefix)]
    return json_response({"queryDefinitions": found})


def delete(data: dict[str, Any]) -> Any:
    if _definitions.pop(data["queryDefinitionId"], None) is None:
        return error_response_json("ResourceNotFoundException", "There is no such query definition", 400)
    return json_response({"success": True})


HANDLERS = {"PutQueryDefinition": put, "DescribeQueryDefinitions": describe, "DeleteQueryDefinition": delete}
