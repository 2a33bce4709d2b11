"""Announces on an EventBridge bus who left, when and why, and how many connections that client still has.

Delivery is at least once: a repeat has the same `id`. docs/schemas describes an announcement. For clients that are offline see offline.py.
"""

from __future__ import annotations

import json
from itertools import islice

import client_records
from aws import in_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aws import Clients
    from ending import Ended
    from settings import Settings

VERSION = 1
SOURCE = "websocket-connections"
ENDED, OFFLINE = "WebSocket Connection Ended", "WebSocket Client Offline"
MOST = 100  # count at most so many of a client's other records


class NotAnnouncedError(RuntimeError):
    """The bus did not take an announcement: the retry queue tries again."""


class Announcements:
    def __init__(self, settings: Settings, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients
        clients("events")  # created during INIT, which has more CPU than an invocation

    def announce(self, ended: Ended, deadline: float) -> None:
        """The step: announces the end of a connection."""
        left = {}
        if ended.get("clientId") and self._settings.client_index:
            found = client_records.find(self._clients, self._settings, ended["clientId"], deadline)
            others = (record for record in found if record.connection_id != ended["connectionId"])
            left = {"connectionsLeft": sum(1 for _ in islice(others, MOST))}
        if in_time(deadline):
            put(self._clients, self._settings, ENDED, f"ended/{ended['connectionId']}", ended, left)


def put(clients: Clients, settings: Settings, kind: str, announcement_id: str, ended: Ended, more: dict[str, int]) -> None:
    """Puts an announcement on the bus. Raises NotAnnouncedError, and botocore's errors."""
    detail = {"version": VERSION, "id": announcement_id, "connectionsTable": settings.table, **ended, **more}
    entry = {"EventBusName": settings.event_bus, "Source": SOURCE, "DetailType": kind, "Detail": json.dumps(detail)}
    (result,) = clients("events").put_events(Entries=[entry]).get("Entries") or [{}]
    if "EventId" not in result:
        raise NotAnnouncedError(f"{settings.event_bus}: {result.get('ErrorCode', 'no answer')}: {result.get('ErrorMessage', '')}")
