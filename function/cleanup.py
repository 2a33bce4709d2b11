"""Entry point of the clean-up function: retry-queue messages and the scheduled sweep.

Messages are reported one by one (ReportBatchItemFailures): what failed comes back later, further and further apart, and in the end
goes to the dead-letter queue; what can never succeed goes there at once.
"""

from __future__ import annotations

import json
import os
import random
import time
from functools import partial
from typing import TYPE_CHECKING

import closing
import ended as ended_
import log
import retry
from aws import Clients
from settings import Settings
from sweep import Part, Sweep

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

RESERVE_S = 15.0  # for what is under way at the deadline: a request with its retries and their back-off, the report
TIMEOUT_S, ATTEMPTS = 3.0, 3

settings = Settings(os.environ)
clients = Clients(timeout=TIMEOUT_S, attempts=ATTEMPTS)
closer = closing.Closer(settings, clients)
sweeper = Sweep(settings, clients, closer)


class Unfinished(RuntimeError):
    """Steps failed again; each has its own error line."""


def lambda_handler(event: Any, context: Any) -> dict[str, Any] | None:
    """`event`: an SQS batch, or {"sweep": {"segment": 0, "segments": 1}} from the schedule; `context`: Lambda's."""
    deadline = closing.deadline(context, RESERVE_S)
    if isinstance(event, dict) and "sweep" in event:
        _sweep(event["sweep"], deadline)
        return None
    if isinstance(event, dict) and isinstance(event.get("Records"), list):
        return _batch(event["Records"], deadline)
    raise ended_.Rejected('expected an SQS batch or {"sweep": {…}}: invoke this function by its queue or its schedule')


def _sweep(part: object, deadline: float) -> None:
    """The next run begins anew, so that nothing is lost by a failure; Lambda's `Errors` must rise all the same."""
    try:
        sweeper.run(Part.parse(part), deadline)
    except Exception as problem:
        log.error("sweep", problem, {"sweep": part})
        raise


def _batch(records: list[dict[str, Any]], deadline: float) -> dict[str, Any]:
    """Works through a batch, sweeps last (they take all the time there is); answers which messages must come back."""
    jobs: list[tuple[int, dict[str, Any], Callable[[float], None]]] = []
    failures = []
    for record in records:
        try:
            order, job = _job(record.get("body"))
        except ended_.Rejected as problem:
            if not _bury(record, problem):
                failures.append(record)
            continue
        jobs.append((order, record, job))
    for _, record, job in sorted(jobs, key=lambda entry: entry[0]):
        if time.monotonic() >= deadline:
            log.emit("postponed", {"messageId": record["messageId"]}, "WARN", {"": _age(record)})
            failures.append(record)
            _postpone(record)
            continue
        try:
            job(deadline)
        except Exception as problem:  # one message must not fail the others
            log.error("retry", problem, {"messageId": record["messageId"]}, more=_age(record))
            failures.append(record)
            _postpone(record)
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failures]}


def _job(body: object) -> tuple[int, Callable[[float], None]]:
    """What a message asks for, and its rank within a batch; raises Rejected for what this module can't have written."""
    try:
        message = json.loads(body if isinstance(body, str) else "")
    except (ValueError, RecursionError):  # RecursionError: nested too deeply
        raise ended_.Rejected("the message is not JSON") from None
    if not isinstance(message, dict) or message.get("version") != retry.VERSION:
        raise ended_.Rejected(f"the message is not of version {retry.VERSION}")
    if "sweep" in message:
        return 1, partial(sweeper.run, Part.parse(message["sweep"]))
    work = message.get("close") or message.get("finish") or message.get("offline")
    if not isinstance(work, dict):
        raise ended_.Rejected("the message asks for nothing this version knows: close, finish, offline or sweep")
    ended = retry.read_ended(work.get("ended"))
    if "close" in message:
        return 0, partial(_close, ended)
    if "offline" in message:
        announcement_id = ended_.plain_text(work.get("id"))
        if not announcement_id or "clientId" not in ended:
            raise ended_.Rejected("offline must have an id, and an ended connection with a clientId")
        return 0, partial(_offline, ended, announcement_id)
    steps = work.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
        raise ended_.Rejected("finish must have steps, a list of names")
    return 0, partial(_finish, ended, steps)


def _close(ended: ended_.Ended, deadline: float) -> None:
    log.report(closer.close(ended, deadline), ended, settings.connection_metrics)


def _finish(ended: ended_.Ended, steps: list[str], deadline: float) -> None:
    """Runs the steps that failed when the record was closed. Steps that have been turned off since are dropped."""
    failed = closer.run([step for step in steps if step in closer.steps], ended, deadline)
    if failed:
        raise Unfinished(f"failed again: {', '.join(failed)}")


def _offline(ended: ended_.Ended, announcement_id: str, deadline: float) -> None:
    """Nothing when announcements have been turned off since."""
    if closer.announcements:
        closer.announcements.announce_offline(ended, announcement_id)


def _postpone(record: dict[str, Any]) -> None:
    """Has a message come back sooner or later by how often it came already; without it the queue's visibility time-out decides."""
    try:
        assert closer.queue is not None  # its messages are what we have here
        count = int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))
        closer.queue.retry_later(record["receiptHandle"], count, random.uniform(0.5, 1.0))
    except Exception as problem:
        log.error("postpone", problem, {"messageId": record["messageId"]})


def _age(record: dict[str, Any]) -> log.Metrics:
    """For how long (s) a message that has to come back has been tried: a first failure passes, one that goes on must be told."""
    now, first_ms = int(time.time()), record.get("attributes", {}).get("ApproximateFirstReceiveTimestamp", "")
    return {"RetryAge": (max(0, now - int(first_ms) // 1000) if first_ms.isdecimal() else 0, "Seconds")}


def _bury(record: dict[str, Any], problem: ended_.Rejected) -> bool:
    """Moves a message that can never succeed to the dead-letter queue; whether that worked."""
    log.error("message", problem, {"messageId": record["messageId"]})
    try:
        clients("sqs").send_message(QueueUrl=settings.dead_letter_queue_url, MessageBody=record.get("body") or "{}")
    except Exception as failure:  # it then gets there by being received too often
        log.error("message", failure, {"messageId": record["messageId"]})
        return False
    return True
