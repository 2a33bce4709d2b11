"""Reads the records of connections by their ids, as they are now."""

from __future__ import annotations

from judge_record import ATTRIBUTES
from record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aws import Clients

MOST = 100  # BatchGetItem's limit

PROJECTION = {
    "ProjectionExpression": ", ".join(f"#{name}" for name in ("connectionId", *ATTRIBUTES)),
    "ExpressionAttributeNames": {f"#{name}": name for name in ("connectionId", *ATTRIBUTES)},
}


def read(clients: Clients, table: str, ids: list[str]) -> list[Record]:
    """The records that there are, of at most MOST ids. Raises RuntimeError when DynamoDB hands some back unread."""
    keys = [{"connectionId": {"S": connection_id}} for connection_id in dict.fromkeys(ids)]
    answer = clients("dynamodb").batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True, **PROJECTION}})
    if answer.get("UnprocessedKeys"):
        raise RuntimeError("DynamoDB is too busy to read these records now")
    return [Record(item) for item in answer["Responses"].get(table, [])]
