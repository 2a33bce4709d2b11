"""DynamoDB's answers."""

from __future__ import annotations

import json
from binascii import crc32
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import dynamodb

from . import replaces

_days: Any = AccountRegionScopedDict()


@replaces(dynamodb, "handle_request", "1201f2ac993c")
async def handle_request(original: Any, *request: Any) -> tuple[int, dict[str, str], bytes]:
    """DynamoDB's answers carry a checksum (x-amz-crc32), which our functions insist on.

    MiniStack: There is no checksum.
    Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteItem.html#API_DeleteItem_Examples
    """
    status, headers, body = await original(*request)
    return status, {**headers, "x-amz-crc32": str(crc32(body))}, body


@replaces(dynamodb, "_update_continuous_backups", "4d306deca0a2")
@replaces(dynamodb, "_describe_continuous_backups", "ba81b08f309d")
def continuous_backups(original: Any, data: dict[str, Any]) -> Any:
    """A table keeps restore points for 35 days, unless fewer are set.

    MiniStack: The number is dropped, so Terraform always plans the same change.
    Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PointInTimeRecoveryDescription.html
    """
    status, headers, body = original(data)
    described, table = json.loads(body), dynamodb._normalize_table_name(data["TableName"])
    if wanted := data.get("PointInTimeRecoverySpecification"):
        _days[table] = wanted.get("RecoveryPeriodInDays", 35)
    backups = described.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
    if backups.get("PointInTimeRecoveryStatus") == "ENABLED":
        backups["RecoveryPeriodInDays"] = _days.get(table, 35)
    return status, headers, json.dumps(described).encode()
