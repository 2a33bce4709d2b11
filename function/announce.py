"""Tells an EventBridge bus who left, when, why, and how many connections that client has left; and, after a grace period, who is offline.

At least once: whatever is told again has the same `id`. docs/schemas says what an announcement holds.
"""

from __future__ import annotations

import json
from contextlib import suppress

import judge_record
from messages import Offline
from record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aws import Clients
    from closing import Closer
    from ended import Ended
    from retry import Queue
    from settings import Settings

VERSION = 1
SOURCE = "websocket-connections"
ENDED, OFFLINE = "WebSocket Connection Ended", "WebSocket Client Offline"
MOST = 100  # of a client's other records counted: what one small query reads
INDEX_LAG_S = 2  # how far the index may be behind the table: a reconnect within the grace period is in it when the check comes
REMOVAL_S = 30  # how long after its steps a removal may come, with time-outs and retries


class RefusedError(RuntimeError):
    """The bus did not take an announcement: the retry queue tries again."""


class Announcements:
    def __init__(self, settings: Settings, clients: Clients, closer: Closer) -> None:
        self._settings = settings
        self._clients = clients
        self._closer = closer
        clients("events")  # made at INIT, which has more CPU than an invocation

    def announce(self, ended: Ended, deadline: float) -> None:
        """Announces the end of a connection, and queues a check whether its client is offline when no other connection stays."""
        mine, client_id = ended["connectionId"], ended.get("clientId")
        if not (client_id and self._settings.client_index):
            self._put(ENDED, f"ended/{mine}", ended, {})
            return
        others = [other for other in self._records(client_id) if other != mine]
        self._put(ENDED, f"ended/{mine}", ended, {"connectionsLeft": len(others)})
        if self._settings.offline_after_s and not self._another_stays(ended, others):
            self._queue().send(Offline(ended, f"offline/{max([mine, *others])}"), self._settings.offline_after_s + INDEX_LAG_S)

    def announce_offline(self, ended: Ended, announcement_id: str, again: bool) -> None:
        """The check that was queued: announces the client as offline unless it has a record, by the index and by the table itself.

        Where only such are left as are about to go, it comes again, once: what is not gone by then will be closed anew, with its own check.
        """
        left = [record for found in self._records(ended["clientId"]) if (record := self._closer.read(found))]
        if not left:
            self._put(OFFLINE, announcement_id, ended, {})
        elif not again and all("endedAt" in record.item or record.connection_id == ended["connectionId"] for record in left):
            self._queue().send(Offline(ended, announcement_id, again=True), REMOVAL_S)

    def _records(self, client_id: str) -> list[str]:
        """The connectionIds of the client's records by the index, at most MOST; not those of other APIs that share the table."""
        found = self._clients("dynamodb").query(
            TableName=self._settings.table,
            IndexName=self._settings.client_index,
            KeyConditionExpression="clientId = :client",
            ExpressionAttributeValues={":client": {"S": client_id}},
            Limit=MOST,
        )
        return [record.connection_id for record in map(Record, found["Items"]) if not judge_record.is_foreign(record, self._settings)]

    def _another_stays(self, ended: Ended, others: list[str]) -> bool:
        """Whether another of the client's records is there and not about to go.

        Of connections that end at once, none may leave the check to another that leaves it to the first. So each marks its own record
        before it looks at the others': the last to mark sees the marks of all. More than one may: their checks have the same id.
        """
        if not others:
            return False
        client = self._clients("dynamodb")
        with suppress(client.exceptions.ConditionalCheckFailedException):  # gone already, which tells the others as much
            client.update_item(
                TableName=self._settings.table,
                Key={"connectionId": {"S": ended["connectionId"]}},
                UpdateExpression="SET endedAt = :ended",
                ConditionExpression="attribute_exists(connectionId)",
                ExpressionAttributeValues={":ended": {"N": str(ended["endedAt"])}},
            )
        records = map(self._closer.read, others)
        return any(record is not None and "endedAt" not in record.item for record in records)

    def _queue(self) -> Queue:
        assert self._closer.queue is not None  # else the settings would have been refused
        return self._closer.queue

    def _put(self, kind: str, announcement_id: str, ended: Ended, more: dict[str, int]) -> None:
        detail = {"version": VERSION, "id": announcement_id, "connectionsTable": self._settings.table, **ended, **more}
        entry = {"EventBusName": self._settings.event_bus, "Source": SOURCE, "DetailType": kind, "Detail": json.dumps(detail)}
        (result,) = self._clients("events").put_events(Entries=[entry]).get("Entries") or [{}]
        if "EventId" not in result:
            raise RefusedError(f"{self._settings.event_bus}: {result.get('ErrorCode', 'no answer')}: {result.get('ErrorMessage', '')}")
