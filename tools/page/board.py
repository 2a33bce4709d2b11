"""What the page shows, read from the local AWS's APIs while a tab is open."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from itertools import count
from typing import Any

from tools.deployment import News
from tools.stack import Stack

from .hands import Hands

EVERY_SECONDS = 0.25
ENDED_KEPT, LINES_KEPT = 50, 100
CURVE_MS = 180_000


class Board:
    """The page's content: named parts, which the page shows one by one."""

    def __init__(self, stack: Stack, hands: Hands) -> None:
        self._stack, self._hands, self._news = stack, hands, News(stack)
        self._numbers = count(1)
        self._records: dict[str, dict[str, Any]] = {}
        self._ended: dict[str, dict[str, Any]] = {}  # by connectionId, the latest at the end
        self._lines: deque[dict[str, Any]] = deque(maxlen=LINES_KEPT)
        self._curve: list[list[int]] = []  # at each change: epoch ms, open sockets, records in the table
        self._looking, self._looked = threading.Lock(), 0.0
        schedules = ", ".join(schedule["ScheduleExpression"] for schedule in stack.schedules())
        self._parts: dict[str, Any] = {"stack": {"url": stack.url, "table": stack.table, "schedule": schedules, "curveMs": CURVE_MS}}

    def look(self) -> str:
        """Everything as JSON, read again unless another tab has just done so."""
        with self._looking:
            if time.monotonic() - self._looked >= EVERY_SECONDS / 2:
                try:
                    self._parts |= {**self._look(), "trouble": ""}
                except Exception as problem:  # the page shows it
                    self._parts["trouble"] = f"The local AWS cannot be read: {problem}"
                self._looked = time.monotonic()
            return json.dumps({**self._parts, "hands": self._hands.state()})

    def _look(self) -> dict[str, Any]:
        for kind, what in self._news.look():
            if kind == "left":
                self._end(what["connectionId"]["S"])
            elif kind != "came":
                line = {"id": next(self._numbers), "function": kind, **what}
                line.pop("_aws", None)  # its metrics
                self._lines.appendleft(line)
                if line.get("outcome") == "removed":
                    self._end(line["connectionId"], line)
        self._records = {key: _plain(record) for key, record in self._news.records.items()}
        self._draw()
        for connection_id in list(self._ended)[:-ENDED_KEPT]:
            del self._ended[connection_id]
        queues = {"waiting": self._stack.retry_queue, "deadLetters": self._stack.dead_letters}
        return {
            "curve": self._curve,
            "records": sorted(self._records.values(), key=lambda record: str(record.get("connectedAt"))),
            "ended": list(reversed(self._ended.values())),
            "lines": list(self._lines),
            "queue": {name: self._stack.messages(url) for name, url in queues.items()},
        }

    def _draw(self) -> None:
        now, counts = int(time.time() * 1000), [self._stack.aws.open_sockets, len(self._records)]
        if not self._curve or self._curve[-1][1:] != counts:
            self._curve.append([now, *counts])
        while len(self._curve) > 1 and self._curve[1][0] < now - CURVE_MS:
            del self._curve[0]

    def _end(self, connection_id: str, line: dict[str, Any] | None = None) -> None:
        """Its record is gone, or a line says so, whichever is seen first. A short connection may never have been seen in the table."""
        new = {"connectionId": connection_id, "record": self._records.get(connection_id, {}), "at": int(time.time() * 1000), "line": None}
        entry = self._ended.setdefault(connection_id, new)
        entry["line"] = entry["line"] or line


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return {name: json.loads(value["N"]) if "N" in value else value.get("S") for name, value in item.items()}
