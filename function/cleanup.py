"""Entry point of the clean-up function: messages, the scheduled sweep, and the sweep that an alarm starts.

Failed messages are reported one by one (ReportBatchItemFailures). They come back after growing delays, and finally go to the dead-letter
queue; a message that can never succeed goes there at once. Queues other than the retry queue may only report gone connections.
"""

from __future__ import annotations

import os
import random
import time
from functools import partial
from typing import TYPE_CHECKING

import closing
import ending
import log
import messages
import queue_events
from aws import Clients
from check_report import Reports, TooEarlyError
from ending import RejectedError
from messages import Close, Finish, Gone, Offline
from settings import Settings
from sweep import Sweep
from sweep_part import MOST_SEGMENTS, Part

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

RESERVE_S = 15.0  # for what is running at the deadline: a request with its retries and back-off, and the report
TIMEOUT_S, ATTEMPTS = 3.0, 3

settings = Settings(os.environ)
log.configure(settings)
clients = Clients(timeout=TIMEOUT_S, attempts=ATTEMPTS)
closer = closing.Closer(settings, clients)
sweeper = Sweep(settings, clients, closer)
reports = Reports(settings, clients, closer, sweeper)


class UnfinishedError(RuntimeError):
    """Steps failed again. Each has its own error line."""


def lambda_handler(event: Any, context: Any) -> dict[str, Any] | None:
    """`event`: an SQS batch, the schedule's {"sweep": {"segment": 0, "segments": 1}}, or an alarm's {"look_at_once": {"segments": 1}}."""
    deadline = closing.deadline(context, RESERVE_S)
    if isinstance(event, dict) and isinstance(event.get("Records"), list):
        return _batch(event["Records"], deadline)
    if isinstance(event, dict) and ("sweep" in event or "look_at_once" in event):
        _sweep(event, deadline)
        return None
    raise RejectedError('expected an SQS batch, {"sweep": {…}} or {"look_at_once": {…}}: invoke this function by its triggers')


def _sweep(event: dict[str, Any], deadline: float) -> None:
    """Raises on a failure so that Lambda counts an error. Nothing is lost: the next sweep starts over."""
    fields = {}  # not the event, which may hold anything
    try:
        if "sweep" in event:
            part = Part.parse(event["sweep"])
            fields = part.fields
            sweeper.run(part, deadline)
        else:
            sweeper.look_at_once(_segments(event["look_at_once"]))
    except Exception as problem:
        log.error("sweep", problem, fields)
        raise


def _segments(value: object) -> int:
    segments = ending.plain_integer(value.get("segments")) if isinstance(value, dict) else None
    if segments is None or not 1 <= segments <= MOST_SEGMENTS:
        raise RejectedError(f"look_at_once needs segments, a whole number from 1 to {MOST_SEGMENTS}")
    if not settings.probes_per_second:
        raise RejectedError("look_at_once needs the probe: set PROBES_PER_SECOND, or remove the rule that invokes this function")
    return segments


def _batch(records: list[dict[str, Any]], deadline: float) -> dict[str, Any]:
    """Processes a batch, sweeps last since they use up the time. Returns which messages must come back."""
    jobs: list[tuple[int, dict[str, Any], Callable[[float], None]]] = []
    failures = []
    for record in records:
        try:
            order, job = _job(record)
        except RejectedError as problem:
            if not _bury(record, problem):
                failures.append(record)
            continue
        jobs.append((order, record, job))
    for _, record, job in sorted(jobs, key=lambda entry: entry[0]):
        if time.monotonic() >= deadline:
            log.emit("postponed", {"messageId": record["messageId"]}, "WARN", {"": age} if (age := _age(record)) else None)
            failures.append(record)
            _postpone(record)
            continue
        try:
            job(deadline)
        except TooEarlyError as early:
            failures.append(record)
            _postpone(record, early.seconds)
        except Exception as problem:  # one message must not fail the others
            log.error("retry", problem, {"messageId": record["messageId"]}, more=_age(record))
            failures.append(record)
            _postpone(record)
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failures]}


def _job(record: dict[str, Any]) -> tuple[int, Callable[[float], None]]:
    """What a message asks for, and its order within a batch. Raises RejectedError for an invalid or forbidden message."""
    message = messages.read(record.get("body"), settings.details)
    if isinstance(message, Gone):
        if not settings.api_id or not settings.stage:
            raise RejectedError(
                "can't ask API Gateway about connections: set WEBSOCKET_API_ID and WEBSOCKET_STAGE (the module's websocket_api.stage)"
            )
        return 0, partial(reports.check, message.connectionId)
    if not _is_ours(record):
        raise RejectedError("this queue accepts only reports of gone connections")
    if isinstance(message, Part):
        return 1, partial(sweeper.run, message, failed_before=_receive_count(record) > 1)
    return 0, partial(_finish_closing, message)


def _is_ours(record: dict[str, Any]) -> bool:
    """Whether a message came from the retry queue, to which only the two functions send, or by hand. Lambda sets the source."""
    source = record.get("eventSourceARN")
    return source is None or source.rpartition(":")[2] == (settings.queue_url or "").rpartition("/")[2]


def _finish_closing(message: Close | Finish | Offline, deadline: float) -> None:
    """Steps and announcements that have been turned off since are dropped."""
    if isinstance(message, Close):
        log.report(closer.close(message.ended, deadline), message.ended, settings.connection_metrics)
    elif isinstance(message, Finish):
        failed = closer.run([step for step in message.steps if step in closer.steps], message.ended, deadline)
        if failed:
            raise UnfinishedError(f"failed again: {', '.join(failed)}")
    elif closer.offline:
        closer.offline.check(message, deadline)


def _postpone(record: dict[str, Any], seconds: float | None = None) -> None:
    """Makes a message come back after so many seconds, or after a back-off. If that fails, the queue's visibility timeout applies."""
    queue = closer.queue if _is_ours(record) else reports.queue
    if queue is None:
        return
    try:
        if seconds is not None:
            queue.hide(record["receiptHandle"], seconds)
        else:
            queue.retry_later(record["receiptHandle"], _receive_count(record), random.uniform(0.5, 1.0))
    except Exception as problem:
        log.error("postpone", problem, {"messageId": record["messageId"]})


def _receive_count(record: dict[str, Any]) -> int:
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))


def _age(record: dict[str, Any]) -> log.Metrics:
    """Metric: for how long (s) a message has been tried. The alarm ignores a first failure, not one that continues. Not for reports, which
    may wait and are dropped in the end."""
    if not _is_ours(record):
        return {}
    return {"RetryAge": (queue_events.tried_for_s(record), "Seconds")}


def _bury(record: dict[str, Any], problem: RejectedError) -> bool:
    """Moves a message that can never succeed to the dead-letter queue. Returns whether that worked.

    A message from another queue is dropped: the runbook sends dead letters to the retry queue, where it would be trusted.
    """
    log.error("message", problem, {"messageId": record["messageId"]})
    if not _is_ours(record):
        return True
    try:
        clients("sqs").send_message(QueueUrl=settings.dead_letter_queue_url, MessageBody=record.get("body") or "{}")
    except Exception as failure:  # SQS moves it there after too many receives
        log.error("message", failure, {"messageId": record["messageId"]})
        return False
    return True
