"""A client's records, found by the index on `clientId`."""

from __future__ import annotations

import judge_record
from aws import in_time
from record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws import Clients
    from settings import Settings


def find(clients: Clients, settings: Settings, client_id: str, deadline: float) -> Iterator[Record]:
    """The client's records from the index, oldest connection first, without those of other APIs that share the table.

    Raises TimeoutError when the next page would begin after the deadline (s, time.monotonic()).
    """
    pages = iter(
        clients("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=settings.table,
            IndexName=settings.client_index,
            KeyConditionExpression="clientId = :client",
            ExpressionAttributeValues={":client": {"S": client_id}},
        )
    )
    while page := in_time(deadline) and next(pages, None):
        yield from (record for record in map(Record, page["Items"]) if not judge_record.is_foreign(record, settings))
