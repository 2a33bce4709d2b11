"""DynamoDB's answers carry a checksum (x-amz-crc32), which our functions insist on.

MiniStack: There is no checksum.
Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteItem.html#API_DeleteItem_Examples
"""

from __future__ import annotations

from binascii import crc32
from typing import Any

from ministack.services import dynamodb

from . import replaces

_handle = dynamodb.handle_request


@replaces(dynamodb, "handle_request", "1201f2ac993c")
async def handle_request(*request: Any) -> tuple[int, dict[str, str], bytes]:
    status, headers, body = await _handle(*request)
    return status, {**headers, "x-amz-crc32": str(crc32(body))}, body
