"""Entry point of the clean-up function: messages, the scheduled sweep, and the one that an alarm asks for.

Messages are reported one by one (ReportBatchItemFailures): what failed comes back later, further and further apart, and in the end
goes to the dead-letter queue; what can never succeed goes there at once. Other queues than the retry queue may only report what is gone.
"""

from __future__ import annotations

import os
import random
import time
from functools import partial
from typing import TYPE_CHECKING

import closing
import ended as ended_
import log
import messages
import queue_events
from aws import Clients
from check_report import Reports, TooEarlyError
from ended import RejectedError
from messages import Close, Finish, Gone, Offline
from settings import Settings
from sweep import Sweep
from sweep_part import MOST_SEGMENTS, Part

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

RESERVE_S = 15.0  # for what is under way at the deadline: a request with its retries and their back-off, the report
TIMEOUT_S, ATTEMPTS = 3.0, 3

settings = Settings(os.environ)
log.configure(settings)
clients = Clients(timeout=TIMEOUT_S, attempts=ATTEMPTS)
closer = closing.Closer(settings, clients)
sweeper = Sweep(settings, clients, closer)
reports = Reports(settings, clients, closer, sweeper)


class UnfinishedError(RuntimeError):
    """Steps failed again; each has its own error line."""


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
    """The next run begins anew, so that nothing is lost by a failure; Lambda's `Errors` must rise all the same."""
    fields = {}  # not the event, in which anybody may have written anything
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
    segments = ended_.plain_integer(value.get("segments")) if isinstance(value, dict) else None
    if segments is None or not 1 <= segments <= MOST_SEGMENTS:
        raise RejectedError(f"look_at_once must have segments, a whole number from 1 to {MOST_SEGMENTS}")
    if not settings.probes_per_second:
        raise RejectedError("look_at_once needs the probe: set PROBES_PER_SECOND, or remove the rule that invokes this function")
    return segments


def _batch(records: list[dict[str, Any]], deadline: float) -> dict[str, Any]:
    """Works through a batch, sweeps last (they take all the time there is); answers which messages must come back."""
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
    """What a message asks for, and its rank within a batch; raises RejectedError for what can't be or may not be asked."""
    message = messages.read(record.get("body"), settings.details)
    if isinstance(message, Gone):
        if not settings.api_id or not settings.stage:
            raise RejectedError(
                "nobody can be asked who is gone: set WEBSOCKET_API_ID and WEBSOCKET_STAGE (websocket_api.stage of the module)"
            )
        return 0, partial(reports.check, message.connectionId)
    if not _is_ours(record):
        raise RejectedError("this queue takes reports of what is gone, and nothing else")
    if isinstance(message, Part):
        return 1, partial(sweeper.run, message, failed_before=_receive_count(record) > 1)
    return 0, partial(_finish_closing, message)


def _is_ours(record: dict[str, Any]) -> bool:
    """Whether a message came by the retry queue, on which only the two functions send, or by hand. Its source is Lambda's word."""
    source = record.get("eventSourceARN")
    return source is None or source.rpartition(":")[2] == (settings.queue_url or "").rpartition("/")[2]


def _finish_closing(message: Close | Finish | Offline, deadline: float) -> None:
    """What has been turned off since, steps or announcements, is dropped."""
    if isinstance(message, Close):
        log.report(closer.close(message.ended, deadline), message.ended, settings.connection_metrics)
    elif isinstance(message, Finish):
        failed = closer.run([step for step in message.steps if step in closer.steps], message.ended, deadline)
        if failed:
            raise UnfinishedError(f"failed again: {', '.join(failed)}")
    elif closer.offline:
        closer.offline.check(message, deadline)


def _postpone(record: dict[str, Any], seconds: float | None = None) -> None:
    """Has a message come back after so long, else by how often it came already; without it the queue's visibility time-out decides."""
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
    """For how long (s) a message that has to come back has been tried: a first failure passes, one that goes on must be told. Nothing of
    a report: it may wait, and is dropped in the end."""
    if not _is_ours(record):
        return {}
    return {"RetryAge": (queue_events.tried_for_s(record), "Seconds")}


def _bury(record: dict[str, Any], problem: RejectedError) -> bool:
    """Moves a message that can never succeed to the dead-letter queue; whether that worked.

    A stranger's is dropped: sent back from there, as the runbook says, it would come by the retry queue.
    """
    log.error("message", problem, {"messageId": record["messageId"]})
    if not _is_ours(record):
        return True
    try:
        clients("sqs").send_message(QueueUrl=settings.dead_letter_queue_url, MessageBody=record.get("body") or "{}")
    except Exception as failure:  # it then gets there by being received too often
        log.error("message", failure, {"messageId": record["messageId"]})
        return False
    return True
