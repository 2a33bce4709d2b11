"""Reads the current records of connections by their ids."""

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
    """The existing records of at most MOST ids. Raises RuntimeError if DynamoDB leaves some unread."""
    keys = [{"connectionId": {"S": connection_id}} for connection_id in dict.fromkeys(ids)]
    answer = clients("dynamodb").batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True, **PROJECTION}})
    if answer.get("UnprocessedKeys"):
        raise RuntimeError("DynamoDB left some records unread because of throttling")
    return [Record(item) for item in answer["Responses"].get(table, [])]
