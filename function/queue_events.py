"""Turns a message of the disconnect queue, as API Gateway's template writes it (modules/disconnect-route), into an event.

A message is form-encoded, `connectionId=…&identity.userAgent=…`. Each value is encoded by itself, so a client can't add fields. A variable
that API Gateway does not fill is empty and left out.
"""

from __future__ import annotations

import time
from urllib.parse import parse_qsl

from ending import RejectedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NUMBERS = ("connectedAt", "disconnectStatusCode", "requestTimeEpoch")
MOST_FIELDS = 100


def to_event(body: object) -> dict[str, Any]:
    """The event as an invocation would receive it. Raises RejectedError unless the message is a form without repeated names."""
    try:
        # errors="replace": invalid UTF-8 garbles a value instead of losing the event.
        fields = parse_qsl(body if isinstance(body, str) else "", strict_parsing=True, errors="replace", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise RejectedError("the message is not form-encoded: only API Gateway may write to this queue") from None
    context: dict[str, Any] = {}
    for name, text in fields:
        parent, _, key = name.rpartition(".")
        target = context.setdefault(parent, {}) if parent else context
        if not isinstance(target, dict) or key in target:
            raise RejectedError("the message names a field twice")
        target[key] = int(text) if name in NUMBERS and text.isascii() and text.isdecimal() and len(text) < 20 else text
    return {"requestContext": context}


def waited_ms(record: dict[str, Any]) -> int | None:
    """How long ago a message was sent; None if unknown."""
    return _since_ms(record, "SentTimestamp")


def tried_for_s(record: dict[str, Any]) -> int:
    """How long ago a message was first received."""
    return (_since_ms(record, "ApproximateFirstReceiveTimestamp") or 0) // 1000


def _since_ms(record: dict[str, Any], attribute: str) -> int | None:
    """Source: Lambda developer guide, "Using Lambda with Amazon SQS": epoch ms, as text."""
    text = record.get("attributes", {}).get(attribute, "")
    return max(0, int(time.time() * 1000) - int(text)) if text.isdecimal() else None
