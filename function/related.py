"""Removes a connection's items from other tables, found by their partition key or by an index."""

from __future__ import annotations

import random
import time

from aws import in_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from aws import Clients
    from ending import Ended
    from record import Item
    from settings import RelatedTable, Settings

CHUNK = 25  # BatchWriteItem's limit


class ItemsLeftError(RuntimeError):
    """Time ran out, or a table refused. The retry queue does the rest."""


class Related:
    def __init__(self, settings: Settings, clients: Clients) -> None:
        self._tables = settings.related
        self._clients = clients

    def remove(self, ended: Ended, deadline: float) -> None:
        """Deletes the connection's items, each table regardless of the others. Raises ItemsLeftError if any are left.

        No request is sent after the deadline (s, time.monotonic()).
        """
        problems = []
        for table in self._tables:
            try:
                for keys in self._chunks(table, ended["connectionId"], deadline):
                    self._delete(table["table"], keys, deadline)
            except Exception as problem:
                problems.append(f"{table['table']}: {type(problem).__name__}: {problem}")
        if problems:
            raise ItemsLeftError("; ".join(problems))

    def _chunks(self, table: RelatedTable, connection_id: str, deadline: float) -> Iterator[list[Item]]:
        names = dict.fromkeys([*table["keys"], table["attribute"]])
        alias = {name: f"#n{number}" for number, name in enumerate(names)}
        request: dict[str, Any] = {
            "TableName": table["table"],
            "KeyConditionExpression": f"{alias[table['attribute']]} = :id",
            "ProjectionExpression": ", ".join(alias[name] for name in table["keys"]),
            "ExpressionAttributeNames": {short: name for name, short in alias.items()},
            "ExpressionAttributeValues": {":id": {"S": connection_id}},
        }
        request |= {"IndexName": table["index"]} if table["index"] else {"ConsistentRead": True}
        pages = iter(self._clients("dynamodb").get_paginator("query").paginate(**request))
        while page := in_time(deadline) and next(pages, None):
            keys = page["Items"]
            for start in range(0, len(keys), CHUNK):
                yield keys[start : start + CHUNK]

    def _delete(self, table: str, keys: list[Item], deadline: float) -> None:
        """Repeats BatchWriteItem until no item is unprocessed. Unprocessed items were throttled, so each try waits longer."""
        requests = [{"DeleteRequest": {"Key": key}} for key in keys]
        wait_s = 0.05
        while requests and in_time(deadline):
            answer = self._clients("dynamodb").batch_write_item(RequestItems={table: requests})
            requests = answer.get("UnprocessedItems", {}).get(table, [])
            if requests:
                time.sleep(random.uniform(wait_s / 2, wait_s))
                wait_s = min(wait_s * 2, 1.0)
