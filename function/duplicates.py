"""When a client's connection has ended, looks at the client's other records (by the index on `clientId`).

stale: removes those whose connection is expired or gone. newest: also closes the older live ones, socket first, so that one is left.
Two tabs are two connections: neither is a default.
"""

from __future__ import annotations

import time
from itertools import islice

import ask_gateway
import cause
import ended as ended_
import judge_record
import log
from keep_pace import Steady

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws import Clients, Item
    from closing import Closer
    from ended import Ended
    from settings import Settings


YOUNG = "young"
MOST = 25  # others looked at when one ends, the oldest first: a clientId that many share must not hold up everybody


class Unsettled(RuntimeError):
    """API Gateway did not tell, or time ran out: the retry queue asks again."""


class Duplicates:
    def __init__(self, settings: Settings, clients: Clients, closer: Closer) -> None:
        self._settings = settings
        self._clients = clients
        self._closer = closer
        self._probe = Steady(ask_gateway.Probe(clients))

    def settle(self, ended: Ended, deadline: float) -> None:
        """Settles the other records of the client whose connection ended; raises Unsettled when some could not be judged."""
        client_id = ended.get("clientId")
        if not client_id:
            return
        alive: list[tuple[int, Item]] = []
        young, unsettled = 0, ""
        for record in islice(self._others(client_id, ended["connectionId"]), MOST):
            if time.monotonic() >= deadline:
                raise Unsettled("out of time")
            verdict, connected_at = self._judge(record)
            if verdict == cause.EXPIRED or (verdict == cause.GONE and self._is_ours(record, ended)):
                self._close(record, verdict, deadline)
            elif verdict == cause.GONE and "stage" in ended:
                unsettled = "the connection that ended is not of WEBSOCKET_API_ID and WEBSOCKET_STAGE: correct them"
            elif verdict == ask_gateway.ALIVE and connected_at is not None:
                alive.append((connected_at, record))
            elif verdict in (ask_gateway.THROTTLED, ask_gateway.REFUSED):
                unsettled = self._probe.refusal
            young += verdict == YOUNG
        if self._settings.duplicates == "newest":
            if young and len(alive) + young > 1:
                raise Unsettled("a connection is too young to be asked about: whether it is the newest that lives is not known yet")
            for _, record in sorted(alive, key=lambda pair: pair[0])[:-1]:
                if time.monotonic() >= deadline:
                    raise Unsettled("out of time")
                if self._probe.close(record["connectionId"]["S"]):
                    self._close(record, cause.DUPLICATE, deadline)
                else:
                    unsettled = self._probe.refusal
        if unsettled:
            raise Unsettled(unsettled)

    def _others(self, client_id: str, connection_id: str) -> Iterator[Item]:
        pages = (
            self._clients("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._settings.table,
                IndexName=self._settings.client_index,
                KeyConditionExpression="clientId = :client",
                ExpressionAttributeValues={":client": {"S": client_id}},
            )
        )
        for page in pages:
            yield from (item for item in page["Items"] if item["connectionId"]["S"] != connection_id)

    def _judge(self, record: Item) -> tuple[str, int | None]:
        """What is to be thought of a record (expired, or the probe's verdict), and since when it is connected (epoch ms).

        A record that is young, timeless or foreign is not asked about: its 410 would prove nothing. Nor does a young one prove that
        somebody is there: its `$connect` may have failed after writing it.
        """
        now_ms = int(time.time() * 1000)
        standing = judge_record.judge(record, now_ms, self._settings)
        connected_at = judge_record.connected_ms(record, now_ms)
        if standing == judge_record.EXPIRED:
            return cause.EXPIRED, connected_at
        if standing == judge_record.FOREIGN or connected_at is None:
            return standing, connected_at
        if now_ms - connected_at < ask_gateway.YOUNG_MS:
            return YOUNG, connected_at
        return self._probe.ask(record["connectionId"]["S"]), connected_at

    def _is_ours(self, record: Item, ended: Ended) -> bool:
        """Whether the record, or the connection that ended, names our API and stage: only then does our endpoint's 410 prove anything.

        If not, the record is left to the sweep.
        """
        ours = (self._settings.api_id, self._settings.stage)
        return (ended.get("apiId"), ended.get("stage")) == ours or judge_record.is_proven_ours(record, self._settings)

    def _close(self, record: Item, why: str, deadline: float) -> None:
        ended = ended_.from_record(record, why)
        outcome = self._closer.close(ended, deadline, seen=record, without=("duplicates",))
        log.report(outcome, ended, self._settings.connection_metrics)
