"""Entry point of the `$disconnect` route: the connection has ended, so its record is removed from the connections table.

Answers 200 "disconnected" when the record is gone or its removal is queued, 400 when the event names no connection. Raises, so that Lambda
counts an error, when neither the table nor the queue could be reached: API Gateway does not retry, and the record is left to the sweep.

With `delivery = "queue"` events come in batches, and each is handled by itself. A removal that fails comes back from the queue, so nothing
is raised. A message that is no event goes to the dead-letter queue at once.

Without optional steps, closing a connection is one DeleteItem, which fast_delete does. Everything else, above all boto3, is imported only
if that fails, since API Gateway loses events while an environment starts.
"""

from __future__ import annotations

import os

import ending
import fast_delete
import log
from route_settings import RouteSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from closing import Closer
    from ending import Ended
    from fast_delete import FastDelete

RESERVE_S = 6.5  # for two requests that time out (that of a running step, then DeleteItem), and their messages


def make_closer() -> Closer:
    """Closes connections with boto3. Creates the client at once, since INIT has more CPU than an invocation."""
    from aws import Clients
    from closing import Closer
    from settings import Settings

    clients = Clients(timeout=1.0, attempts=2)
    clients("dynamodb")
    return Closer(Settings(os.environ), clients)


def connect() -> FastDelete | None:
    """The fast path; None where boto3 is intended, and, with a log line, where a setting requires it."""
    try:
        return None if settings.has_extras else fast_delete.connect(settings.table)
    except (KeyError, OSError, ValueError) as problem:
        _report_off(problem)
        return None


def _report_off(why: Exception) -> None:
    log.emit("fast_path_off", {"why": log.describe(why)}, "WARN", {"": {"FastPathOff": (1, "Count")}})


settings = RouteSettings(os.environ)
log.configure(settings)
fast = connect()
closer = None if fast else make_closer()


def lambda_handler(event: object, context: Any) -> dict[str, Any]:
    """`event`: an API Gateway `$disconnect` event or an SQS batch of them, but it may be any JSON value."""
    if isinstance(event, dict) and isinstance(event.get("Records"), list):
        left = [record for record in event["Records"] if not _take(record, context)]
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in left]}
    request = {"requestId": context.aws_request_id}
    try:
        ended = ending.from_event(event, settings.details)
    except ending.RejectedError as problem:
        log.emit("rejected", {"error": str(problem), **request}, "ERROR")
        return {"statusCode": 400, "body": "bad request"}
    try:
        outcome = _remove(ended, context)
    except Exception as problem:  # the removal must not be lost, whatever the problem
        _hand_over(ended, problem, request)
    else:
        log.report(outcome, ended, settings.connection_metrics, **request)
    return {"statusCode": 200, "body": "disconnected"}


def _take(record: dict[str, Any], context: Any) -> bool:
    """Handles a message of the disconnect queue. Returns False if it has to come back."""
    import queue_events

    fields = {"requestId": context.aws_request_id, "waitedMs": queue_events.waited_ms(record)}
    message = {"messageId": record["messageId"], **fields}
    age: log.Metrics = {"RetryAge": (queue_events.tried_for_s(record), "Seconds")}
    if context.get_remaining_time_in_millis() < RESERVE_S * 1000:
        log.emit("postponed", message, "WARN", {"": age})
        return False
    try:
        ended = ending.from_event(queue_events.to_event(record.get("body")), settings.details)
    except ending.OtherEventError as problem:  # clients must not fill the dead-letter queue
        log.emit("rejected", {"error": str(problem), **message}, "ERROR")
        return True
    except ending.RejectedError as problem:
        log.error("message", problem, message, outcome="rejected")
        return _bury(record, message)
    try:
        outcome = _remove(ended, context)
    except Exception as problem:
        import aws

        if aws.is_throttled(problem):  # it comes back from this queue instead of adding a message to the retry queue
            log.error("close", problem, {**ended, **fields}, outcome="postponed", level="WARN", more=age)
            return False
        try:
            _hand_over(ended, problem, fields)
        except Exception:  # logged
            return False
    else:
        log.report(outcome, ended, settings.connection_metrics, **fields)
    return True


def _bury(record: dict[str, Any], fields: dict[str, Any]) -> bool:
    """Moves a message that can never succeed to the dead-letter queue. Returns whether that worked."""
    global closer
    closer = closer or make_closer()
    try:
        closer.clients("sqs").send_message(QueueUrl=closer.settings.dead_letter_queue_url, MessageBody=record.get("body") or "{}")
    except Exception as problem:  # SQS moves it there after too many receives
        log.error("message", problem, fields)
        return False
    return True


def _hand_over(ended: Ended, problem: Exception, fields: dict[str, Any]) -> None:
    import retry

    retry.hand_over(closer.queue if closer else None, ended, problem, fields)


def _remove(ended: Ended, context: Any) -> str:
    global closer
    if fast is not None:
        old = fast.delete(ended["connectionId"])
        if old is not None:
            return log.REMOVED if old else log.ALREADY_GONE
    import closing

    closer = closer or make_closer()
    outcome = closer.close(ended, closing.deadline(context, RESERVE_S), duplicates="later")
    if fast is not None and (why := fast.missed()):
        _report_off(why)
    return outcome
