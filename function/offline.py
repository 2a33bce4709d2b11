"""Announces a client as offline once it has had no connection for a grace period.

Each end of a connection queues a check for the end of that period. A table holds each client's latest absence, with an id: the end of its
last connection. A check with another id is out of date: the client has been back since, or another connection ended later.
"""

from __future__ import annotations

import time
from itertools import islice

import client_records
import read_records
from announce import OFFLINE, put
from aws import in_time
from judge_record import is_foreign
from messages import Offline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aws import Clients
    from ending import Ended
    from record import Item
    from retry import Queue
    from settings import Settings

INDEX_LAG_S = 2  # the index may lag behind the table: a reconnect within the grace period is in it by the time of the check
REMOVAL_S = 30  # how long after its steps a removal may take, with timeouts and retries
KEEP_S = 172_800  # absences are kept longer than checks are retried

# A later end begins a new absence, unless the client was announced as offline after it: that announcement covers this end, too.
BEGINS = "attribute_not_exists(clientId) OR (endedAt < :ended AND (attribute_not_exists(announcedAt) OR announcedAt < :ended))"


class OfflineClients:
    def __init__(self, settings: Settings, clients: Clients, queue: Queue) -> None:
        self._settings = settings
        self._clients = clients
        self._queue = queue

    def note(self, ended: Ended, deadline: float) -> None:
        """The step: stores the client's absence and queues the check, unless it has been announced already."""
        if not ended.get("clientId"):
            return
        absence_id = self._begin(ended)
        if absence_id is not None and in_time(deadline):
            self._queue.send(Offline(ended, absence_id), self._settings.offline_after_s + INDEX_LAG_S)

    def check(self, message: Offline, deadline: float) -> None:
        """Announces the client as offline unless it has a record, according to the index and to the table itself.

        If the only record left is the ended connection's own, it may be about to be removed: the check then comes again, once. A record
        that is still there after that is closed again, with a check of its own.
        """
        ended = message.ended
        if not self._is_current(ended["clientId"], message.id):
            return
        left = self._left(ended["clientId"], deadline)
        if not left:
            put(self._clients, self._settings, OFFLINE, message.id, ended, {})
            now = {":id": {"S": message.id}, ":now": {"N": str(int(time.time() * 1000))}}
            self._update(ended["clientId"], "SET announcedAt = :now", "id = :id", now)
        elif left == {ended["connectionId"]} and not message.again:
            self._queue.send(Offline(ended, message.id, again=True), REMOVAL_S)

    def _begin(self, ended: Ended) -> str | None:
        """The id of the absence to which this end belongs, or which it begins; None if it has been announced."""
        absence_id = f"offline/{ended['connectionId']}"
        ended_at, expires_at = ended["endedAt"], ended["endedAt"] // 1000 + KEEP_S
        values = {":id": {"S": absence_id}, ":ended": {"N": str(ended_at)}, ":expires": {"N": str(expires_at)}}
        change = "SET id = :id, endedAt = :ended, expiresAt = :expires REMOVE announcedAt"
        known = self._update(ended["clientId"], change, BEGINS, values)
        if known is None:
            return absence_id
        return None if "announcedAt" in known else str(known["id"]["S"])

    def _update(self, client_id: str, change: str, condition: str, values: Item) -> Item | None:
        """Changes the client's absence. If the condition does not hold, returns it unchanged."""
        client = self._clients("dynamodb")
        try:
            client.update_item(
                TableName=self._settings.offline_table,
                Key={"clientId": {"S": client_id}},
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except client.exceptions.ConditionalCheckFailedException as problem:
            return dict(problem.response.get("Item", {}))
        return None

    def _is_current(self, client_id: str, absence_id: str) -> bool:
        """Whether the client's latest absence has this id and is not announced yet; true when none is known."""
        key = {"clientId": {"S": client_id}}
        known = self._clients("dynamodb").get_item(TableName=self._settings.offline_table, Key=key, ConsistentRead=True).get("Item")
        return not known or (known["id"]["S"] == absence_id and "announcedAt" not in known)

    def _left(self, client_id: str, deadline: float) -> set[str]:
        """Connections of the client that have a record, or some of them."""
        found = client_records.find(self._clients, self._settings, client_id, deadline)
        left: set[str] = set()
        while not left and (some := [record.connection_id for record in islice(found, read_records.MOST)]) and in_time(deadline):
            records = read_records.read(self._clients, self._settings.table, some)
            left |= {record.connection_id for record in records if not is_foreign(record, self._settings)}
        return left
