"""Closing a connection: the one routine that every path ends in, from `$disconnect` to the sweep.

First whatever else was asked for (related metadata, history, duplicates, offline clients, announcements), each step idempotent; the record
itself last. The record is the note that work is left: a crash anywhere leaves it to the sweep. A step that fails is handed to the retry
queue before the record goes, so that it can't hold the record up; if it can't be handed over, the record stays. With no extras closing is
one DeleteItem, which the route's entry point does by itself.
"""

from __future__ import annotations

import time
from contextlib import suppress

import ended as ended_
import log
from aws import in_time
from judge_record import ATTRIBUTES
from log import ALREADY_GONE, KEPT, REMOVED
from messages import Finish
from record import Record
from retry import Queue
from settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    from aws import Clients
    from ended import Ended
    from offline import OfflineClients

    Step = Callable[[Ended, float], None]
    When = Literal["now", "later", "never"]


class WrongRecordError(RuntimeError):
    """An answer is about another record than the one that was asked for: an earlier request's answer, come late."""


class Closer:
    """Closes connections as the settings say.

    `steps` maps a step's name to what it does, in order: f(ended, deadline), deadline in seconds of time.monotonic(). A step may run
    again after it succeeded, and raises when it could not finish.
    """

    def __init__(self, settings: Settings, clients: Clients) -> None:
        self.settings = settings
        self.clients = clients
        self.queue = Queue(settings.queue_url, clients) if settings.queue_url else None
        self.offline: OfflineClients | None = None
        self.steps: dict[str, Step] = {}
        if settings.related:
            import related

            self.steps["related"] = related.Related(settings, clients).remove
        if settings.history_table:
            import history

            self.steps["history"] = history.History(settings, clients).write
        if settings.duplicates:
            import duplicates

            self.steps["duplicates"] = duplicates.Duplicates(settings, clients, self).settle
        if settings.event_bus and settings.offline_after_s and self.queue:
            import offline

            self.offline = offline.OfflineClients(settings, clients, self.queue)
            self.steps["offline"] = self.offline.note
        if settings.event_bus:
            import announce

            self.steps["announce"] = announce.Announcements(settings, clients).announce

    def close(self, ended: Ended, deadline: float, seen: Record | None = None, duplicates: When = "now") -> str:
        """Closes a connection: REMOVED for the one caller whose DeleteItem found the record, ALREADY_GONE for everybody else.

        `seen` is the record as it was judged; one that says something else by now is KEPT. `duplicates` says when that step runs: later is
        by the retry queue. Raises botocore's errors.
        """
        if self.steps:
            record = self._read(ended["connectionId"])
            if record is None:
                return ALREADY_GONE
            if seen is not None and any(record.item.get(name) != seen.item.get(name) for name in ATTRIBUTES):
                return KEPT
            ended_.complete(ended, record, self.settings.details)
            failed = self.run([name for name in self.steps if name != "duplicates" or duplicates == "now"], ended, deadline)
            self._hand_over(ended, failed, [name for name in self.steps if name == "duplicates" and duplicates == "later"])
        return self._delete(ended["connectionId"], seen)

    def close_found(self, record: Record, cause: str, deadline: float, duplicates: When = "now") -> str:
        """Closes a connection whose record shows, or proved, that it is dead; writes its line. Returns and raises as `close`."""
        ended = ended_.from_record(record, cause)
        outcome = self.close(ended, deadline, record, duplicates)
        log.report(outcome, ended, self.settings.connection_metrics)
        return outcome

    def run(self, names: list[str], ended: Ended, deadline: float) -> dict[str, BaseException]:
        """Runs the named steps, each whatever the others do; returns those that failed, after an error line for each.

        None is begun after the deadline: the time left is the delete's and the retry queue's.
        """
        failed: dict[str, BaseException] = {}
        for name in names:
            try:
                if in_time(deadline):
                    self.steps[name](ended, deadline)
            except Exception as problem:  # whatever it is, it must not hold up the other steps
                log.error(name, problem, ended)
                failed[name] = problem
        return failed

    def _hand_over(self, ended: Ended, failed: dict[str, BaseException], later: list[str]) -> None:
        if not failed and not later:
            return
        if self.queue is None:
            name, problem = next(iter(failed.items()))
            raise RuntimeError(f"{name} failed and there is no retry queue to hand it to: set RETRY_QUEUE_URL") from problem
        self._try_delete(ended["connectionId"])
        self.queue.send(Finish(ended, [*failed, *later]))

    def _read(self, connection_id: str) -> Record | None:
        answer = self.clients("dynamodb").get_item(
            TableName=self.settings.table, Key={"connectionId": {"S": connection_id}}, ConsistentRead=True
        )
        return _record_in(answer, "Item", connection_id)

    def _try_delete(self, connection_id: str) -> None:
        """Raises botocore's errors if the record can't be removed now: a removal that goes on failing would queue its steps each time."""
        client = self.clients("dynamodb")
        with suppress(client.exceptions.ConditionalCheckFailedException):  # it could be, but for a condition that does not hold
            client.delete_item(
                TableName=self.settings.table,
                Key={"connectionId": {"S": connection_id}},
                ConditionExpression="attribute_not_exists(connectionId)",
            )

    def _delete(self, connection_id: str, seen: Record | None) -> str:
        client = self.clients("dynamodb")
        request: dict[str, Any] = {
            "TableName": self.settings.table,
            "Key": {"connectionId": {"S": connection_id}},
            "ReturnValues": "ALL_OLD",
        }
        if seen is not None:
            request |= _unchanged(seen)
        try:
            return REMOVED if _record_in(client.delete_item(**request), "Attributes", connection_id) else ALREADY_GONE
        except client.exceptions.ConditionalCheckFailedException as problem:
            return KEPT if _record_in(problem.response, "Item", connection_id) else ALREADY_GONE


def _record_in(answer: dict[str, Any], name: str, connection_id: str) -> Record | None:
    """The record in an answer, if there is one. Raises WrongRecordError when it is another connection's."""
    item = answer.get(name)
    if item and item.get("connectionId") != {"S": connection_id}:
        raise WrongRecordError(f"asked about {connection_id}, DynamoDB answered about {item.get('connectionId')}")
    return Record(item) if item else None


def _unchanged(seen: Record) -> dict[str, Any]:
    """DeleteItem's condition that the record still says what it was judged by; if not, the error holds the record."""
    known = {name: seen.item[name] for name in ATTRIBUTES if name in seen.item}
    return {
        "ConditionExpression": " AND ".join(f"#{n} = :{n}" if n in known else f"attribute_not_exists(#{n})" for n in ATTRIBUTES),
        "ExpressionAttributeNames": {f"#{name}": name for name in ATTRIBUTES},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        **({"ExpressionAttributeValues": {f":{name}": value for name, value in known.items()}} if known else {}),
    }


def deadline(context: Any, reserve_s: float) -> float:
    """When to stop (s, time.monotonic()): `reserve_s` before Lambda ends the invocation."""
    return time.monotonic() + float(context.get_remaining_time_in_millis()) / 1000 - reserve_s
