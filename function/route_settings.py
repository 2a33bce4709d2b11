"""The few settings that a plain `$disconnect` needs. The others are in settings.py, which is imported only when needed."""

from __future__ import annotations

import privacy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

EXTRAS = ("RELATED_TABLES", "HISTORY_TABLE", "DUPLICATES", "EVENT_BUS")


class RouteSettings:
    """The environment variables as attributes. Raises ValueError, which names what is wrong."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.table = self._required("CONNECTIONS_TABLE")
        self.metrics_name = environment.get("METRICS_NAME") or self.table
        self.log_level = self._one_of("LOG_LINE_LEVEL", ("INFO", "WARN")) or "INFO"
        self.details = self._one_of("CLIENT_DETAILS", privacy.MODES) or "masked"
        self.connection_metrics = self._one_of("CONNECTION_METRICS", ("true", "false")) == "true"
        self.has_extras = any(environment.get(name) for name in EXTRAS)

    def _required(self, name: str) -> str:
        value = self._environment.get(name, "")
        if not value.strip():
            raise ValueError(f"{name} is not set: set this environment variable of the function (the Terraform module does)")
        return value

    def _one_of(self, name: str, choices: tuple[str, ...]) -> str | None:
        value = self._environment.get(name) or None
        if value is not None and value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
        return value
