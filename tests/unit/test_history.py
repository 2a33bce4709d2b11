"""One item per ended connection, that says who was connected when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import history
import pytest

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
    write(connection_id="d", closeReason="", clientId="")
    ttl = {"expiresAt": 1_795_234_586 + 30 * 24 * 60 * 60}
    assert [table.get(name) for name in "cd"] == [{**ended("c"), **WHOLE, **ttl}, {**ended("d"), **ttl}]


def test_the_first_to_close_writes_it(table: Table) -> None:
    write(connection_id="c", cause="idle_timeout")
    write(connection_id="c", cause="gone")
    assert [item["cause"] for item in table.items] == ["idle_timeout"]
