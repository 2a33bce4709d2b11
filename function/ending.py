"""What is known of an ended connection, as one flat dict: also the fields of the log line and the content of the retry message."""

from __future__ import annotations

import time

import cause
import privacy

TYPE_CHECKING = False  # typing is not imported at run time: it would cost INIT time
if TYPE_CHECKING:
    from typing import Any, TypedDict

    from record import Record

    class Known(TypedDict):
        """What is always there. Times are epoch ms."""

        connectionId: str
        cause: str
        endedAt: int

    class Ended(Known, total=False):
        """What may be missing. closeReason, sourceIp and userAgent are already under the privacy setting."""

        connectedAt: int
        durationMs: int
        closeCode: int
        closeReason: str
        apiId: str
        stage: str
        gatewayRequestId: str
        clientId: str
        sourceIp: str
        userAgent: str


LONGEST_ID = 128
LONGEST_TEXT = 256
LONGEST_KEY = 2048  # bytes: what DynamoDB takes as a partition key
LARGEST_NUMBER = 2**53  # beyond any epoch ms, and the largest that JSON readers keep exact


class RejectedError(ValueError):
    """The input can't be used. The text says what was expected."""


class OtherEventError(RejectedError):
    """The event is of another type: a client's message may lead to the route."""


def from_event(event: object, details: str) -> Ended:
    """Reads a `$disconnect` event, any JSON value; `details` is the privacy mode.

    Raises RejectedError if there is no usable connectionId, and for an event of another type: a client's message can choose the route, and
    a message does not end a connection. Everything else may be missing or of another type, and is then left out.
    Source: API Gateway developer guide, "WebSocket API mapping template reference", and recorded events.
    """
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        raise RejectedError("requestContext must be an object: integrate this function with a WebSocket route (AWS_PROXY)")
    if context.get("eventType") not in (None, "DISCONNECT"):
        raise OtherEventError("eventType must be DISCONNECT: no other event removes a record")
    now = int(time.time() * 1000)
    ended_at = plain_integer(context.get("requestTimeEpoch")) or now
    ended: Ended = {"connectionId": connection_id(context.get("connectionId")), "cause": cause.UNKNOWN, "endedAt": ended_at}
    connected_at = plain_integer(context.get("connectedAt"))
    if connected_at is not None:
        ended["connectedAt"] = connected_at
        if connected_at <= ended_at:
            ended["durationMs"] = ended_at - connected_at
    code = plain_integer(context.get("disconnectStatusCode"))
    if code is not None:
        ended["closeCode"] = code
    reason = plain_text(context.get("disconnectReason"))
    ended["cause"] = cause.classify(code, reason or "", ended.get("durationMs"))
    if (shown := privacy.reason(reason, details)) is not None:
        ended["closeReason"] = shown
    for name, source in (("apiId", "apiId"), ("stage", "stage"), ("gatewayRequestId", "requestId")):
        text = plain_text(context.get(source))
        if text is not None:
            ended[name] = text  # type: ignore[literal-required]
    identity = context.get("identity")
    if isinstance(identity, dict):
        _add_client(ended, identity, details)
    return ended


def from_record(record: Record, why: str) -> Ended:
    """What a record says of a connection that was just found dead. Its end is not known, so it has no duration."""
    ended: Ended = {"connectionId": record.connection_id, "cause": why, "endedAt": int(time.time() * 1000)}
    if api_id := plain_text(record.api_id):
        ended["apiId"] = api_id
    if stage := plain_text(record.stage):
        ended["stage"] = stage
    return ended


def complete(ended: Ended, record: Record, details: str) -> None:
    """Adds what only the record holds, so that a retry message can finish the steps after the record is removed."""
    if client := client_id(record.text("clientId")):
        ended["clientId"] = client
    if record.connected_ms is not None:
        ended.setdefault("connectedAt", record.connected_ms)
    _add_client(ended, {name: record.text(name) for name in ("sourceIp", "userAgent")}, details)


def connection_id(value: object, longest: int = LONGEST_ID) -> str:
    """A connectionId that may be sent to DynamoDB; raises RejectedError for anything but a string of 1 to 128 (or `longest`) characters."""
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise RejectedError(f"connectionId must be a string of 1 to {longest} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RejectedError("connectionId must be valid UTF-8 text") from None
    return value


def client_id(value: object) -> str | None:
    """A clientId, never shortened since it is a lookup key; None if it can't be one."""
    try:
        return value if isinstance(value, str) and 1 <= len(value.encode()) <= LONGEST_KEY else None
    except UnicodeEncodeError:
        return None


def _add_client(ended: Ended, source: dict[str, Any], details: str) -> None:
    """Adds the client's address and agent from an event's identity or a record, unless they are there already."""
    if "sourceIp" not in ended and (ip := privacy.address(source.get("sourceIp"), details)):
        ended["sourceIp"] = ip
    if "userAgent" not in ended and (agent := privacy.agent(source.get("userAgent"), details)):
        ended["userAgent"] = agent


def plain_integer(value: object) -> int | None:
    """A whole number that can be a time or a code, or None."""
    return value if type(value) is int and 0 <= value < LARGEST_NUMBER else None


def plain_text(value: object) -> str | None:
    """A string, cut to a sane length; what UTF-8 can't encode, which DynamoDB and strict JSON readers refuse, becomes "?"."""
    return value[:LONGEST_TEXT].encode(errors="replace").decode() if isinstance(value, str) else None
