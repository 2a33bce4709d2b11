"""The settings that Terraform passes to the functions in the environment, read and checked once."""

from __future__ import annotations

import json

from route_settings import RouteSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypedDict

    class RelatedTable(TypedDict):
        """A table whose items carry a connectionId in `attribute`: its own partition key, or that of `index`; `keys` is its primary key."""

        table: str
        attribute: str
        index: str | None
        keys: list[str]


class Settings(RouteSettings):
    """All settings, None or empty where a feature is off. Raises ValueError, which names what is wrong."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__(environment)
        self.dead_letter_queue_url = environment.get("DEAD_LETTER_QUEUE_URL") or None
        self.report_queue_url = environment.get("REPORT_QUEUE_URL") or None
        self.related: list[RelatedTable] = self._related()
        self.history_table = environment.get("HISTORY_TABLE") or None
        self.history_days = self._number("HISTORY_DAYS", 90)
        self.duplicates = self._one_of("DUPLICATES", ("stale", "newest"))
        self.event_bus = environment.get("EVENT_BUS") or None
        self.offline_after_s = self._number("CLIENT_OFFLINE_AFTER_SECONDS", 0)
        self.offline_table = self._required("OFFLINE_TABLE") if self.offline_after_s else None
        defers = self.duplicates or self.offline_after_s
        self.queue_url = self._required("RETRY_QUEUE_URL") if defers else environment.get("RETRY_QUEUE_URL") or None
        self.expired_after_ms = self._number("EXPIRED_AFTER_SECONDS", 7_500, least=7_200) * 1000
        self.suspect_after_ms = self._number("SUSPECT_AFTER_SECONDS", 660) * 1000
        self.probes_per_second = self._number("PROBES_PER_SECOND", 0)
        self.most_probes_per_second = self._number("MOST_PROBES_PER_SECOND", self.probes_per_second, least=self.probes_per_second)
        self.exclusive_table = self._one_of("EXCLUSIVE_TABLE", ("true", "false")) == "true"
        self.shared_table = self._one_of("SHARED_TABLE", ("true", "false")) == "true"
        self.client_index = self._required("CLIENT_INDEX") if self.duplicates or self.offline_after_s else None
        asks = self.duplicates or self.probes_per_second  # API Gateway's answers are of use only if our API and stage are known
        self.api_id = self._required("WEBSOCKET_API_ID") if asks else environment.get("WEBSOCKET_API_ID") or None
        self.stage = self._required("WEBSOCKET_STAGE") if asks else environment.get("WEBSOCKET_STAGE") or None

    def _number(self, name: str, default: int, least: int = 0) -> int:
        value = self._environment.get(name) or str(default)
        if not (value.isascii() and value.isdigit() and len(value) < 10 and int(value) >= least):
            raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
        return int(value)

    def _related(self) -> list[RelatedTable]:
        text = self._environment.get("RELATED_TABLES") or "[]"
        try:
            return [
                {"table": t["table"], "attribute": t["attribute"], "index": t["index"], "keys": list(t["keys"])} for t in json.loads(text)
            ]
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"RELATED_TABLES must be a JSON list of objects with table, attribute, index and keys: {error!r}") from None
