"""A connection's record, parsed when it is read. Every attribute except the key may be missing, unknown or of the wrong type."""

from __future__ import annotations

import time
from functools import cached_property

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Item = dict[str, dict[str, Any]]  # DynamoDB JSON: {"connectionId": {"S": "…"}}

FIRST_API_MS = 1_543_622_400_000  # December 2018, when WebSocket APIs were introduced: an earlier value is in another unit or not a time
SKEW_MS = 60_000  # between the clocks of the record's writer and the functions
YOUNG_MS = 60_000  # twice the integration timeout (29 s) of `$connect`: until then a 410 proves nothing


class Record:
    """The usable parts of a record; times are epoch ms. `item` is the whole record, `read_ms` the time it was read."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.read_ms = int(time.time() * 1000)
        self.connection_id: str = item["connectionId"]["S"]
        self.api_id = self.text("apiId")
        self.stage = self.text("stage")

    @cached_property
    def connected_ms(self) -> int | None:
        """`connectedAt` where it can be a connection's time: after WebSocket APIs began, not in the future."""
        value = self._integer("connectedAt")
        return value if value is not None and FIRST_API_MS <= value <= self.read_ms + SKEW_MS else None

    @cached_property
    def expires_ms(self) -> int | None:
        """`expiresAt`, the TTL in epoch s, where it can be one."""
        value = self._integer("expiresAt")
        return value * 1000 if value is not None and value * 1000 >= FIRST_API_MS else None

    @cached_property
    def seen_ms(self) -> int | None:
        """When the record last showed a live connection: `connectedAt`, or `lastSeenAt` if that is later and not in the future."""
        seen = self._integer("lastSeenAt") or 0
        return self.connected_ms and max(self.connected_ms, seen if seen <= self.read_ms + SKEW_MS else 0)

    @property
    def is_young(self) -> bool:
        """Whether `$connect` may still be running, according to the record."""
        return self.connected_ms is not None and self.read_ms - self.connected_ms < YOUNG_MS

    def text(self, name: str) -> str | None:
        """A string attribute, or None when it is absent, empty or of another type."""
        value = self.item.get(name, {}).get("S")
        return value if isinstance(value, str) and value else None

    def _integer(self, name: str) -> int | None:
        """A number attribute as an int (fractions cut), or None when it is absent, of another type, negative or beyond 2**53."""
        value = self.item.get(name, {}).get("N")
        try:
            number = int(float(value)) if isinstance(value, str) else -1
        except (ValueError, OverflowError):
            return None
        return number if 0 <= number < 2**53 else None
