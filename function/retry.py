"""The retry queue's messages: everything needed to finish a connection's closing, or to go on with a sweep.

{"version": 1, "close":  {"ended": {…}}}                       the whole closing, record included
{"version": 1, "finish": {"ended": {…}, "steps": ["history"]}} steps that failed; the record is closed already
{"version": 1, "offline": {"ended": {…}, "id": "offline/…"}}    whether its client is offline; comes after the grace period
{"version": 1, "sweep":  {…}}                                  where a sweep goes on (see sweep_part.Part)
{"version": 1, "gone":   {"connectionId": "…"}}                somebody says that it is gone: see check_report.py. The only one that others
                                                               may send, by a queue of their own (or they could have any record removed)
"""

from __future__ import annotations

import json

import ended as ended_
import log
from cause import CAUSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from aws import Clients
    from ended import Ended

VERSION = 1
FIRST_DELAY_S = 5
LONGEST_DELAY_S = 900


class Queue:
    """The retry queue. Sending raises botocore's errors: what can't be queued must fail loudly."""

    def __init__(self, url: str, clients: Clients) -> None:
        self._url = url
        self._clients = clients

    def close(self, ended: Ended) -> None:
        self._send({"close": {"ended": ended}})

    def finish(self, ended: Ended, steps: list[str]) -> None:
        self._send({"finish": {"ended": ended, "steps": steps}})

    def offline(self, ended: Ended, announcement_id: str, delay_s: int, again: bool = False) -> None:
        self._send({"offline": {"ended": ended, "id": announcement_id, "again": again}}, DelaySeconds=delay_s)

    def sweep(self, part: dict[str, Any], delay_s: int = 0) -> None:
        self._send({"sweep": part}, DelaySeconds=delay_s)

    def retry_later(self, receipt: str, receive_count: int, spread: float) -> None:
        """Hides a received message for 5 s, doubling with each receipt up to 15 min, times `spread` (0.5-1: not all at once)."""
        delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(max(receive_count - 1, 0), 20))
        self.hide(receipt, delay * spread)

    def hide(self, receipt: str, seconds: float) -> None:
        """Has a received message come back after so long."""
        self._clients("sqs").change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=max(1, int(seconds)))

    def _send(self, message: dict[str, Any], **how: int) -> None:
        body = json.dumps({"version": VERSION, **message}, separators=(",", ":"))
        self._clients("sqs").send_message(QueueUrl=self._url, MessageBody=body, **how)


def hand_over(queue: Queue | None, ended: Ended, problem: Exception, request: dict[str, str]) -> None:
    """Queues a removal that failed, so that it is not lost; when that fails too, or there is no queue, raises. Logs either way."""
    fields = {**ended, **request}
    if queue is None:
        log.error("close", problem, fields, outcome="failed")
        raise problem
    try:
        queue.close(ended)
    except Exception as second:
        log.error("close", problem, {**fields, "queueError": log.describe(second)}, outcome="failed")
        raise
    log.error("close", problem, fields, outcome="queued", level="WARN")


def read_ended(value: object) -> Ended:
    """Reads what a retry message says of a connection; raises Rejected when it can't be one that this module wrote."""
    if not isinstance(value, dict):
        raise ended_.Rejected("ended must be an object")
    ended_at, why = ended_.plain_integer(value.get("endedAt")), value.get("cause")
    if ended_at is None or not isinstance(why, str) or why not in CAUSES:
        raise ended_.Rejected("ended must have endedAt (epoch ms) and a known cause")
    ended: Ended = {"connectionId": ended_.connection_id(value.get("connectionId"), ended_.LONGEST_KEY), "cause": why, "endedAt": ended_at}
    for name in ("connectedAt", "durationMs", "closeCode"):
        number = ended_.plain_integer(value.get(name))
        if number is not None:
            ended[name] = number
    for name in ("closeReason", "apiId", "stage", "gatewayRequestId", "sourceIp", "userAgent"):
        text = ended_.plain_text(value.get(name))
        if text is not None:
            ended[name] = text  # type: ignore[literal-required]
    if client_id := ended_.client_id(value.get("clientId")):
        ended["clientId"] = client_id
    return ended
