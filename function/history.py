"""Writes one item per ended connection, once. The index `byClient` shows who was connected when."""

from __future__ import annotations

from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aws import Clients
    from ending import Ended
    from record import Item
    from settings import Settings

DAY_S = 86_400


class History:
    def __init__(self, settings: Settings, clients: Clients) -> None:
        self._table = settings.history_table
        self._keep_s = settings.history_days * DAY_S
        self._clients = clients

    def write(self, ended: Ended, deadline: float) -> None:
        """Writes the item unless there is one. `expiresAt` is the table's TTL, epoch s; the other times are epoch ms."""
        item: Item = {name: {"S": value} if isinstance(value, str) else {"N": str(value)} for name, value in ended.items() if value != ""}
        item["expiresAt"] = {"N": str(ended["endedAt"] // 1000 + self._keep_s)}
        client = self._clients("dynamodb")
        with suppress(client.exceptions.ConditionalCheckFailedException):  # somebody else closed this connection first
            client.put_item(TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(connectionId)")
