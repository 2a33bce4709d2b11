"""Closing a connection: the one routine that every path ends in, from `$disconnect` to the sweep.

First whatever else was asked for (related metadata, history, duplicates, announcements), each step idempotent; the record itself last. The
record is the note that work is left: a crash anywhere leaves it to the sweep. A step that fails is handed to the retry queue before the
record goes, so that it can't hold the record up; if it can't be handed over, the record stays. With no extras closing is one DeleteItem,
which the route's entry point does by itself.
"""

from __future__ import annotations

import time

import ended as ended_
import log
from judge_record import ATTRIBUTES
from log import ALREADY_GONE, KEPT, REMOVED
from retry import Queue
from settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from announce import Announcements
    from aws import Clients, Item
    from ended import Ended

    Step = Callable[[Ended, float], None]


class Misled(RuntimeError):
    """An answer is about another record than the one that was asked for."""


class Closer:
    """Closes connections as the settings say.

    `steps` maps a step's name to what it does, in order: f(ended, deadline), deadline in seconds of time.monotonic(). A step may run
    again after it succeeded, and raises when it could not finish.
    """

    def __init__(self, settings: Settings, clients: Clients) -> None:
        self.settings = settings
        self.clients = clients
        self.queue = Queue(settings.queue_url, clients) if settings.queue_url else None
        self.announcements: Announcements | None = None
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
        if settings.event_bus:
            import announce

            self.announcements = announce.Announcements(settings, clients, self)
            self.steps["announce"] = self.announcements.announce

    def close(
        self, ended: Ended, deadline: float, seen: Item | None = None, without: tuple[str, ...] = (), later: tuple[str, ...] = ()
    ) -> str:
        """Closes a connection: REMOVED for the one caller whose DeleteItem found the record, ALREADY_GONE for everybody else.

        `seen` is the record as it was judged; one that says something else by now is KEPT. `without` names steps to leave out, `later`
        those for the retry queue, if there is one. Raises botocore's errors.
        """
        if self.steps:
            record = self.read(ended["connectionId"])
            if record is None:
                return ALREADY_GONE
            if seen is not None and any(record.get(name) != seen.get(name) for name in ATTRIBUTES):
                return KEPT
            ended_.complete(ended, record, self.settings.details)
            put_off = [name for name in self.steps if name in later and self.queue]
            failed = self.run([name for name in self.steps if name not in (*without, *put_off)], ended, deadline)
            if failed or put_off:
                self._hand_over(ended, failed, put_off)
        return self._delete(ended["connectionId"], seen)

    def run(self, names: list[str], ended: Ended, deadline: float) -> dict[str, BaseException]:
        """Runs the named steps, each whatever the others do; returns those that failed, after an error line for each.

        None is begun after the deadline: the time left is the delete's and the retry queue's.
        """
        failed: dict[str, BaseException] = {}
        for name in names:
            try:
                if time.monotonic() >= deadline:
                    raise TimeoutError("out of time before it began")
                self.steps[name](ended, deadline)
            except Exception as problem:  # whatever it is, it must not hold up the other steps
                log.error(name, problem, ended)
                failed[name] = problem
        return failed

    def _hand_over(self, ended: Ended, failed: dict[str, BaseException], put_off: list[str]) -> None:
        if self.queue is None:
            name, problem = next(iter(failed.items()))
            raise RuntimeError(f"{name} failed and there is no retry queue to hand it to: set RETRY_QUEUE_URL") from problem
        self.queue.finish(ended, [*failed, *put_off])

    def read(self, connection_id: str) -> Item | None:
        """The connection's record as the table itself has it now, not as an index had it a moment ago."""
        answer = self.clients("dynamodb").get_item(
            TableName=self.settings.table, Key={"connectionId": {"S": connection_id}}, ConsistentRead=True
        )
        return _told(connection_id, answer, "Item")

    def _delete(self, connection_id: str, seen: Item | None) -> str:
        client = self.clients("dynamodb")
        request: dict[str, Any] = {
            "TableName": self.settings.table,
            "Key": {"connectionId": {"S": connection_id}},
            "ReturnValues": "ALL_OLD",
        }
        if seen is not None:
            request |= _unchanged(seen)
        try:
            return REMOVED if _told(connection_id, client.delete_item(**request), "Attributes") else ALREADY_GONE
        except client.exceptions.ConditionalCheckFailedException as problem:
            return KEPT if _told(connection_id, problem.response, "Item") else ALREADY_GONE


def _told(connection_id: str, answer: dict[str, Any], name: str) -> Item | None:
    """The record in an answer, if there is one. Raises Misled when it is another connection's: an earlier request's answer, come late."""
    record: Item | None = answer.get(name)
    if record and record.get("connectionId") != {"S": connection_id}:
        raise Misled(f"asked about {connection_id}, DynamoDB answered about {record.get('connectionId')}")
    return record


def _unchanged(seen: Item) -> dict[str, Any]:
    """DeleteItem's condition that the record still says what it was judged by; if not, the error holds the record."""
    return {
        "ConditionExpression": " AND ".join(f"#{n} = :{n}" if n in seen else f"attribute_not_exists(#{n})" for n in ATTRIBUTES),
        "ExpressionAttributeNames": {f"#{name}": name for name in ATTRIBUTES},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        **({"ExpressionAttributeValues": values} if (values := {f":{n}": seen[n] for n in ATTRIBUTES if n in seen}) else {}),
    }


def deadline(context: Any, reserve_s: float) -> float:
    """When to stop (s, time.monotonic()): `reserve_s` before Lambda ends the invocation."""
    return time.monotonic() + float(context.get_remaining_time_in_millis()) / 1000 - reserve_s
