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
def update_continuous_backups(original: Any, data: dict[str, Any]) -> Any:
    """A table keeps restore points for 35 days, unless fewer are set.

    MiniStack: The number is dropped, so Terraform always plans the same change.
    Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PointInTimeRecoveryDescription.html
    """
    specification = data.get("PointInTimeRecoverySpecification", {})
    _days[dynamodb._normalize_table_name(data.get("TableName"))] = specification.get("RecoveryPeriodInDays", 35)
    return _with_days(original(data), data)


@replaces(dynamodb, "_describe_continuous_backups", "ba81b08f309d")
def describe_continuous_backups(original: Any, data: dict[str, Any]) -> Any:
    return _with_days(original(data), data)


def _with_days(answer: Any, data: dict[str, Any]) -> Any:
    status, headers, body = answer
    described = json.loads(body)
    backups = described.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
    if backups.get("PointInTimeRecoveryStatus") == "ENABLED":
        backups["RecoveryPeriodInDays"] = _days.get(dynamodb._normalize_table_name(data.get("TableName")), 35)
    return status, headers, json.dumps(described).encode()
