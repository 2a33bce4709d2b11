"""Sends to the retry queue, which brings failed work back after growing delays."""

from __future__ import annotations

import log
import messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from aws import Clients
    from ending import Ended
    from messages import Close, Finish, Offline
    from sweep_part import Part

FIRST_DELAY_S = 5
LONGEST_DELAY_S = 900


class Queue:
    """One of the module's queues. Sending raises botocore's errors: a message that can't be queued must not be lost silently."""

    def __init__(self, url: str, clients: Clients) -> None:
        self._url = url
        self._clients = clients

    def send(self, message: Close | Finish | Offline | Part, delay_s: int = 0) -> None:
        self._clients("sqs").send_message(QueueUrl=self._url, MessageBody=messages.write(message), DelaySeconds=delay_s)

    def retry_later(self, receipt: str, receive_count: int, spread: float) -> None:
        """Hides a received message for 5 s, doubled with each receive up to 15 min, times `spread` (0.5-1, to spread the load)."""
        delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(max(receive_count - 1, 0), 20))
        self.hide(receipt, delay * spread)

    def hide(self, receipt: str, seconds: float) -> None:
        """Makes a received message come back after so many seconds."""
        self._clients("sqs").change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=max(1, int(seconds)))


def hand_over(queue: Queue | None, ended: Ended, problem: Exception, request: dict[str, Any]) -> None:
    """Queues a failed removal so that it is not lost. Raises if that fails too, or if there is no queue. Logs either way."""
    fields = {**ended, **request}
    if queue is None:
        log.error("close", problem, fields, outcome="failed")
        raise problem
    try:
        queue.send(messages.Close(ended))
    except Exception as second:
        log.error("close", problem, {**fields, "queueError": log.describe(second)}, outcome="failed")
        raise
    log.error("close", problem, fields, outcome="queued", level="WARN")
