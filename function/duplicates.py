"""When a client's connection has ended, checks the client's other records (found by the index on `clientId`).

stale: removes those whose connection is expired or gone. newest: also closes the older live ones, socket first, so that one is left.
Neither is a default, since two tabs are two connections.
"""

from __future__ import annotations

from itertools import islice

import ask_gateway
import cause
import client_records
import judge_record
from aws import in_time
from keep_pace import Steady

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws import Clients
    from closing import Closer
    from ending import Ended
    from record import Record
    from settings import Settings


YOUNG = "young"
MOST = 25  # others checked when one ends, oldest first: a clientId shared by many must not cost too much time


class UnsettledError(RuntimeError):
    """Some records could not be judged. The retry queue tries again."""


class Duplicates:
    def __init__(self, settings: Settings, clients: Clients, closer: Closer) -> None:
        self._settings = settings
        self._clients = clients
        self._closer = closer
        self._probe = Steady(ask_gateway.Probe(clients))

    def settle(self, ended: Ended, deadline: float) -> None:
        """Settles the other records of the client whose connection ended; raises UnsettledError when some could not be judged."""
        if not ended.get("clientId"):
            return
        alive: list[Record] = []
        young, unsettled = 0, ""
        for record in islice(self._others(ended, deadline), MOST):
            in_time(deadline)
            verdict = self._judge(record)
            if verdict == cause.EXPIRED or (verdict == cause.GONE and self._is_ours(record, ended)):
                self._closer.close_found(record, verdict, deadline, duplicates="never")
            elif verdict == cause.GONE and "stage" in ended:
                unsettled = "the ended connection belongs to another API or stage: correct WEBSOCKET_API_ID and WEBSOCKET_STAGE"
            elif verdict == ask_gateway.ALIVE:
                alive.append(record)
            elif verdict in (ask_gateway.THROTTLED, ask_gateway.REFUSED):
                unsettled = self._probe.refusal
            young += verdict == YOUNG
        if self._settings.duplicates == "newest":
            if young and len(alive) + young > 1:
                raise UnsettledError("a connection is too young to ask about, so the newest live one is not known yet")
            for record in sorted(alive, key=lambda record: record.connected_ms or 0)[:-1]:
                in_time(deadline)
                if self._probe.disconnect(record.connection_id):
                    self._closer.close_found(record, cause.DUPLICATE, deadline, duplicates="never")
                else:
                    unsettled = self._probe.refusal
        if unsettled:
            raise UnsettledError(unsettled)

    def _others(self, ended: Ended, deadline: float) -> Iterator[Record]:
        """The client's other records. Those that connected after this end are left to the next end: of a page that reconnects in a loop,
        the last connection would always be too young."""
        for record in client_records.find(self._clients, self._settings, ended["clientId"], deadline):
            if record.connection_id != ended["connectionId"] and (record.connected_ms or 0) <= ended["endedAt"]:
                yield record

    def _judge(self, record: Record) -> str:
        """The verdict on a record: expired, or the probe's answer.

        Young and timeless records are not asked about: a 410 would prove nothing. A young record does not prove a live connection
        either: its `$connect` may have failed after writing it.
        """
        standing = judge_record.judge(record, self._settings)
        if standing == judge_record.EXPIRED:
            return cause.EXPIRED
        if standing == judge_record.TIMELESS:
            return standing
        return YOUNG if record.is_young else self._probe.ask(record.connection_id)

    def _is_ours(self, record: Record, ended: Ended) -> bool:
        """Whether the record, or the connection that ended, names our API and stage: only then does our endpoint's 410 prove anything.

        If not, the record is left to the sweep.
        """
        ours = (self._settings.api_id, self._settings.stage)
        return (ended.get("apiId"), ended.get("stage")) == ours or judge_record.is_proven_ours(record, self._settings)
