"""What the page shows, read from the local AWS's own APIs while somebody looks: DynamoDB, CloudWatch Logs, SQS and Scheduler."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from typing import Any

from tools.stack import Stack

EVERY_SECONDS = 0.25
ENDED_KEPT, LINES_KEPT = 50, 100
OVERLAP_MS = 60_000
FUNCTIONS = ("disconnect", "cleanup")


class Board:
    """Named parts, each any JSON value, that change. Whoever reads one is somebody who looks."""

    def __init__(self, stack: Stack) -> None:
        self._table = stack.table
        self._dynamodb, self._logs, self._sqs = (stack.aws.client(service) for service in ("dynamodb", "logs", "sqs"))
        self._queues = {"waiting": stack.retry_queue, "deadLetters": stack.outputs["retry_queue"]["dead_letter_url"]}
        self._groups = {name: stack.outputs[f"{name}_function"]["log_group_name"] for name in FUNCTIONS}
        self._read: dict[str, dict[str, int]] = {name: {} for name in FUNCTIONS}  # of the log's last minute: event's id -> epoch ms
        self._began = int(time.time() * 1000)
        self._records: dict[str, dict[str, Any]] = {}
        self._ended: dict[str, dict[str, Any]] = {}  # by connectionId, the last one last
        self._lines: deque[dict[str, Any]] = deque(maxlen=LINES_KEPT)
        self._parts: dict[str, tuple[int, str]] = {}  # name -> version, JSON
        self._changed = threading.Condition()
        self._watchers = 0
        self._closed = False
        schedules = [schedule["ScheduleExpression"] for schedule in stack.schedules()]
        self.put("stack", {"name": stack.env_name, "url": stack.url, "table": self._table, "schedule": ", ".join(schedules)})
        self._thread = threading.Thread(target=self._follow, name="board", daemon=True)
        self._thread.start()

    def put(self, part: str, value: Any) -> None:
        """Show this from now on."""
        text = json.dumps(value)
        with self._changed:
            version, before = self._parts.get(part, (0, ""))
            if text != before:
                self._parts[part] = version + 1, text
                self._changed.notify_all()

    def news(self, seen: dict[str, int], seconds: float) -> dict[str, str]:
        """The parts, as JSON, that are newer than what `seen` says, which is brought up to date; waits for some so long."""

        def newer() -> list[str]:
            return [name for name, (version, _) in self._parts.items() if version > seen.get(name, 0)]

        with self._changed:
            self._changed.wait_for(lambda: self._closed or newer(), seconds)
            if self._closed:
                raise ConnectionAbortedError("the board is closed")
            names = newer()
            seen.update({name: self._parts[name][0] for name in names})
            return {name: self._parts[name][1] for name in names}

    def __enter__(self) -> Board:
        with self._changed:
            self._watchers += 1
            self._changed.notify_all()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._watchers -= 1

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _follow(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._watchers)
                if self._closed:
                    return
            try:
                self._look()
                self.put("trouble", "")
            except Exception as problem:  # whatever it is, the page says so instead of standing still
                self.put("trouble", f"{type(problem).__name__}: {problem}")
            with self._changed:
                self._changed.wait_for(lambda: self._closed, EVERY_SECONDS)

    def _look(self) -> None:
        for name in FUNCTIONS:
            self._read_log(name)
        self._read_table()
        for connection_id in list(self._ended)[:-ENDED_KEPT]:
            del self._ended[connection_id]
        self.put("records", sorted(self._records.values(), key=lambda record: str(record.get("connectedAt"))))
        self.put("ended", list(reversed(self._ended.values())))
        self.put("lines", list(self._lines))
        self.put("queue", {name: self._messages(url) for name, url in self._queues.items()})

    def _read_table(self) -> None:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        now = {item["connectionId"]["S"]: _plain(item) for page in pages for item in page["Items"]}
        for connection_id in self._records.keys() - now.keys():
            self._end(connection_id)
        self._records = now

    def _end(self, connection_id: str, line: dict[str, Any] | None = None) -> None:
        """Its record is gone, or a line says so, whichever is seen first; it may have been too short to be seen in the table at all."""
        new = {"connectionId": connection_id, "record": self._records.get(connection_id, {}), "at": int(time.time() * 1000), "line": None}
        entry = self._ended.setdefault(connection_id, new)
        entry["line"] = entry["line"] or line

    def _read_log(self, name: str) -> None:
        """Take the lines that are new; the last minute is read again, since streams are not in step with each other."""
        since = max(self._began, max(self._read[name].values(), default=0) - OVERLAP_MS)
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=self._groups[name], startTime=since)
        events = [event for page in pages for event in page["events"]]
        for event in events:
            if event["eventId"] not in self._read[name] and event["message"].startswith("{"):
                line = {"id": event["eventId"], "function": name, **json.loads(event["message"])}
                line.pop("_aws", None)  # where its metrics go
                self._lines.appendleft(line)
                if line.get("outcome") == "removed":
                    self._end(line["connectionId"], line)
        self._read[name] = {event["eventId"]: event["timestamp"] for event in events}

    def _messages(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found.get(name, 0)) for name in names)


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """A record's texts and numbers."""
    return {name: json.loads(value["N"]) if "N" in value else value.get("S") for name, value in item.items()}
