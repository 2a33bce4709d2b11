"""Writes and reads the messages of the queues: everything needed to finish closing a connection, or to continue a sweep.

{"version": 1, "close":   {"ended": {…}}}                       the whole closing, record included
{"version": 1, "finish":  {"ended": {…}, "steps": ["history"]}} the remaining steps; the record is already removed
{"version": 1, "offline": {"ended": {…}, "id": "offline/…"}}    checks whether its client is offline, after the grace period
{"version": 1, "sweep":   {…}}                                  where a sweep continues (sweep_part.Part)
{"version": 1, "gone":    {"connectionId": "…"}}                a report that it is gone (check_report.py). The only message that others
                                                                may send, and only to the report queue: others could remove any record

A message that is not JSON may be an event of the disconnect queue (queue_events.py): dead letters are sent back to the retry queue.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import ending
import privacy
import queue_events
from cause import CAUSES
from ending import RejectedError
from sweep_part import Part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ending import Ended

VERSION = 1


@dataclass(frozen=True)
class Close:
    ended: Ended


@dataclass(frozen=True)
class Finish:
    ended: Ended
    steps: list[str]


@dataclass(frozen=True)
class Offline:
    ended: Ended
    id: str
    again: bool = False


@dataclass(frozen=True)
class Gone:
    connectionId: str


NAMES = {Close: "close", Finish: "finish", Offline: "offline", Part: "sweep", Gone: "gone"}


def write(message: Close | Finish | Offline | Part | Gone) -> str:
    return json.dumps({"version": VERSION, NAMES[type(message)]: asdict(message)}, separators=(",", ":"))


def read(body: object, details: str) -> Close | Finish | Offline | Part | Gone:
    """Raises RejectedError for a message that no function of this version wrote. `details` is the privacy mode, which may be stricter by
    now."""
    try:
        message = json.loads(body if isinstance(body, str) else "")
    except (ValueError, RecursionError):  # RecursionError: nested too deeply
        return Close(ending.from_event(queue_events.to_event(body), details))
    if not isinstance(message, dict) or message.get("version") != VERSION:
        raise RejectedError(f"the message must have version {VERSION}")
    name = next((name for name in NAMES.values() if name in message), None)
    content = message.get(name)
    if name == "sweep":
        return Part.parse(content)
    if name is None or not isinstance(content, dict):
        raise RejectedError(f"the message must contain an object named {', '.join(NAMES.values())}")
    if name == "gone":
        return Gone(ending.connection_id(content.get("connectionId")))
    ended = _read_ended(content.get("ended"), details)
    if name == "close":
        return Close(ended)
    if name == "offline":
        announcement_id = ending.plain_text(content.get("id"))
        if not announcement_id or "clientId" not in ended:
            raise RejectedError("offline must have an id and an ended connection with a clientId")
        return Offline(ended, announcement_id, content.get("again") is True)
    steps = content.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
        raise RejectedError("finish must have steps, a list of strings")
    return Finish(ended, steps)


def _read_ended(value: object, details: str) -> Ended:
    if not isinstance(value, dict):
        raise RejectedError("ended must be an object")
    ended_at, why = ending.plain_integer(value.get("endedAt")), value.get("cause")
    if ended_at is None or not isinstance(why, str) or why not in CAUSES:
        raise RejectedError("ended must have endedAt (epoch ms) and a known cause")
    ended: Ended = {"connectionId": ending.connection_id(value.get("connectionId"), ending.LONGEST_KEY), "cause": why, "endedAt": ended_at}
    texts = {name: ending.plain_text(value.get(name)) for name in ("closeReason", "apiId", "stage", "gatewayRequestId")}
    texts["closeReason"] = privacy.reason(texts["closeReason"], details)
    texts["sourceIp"], texts["userAgent"] = privacy.address(value.get("sourceIp"), details), privacy.agent(value.get("userAgent"), details)
    texts["clientId"] = ending.client_id(value.get("clientId"))
    numbers = {name: ending.plain_integer(value.get(name)) for name in ("connectedAt", "durationMs", "closeCode")}
    return ended | {name: known for name, known in (numbers | texts).items() if known is not None}  # type: ignore[return-value]
