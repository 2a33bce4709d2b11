"""A log group's KMS key can be set, changed and removed.

MiniStack: A key is known only from CreateLogGroup.
Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import cloudwatch_logs

from . import replaces

_handle = cloudwatch_logs.handle_request


@replaces(cloudwatch_logs, "handle_request", "e453a3f37b62")
async def handle_request(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    if action not in ("AssociateKmsKey", "DisassociateKmsKey"):
        return await _handle(method, path, headers, body, query)
    asked = json.loads(body)
    name = asked.get("logGroupName") or asked["resourceIdentifier"].partition(":log-group:")[2].removesuffix(":*")
    if name not in cloudwatch_logs._log_groups:
        return error_response_json("ResourceNotFoundException", f"The specified log group does not exist: {name}", 400)
    cloudwatch_logs._log_groups[name]["kmsKeyId"] = asked["kmsKeyId"] if action == "AssociateKmsKey" else None
    return json_response({})
