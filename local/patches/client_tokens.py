"""EventBridge Scheduler answers a request that repeats a ClientToken as it answered the first.

MiniStack: The repeated request is a conflict.
Source: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html#scheduler-CreateSchedule-request-ClientToken
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import scheduler

from . import replaces

_handle = scheduler.handle_request
_answers: dict[tuple[str, ...], tuple[bytes, Any]] = {}  # who asked for what with which token -> the body, the answer


@replaces(scheduler, "handle_request", "5379852d6e1c")
async def handle_request(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
    token = json.loads(body or b"{}").get("ClientToken") or "".join(query.get("clientToken", []))
    if not token:
        return await _handle(method, path, headers, body, query)
    key = (get_account_id(), get_region(), method, path, token)
    if key in _answers:
        first, answer = _answers[key]
        return answer if first == body else scheduler._error(409, "ConflictException", "The ClientToken was used with other parameters.")
    answer = await _handle(method, path, headers, body, query)
    if answer[0] == 200:
        _answers[key] = body, answer
    return answer
