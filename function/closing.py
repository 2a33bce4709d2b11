"""Closes a connection. Every path ends here, from `$disconnect` to the sweep.

The optional steps come first (related items, history, duplicates, offline clients, announcements). Each is idempotent. The record goes
last: it marks unfinished work, so after a crash the sweep finds it. A step that fails is sent to the retry queue before the record is
removed, so it does not delay the removal; if it can't be sent, the record stays. Without optional steps closing is one DeleteItem, which
the route's entry point does by itself.
"""

from __future__ import annotations

import time
from contextlib import suppress

import ending
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
    from ending import Ended
    from offline import OfflineClients

    Step = Callable[[Ended, float], None]
    When = Literal["now", "later", "never"]


class WrongRecordError(RuntimeError):
    """The answer is about another record than requested: a late answer to an earlier request."""


class Closer:
    """Closes connections according to the settings.

    `steps` maps each step's name to its function, in order: f(ended, deadline), deadline in seconds of time.monotonic(). A step may run
    again after it succeeded. It raises if it could not finish.
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
        """Closes a connection. Returns REMOVED to the one caller whose DeleteItem found the record, ALREADY_GONE to all others.

        `seen` is the record as it was judged; if it has changed since, it is KEPT. `duplicates` says when that step runs; "later" means by
        the retry queue. Raises botocore's errors.
        """
        if self.steps:
            record = self._read(ended["connectionId"])
            if record is None:
                return ALREADY_GONE
            if seen is not None and any(record.item.get(name) != seen.item.get(name) for name in ATTRIBUTES):
                return KEPT
            ending.complete(ended, record, self.settings.details)
            failed = self.run([name for name in self.steps if name != "duplicates" or duplicates == "now"], ended, deadline)
            self._hand_over(ended, failed, [name for name in self.steps if name == "duplicates" and duplicates == "later"])
        return self._delete(ended["connectionId"], seen)

    def close_found(self, record: Record, cause: str, deadline: float, duplicates: When = "now") -> str:
        """Closes a connection that is known to be dead and writes its log line. Returns and raises as `close`."""
        ended = ending.from_record(record, cause)
        outcome = self.close(ended, deadline, record, duplicates)
        log.report(outcome, ended, self.settings.connection_metrics)
        return outcome

    def run(self, names: list[str], ended: Ended, deadline: float) -> dict[str, BaseException]:
        """Runs the named steps, each regardless of the others. Logs and returns those that failed.

        No step starts after the deadline: the remaining time is for the delete and the retry queue.
        """
        failed: dict[str, BaseException] = {}
        for name in names:
            try:
                if in_time(deadline):
                    self.steps[name](ended, deadline)
            except Exception as problem:  # must not hold up the other steps
                log.error(name, problem, ended)
                failed[name] = problem
        return failed

    def _hand_over(self, ended: Ended, failed: dict[str, BaseException], later: list[str]) -> None:
        if not failed and not later:
            return
        if self.queue is None:
            name, problem = next(iter(failed.items()))
            raise RuntimeError(f"step {name} failed and there is no retry queue: set RETRY_QUEUE_URL") from problem
        self._try_delete(ended["connectionId"])
        self.queue.send(Finish(ended, [*failed, *later]))

    def _read(self, connection_id: str) -> Record | None:
        answer = self.clients("dynamodb").get_item(
            TableName=self.settings.table, Key={"connectionId": {"S": connection_id}}, ConsistentRead=True
        )
        return _record_in(answer, "Item", connection_id)

    def _try_delete(self, connection_id: str) -> None:
        """Raises botocore's errors if the record can't be removed now: each failed removal would queue its steps again."""
        client = self.clients("dynamodb")
        # The condition never holds: only permission and reachability are tested
        with suppress(client.exceptions.ConditionalCheckFailedException):
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
    """The record in an answer, or None. Raises WrongRecordError if it is another connection's."""
    item = answer.get(name)
    if item and item.get("connectionId") != {"S": connection_id}:
        raise WrongRecordError(f"asked DynamoDB about {connection_id}, got an answer about {item.get('connectionId')}")
    return Record(item) if item else None


def _unchanged(seen: Record) -> dict[str, Any]:
    """DeleteItem's condition that the judged attributes are unchanged. If it fails, the error contains the record."""
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
