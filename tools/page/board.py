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

EVERY_SECONDS = 0.25
ENDED_KEPT, LINES_KEPT = 50, 100
CURVE_MS = 180_000


class Board:
    """The page's content: named parts, each a JSON value."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._news = stack, News(stack)
        self._numbers = count(1)
        self._records: dict[str, dict[str, Any]] = {}
        self._ended: dict[str, dict[str, Any]] = {}  # by connectionId, the latest at the end
        self._lines: deque[dict[str, Any]] = deque(maxlen=LINES_KEPT)
        self._curve: list[list[int]] = []  # at each change: epoch ms, open sockets, records in the table
        self._parts: dict[str, tuple[int, str]] = {}  # name -> version, JSON
        self._writing, self._looking, self._looked = threading.Lock(), threading.Lock(), 0.0
        schedules = [schedule["ScheduleExpression"] for schedule in stack.schedules()]
        about = {"name": stack.env_name, "url": stack.url, "table": stack.table, "schedule": ", ".join(schedules), "curveMs": CURVE_MS}
        self.put("stack", about)

    def put(self, part: str, value: Any) -> None:
        text = json.dumps(value)
        with self._writing:
            version, before = self._parts.get(part, (0, ""))
            if text != before:
                self._parts[part] = version + 1, text

    def newer(self, seen: dict[str, int]) -> str:
        """The parts that are newer than the versions in `seen`, as a JSON object, "" if there are none. Updates `seen`."""
        with self._writing:
            found = {name: part for name, part in self._parts.items() if part[0] > seen.get(name, 0)}
        seen.update({name: version for name, (version, _) in found.items()})
        return f"{{{','.join(f'{json.dumps(name)}:{text}' for name, (_, text) in found.items())}}}" if found else ""

    def look(self) -> None:
        """Read everything again, unless another tab is doing so or has just done so."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            if time.monotonic() - self._looked >= EVERY_SECONDS / 2:
                self._look()
                self._looked = time.monotonic()
                self.put("trouble", "")
        except Exception as problem:  # the page shows it
            self.put("trouble", f"The local AWS cannot be read: {problem}")
        finally:
            self._looking.release()

    def _look(self) -> None:
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
        self.put("records", sorted(self._records.values(), key=lambda record: str(record.get("connectedAt"))))
        self.put("ended", list(reversed(self._ended.values())))
        self.put("lines", list(self._lines))
        queues = {"waiting": self._stack.retry_queue, "deadLetters": self._stack.dead_letters}
        self.put("queue", {name: self._stack.messages(url) for name, url in queues.items()})

    def _draw(self) -> None:
        now, counts = int(time.time() * 1000), [self._stack.aws.open_sockets, len(self._records)]
        if not self._curve or self._curve[-1][1:] != counts:
            self._curve.append([now, *counts])
        while len(self._curve) > 1 and self._curve[1][0] < now - CURVE_MS:
            del self._curve[0]
        self.put("curve", self._curve)

    def _end(self, connection_id: str, line: dict[str, Any] | None = None) -> None:
        """Its record is gone, or a line says so, whichever is seen first. A short connection may never have been seen in the table."""
        new = {"connectionId": connection_id, "record": self._records.get(connection_id, {}), "at": int(time.time() * 1000), "line": None}
        entry = self._ended.setdefault(connection_id, new)
        entry["line"] = entry["line"] or line


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return {name: json.loads(value["N"]) if "N" in value else value.get("S") for name, value in item.items()}
