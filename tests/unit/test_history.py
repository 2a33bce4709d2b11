"""One item per ended connection, that says who was connected when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import history
import pytest

from tests.unit.fake_aws import error
from tests.unit.support import Table, closer, ended

if TYPE_CHECKING:
    from tests.unit.fake_aws import FakeAws

WHOLE: dict[str, Any] = {
    "connectedAt": 1_795_234_579_479,
    "durationMs": 7_076,
    "closeCode": 1005,
    "closeReason": "why",
    "apiId": "api1",
    "stage": "live",
    "gatewayRequestId": "g",
    "clientId": "kim",
    "sourceIp": "203.0.113.0",
    "userAgent": "App/1",
}


@pytest.fixture
def table(aws: FakeAws, dynamodb: Any) -> Table:
    return Table(dynamodb, "history", byClient=("clientId", "endedAt"))


def write(*, days: int = 30, **known: Any) -> None:
    made = closer(HISTORY_TABLE="history", HISTORY_DAYS=str(days))
    history.History(made.settings, made.clients).write(ended(**known), 0.0)


def test_an_item_has_all_that_is_known_and_its_ttl_in_seconds(table: Table) -> None:
    write(connection_id="c", **WHOLE)
    assert table.items == [{**ended("c"), **WHOLE, "expiresAt": 1_795_234_586 + 30 * 24 * 60 * 60}]


def test_numbers_are_numbers(table: Table, dynamodb: Any) -> None:
    write(connection_id="c", **WHOLE)
    item = dynamodb.get_item(TableName="history", Key={"connectionId": {"S": "c"}})["Item"]
    assert {name for name, value in item.items() if "N" in value} == {"endedAt", "expiresAt", "connectedAt", "durationMs", "closeCode"}


def test_an_empty_text_is_left_out(table: Table) -> None:
    write(connection_id="c", closeReason="", clientId="")
    assert table.items == [{**ended("c"), "expiresAt": 1_795_234_586 + 30 * 24 * 60 * 60}]


def test_the_first_to_close_writes_it(table: Table) -> None:
    write(connection_id="c", cause="idle_timeout")
    write(connection_id="c", cause="gone")
    assert [item["cause"] for item in table.items] == ["idle_timeout"]


def test_a_refused_write_raises(aws: FakeAws, table: Table) -> None:
    aws.on("PutItem", error(400, "ProvisionedThroughputExceededException"))
    with pytest.raises(Exception, match="ProvisionedThroughputExceeded"):
        write(connection_id="c")


def test_a_clients_connections_are_found_by_time(table: Table, dynamodb: Any) -> None:
    for number in range(5):
        write(connection_id=f"kim{number}", clientId="kim", endedAt=1_795_000_000_000 + number * 60_000)
    write(connection_id="lee", clientId="lee", endedAt=1_795_000_060_000)
    write(connection_id="nobody", endedAt=1_795_000_060_000)
    found = dynamodb.query(
        TableName="history",
        IndexName="byClient",
        KeyConditionExpression="clientId = :client AND endedAt BETWEEN :from AND :to",
        ExpressionAttributeValues={":client": {"S": "kim"}, ":from": {"N": "1795000060000"}, ":to": {"N": "1795000180000"}},
    )
    assert [item["connectionId"]["S"] for item in found["Items"]] == ["kim1", "kim2", "kim3"]
