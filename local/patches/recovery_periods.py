"""A table keeps restore points for 35 days, unless fewer are set.

MiniStack: The number is dropped, so Terraform plans the same change for ever.
Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PointInTimeRecoveryDescription.html
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import dynamodb

from . import replaces

_describe, _update = dynamodb._describe_continuous_backups, dynamodb._update_continuous_backups
_days: Any = AccountRegionScopedDict()


@replaces(dynamodb, "_update_continuous_backups", "4d306deca0a2")
def update(data: dict[str, Any]) -> Any:
    specification = data.get("PointInTimeRecoverySpecification", {})
    _days[dynamodb._normalize_table_name(data.get("TableName"))] = specification.get("RecoveryPeriodInDays", 35)
    return _received(_update(data), data)


@replaces(dynamodb, "_describe_continuous_backups", "ba81b08f309d")
def describe(data: dict[str, Any]) -> Any:
    return _received(_describe(data), data)


def _received(answer: Any, data: dict[str, Any]) -> Any:
    status, headers, body = answer
    described = json.loads(body)
    backups = described.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
    if backups.get("PointInTimeRecoveryStatus") == "ENABLED":
        backups["RecoveryPeriodInDays"] = _days.get(dynamodb._normalize_table_name(data.get("TableName")), 35)
    return status, headers, json.dumps(described).encode()
