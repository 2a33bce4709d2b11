"""Entry point of the `$disconnect` route: the connection has ended, so its record leaves the connections table.

Answers 200 "disconnected" when the record is gone or its removal is queued, 400 when the event names no connection. Raises, so that Lambda
counts an error, when neither the table nor the queue could be reached: API Gateway does not retry, and the record is left to the sweep.
"""

from __future__ import annotations

import os

import closing
import ended as ended_
import fast_delete
import log
from aws import Clients
from settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RESERVE_S = 6.0  # what DeleteItem and then SendMessage may take when each has to time out

settings = Settings(os.environ)
closer = closing.Closer(settings, Clients(timeout=1.0, attempts=2), fast_delete.connect(settings.table))


def lambda_handler(event: object, context: Any) -> dict[str, Any]:
    """`event`: any JSON value, hopefully an API Gateway `$disconnect` event; `context`: Lambda's."""
    request = {"requestId": context.aws_request_id}
    try:
        ended = ended_.from_event(event, settings.details)
    except ended_.Rejected as problem:
        log.emit("rejected", {"error": str(problem), **request}, "ERROR")
        return {"statusCode": 400, "body": "bad request"}
    try:
        outcome = closer.close(ended, closing.deadline(context, RESERVE_S))
    except Exception as problem:  # whatever it is, the removal must not be lost
        _queue(ended, problem, request)
    else:
        closing.report(outcome, ended, settings, **request)
    return {"statusCode": 200, "body": "disconnected"}


def _queue(ended: ended_.Ended, problem: Exception, request: dict[str, str]) -> None:
    """Hands the removal to the retry queue; when that fails too, or there is none, raises."""
    fields = {**ended, **request}
    if closer.queue is None:
        log.error("close", problem, fields, outcome="failed")
        raise problem
    try:
        closer.queue.close(ended)
    except Exception as second:
        log.error("close", problem, {**fields, "queueError": log.describe(second)}, outcome="failed")
        raise
    log.error("close", problem, fields, outcome="queued", level="WARN")
