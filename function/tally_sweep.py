"""Counts what one part of a sweep found and did, and writes its log line."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import ask_gateway
import cause
import judge_record
import log

if TYPE_CHECKING:
    from typing import Any

    from ask_many import Inquiry
    from record import Record
    from sweep_part import Part


class Tally:
    def __init__(self) -> None:
        self.finished = False  # whether the segment has been read to its end
        self.active = 0
        self.foreign = 0
        self.timeless = 0
        self.undated = 0  # records that neither expire nor are asked about
        self.unproven = 0
        self.contradicted = 0  # gone at first, but alive when asked about again
        self.failed = 0
        self.removed: Counter[str] = Counter()
        self._silent_ms = 0

    def add_removed(self, record: Record, why: str) -> None:
        self.removed[why] += 1
        self._silent_ms = max(self._silent_ms, judge_record.silent_ms(record, int(time.time() * 1000)))

    def report(self, part: Part, inquiry: Inquiry, is_shared: bool) -> None:
        """Writes the summary line, with the gauge of active connections if the segment was read to its end."""
        answers, rate = inquiry.answers, round(inquiry.pace.highest, 1)
        fields: dict[str, Any] = {
            "segment": str(part.segment),
            "segments": part.segments,
            "finished": self.finished,
            "removed": dict(self.removed),
            "failed": self.failed,
            "foreign": self.foreign,
            "timeless": self.timeless,
            "undated": self.undated,
            "unproven": self.unproven,
            "contradicted": self.contradicted,
            "probes": dict(answers),
            "rate": rate,
            "silentSeconds": self._silent_ms // 1000,
        }
        metrics: dict[str, tuple[float, str]] = {
            "RemovedExpired": (self.removed[cause.EXPIRED], "Count"),
            "RemovedGone": (self.removed[cause.GONE], "Count"),
            "SweepFailures": (self.failed, "Count"),
            "Silent": (fields["silentSeconds"], "Seconds"),
        }
        gauges: dict[str, log.Metrics] = {}
        if part.scans:
            fields["active"] = part.active + self.active
            fields["durationMs"] = int(time.time() * 1000) - part.began_ms
            metrics["SweepDuration"] = (fields["durationMs"], "Milliseconds")
            metrics["Unproven"] = (self.unproven, "Count")
            metrics["ForeignRecords"] = (self.foreign, "Count")
            metrics["Undated"] = (self.undated, "Count")
        if self.finished:
            gauges["segment"] = {"ActiveConnections": (fields["active"], "Count")}
        if asked := sum(answers.values()):  # without questions nothing is known about the endpoint
            refused = answers[ask_gateway.REFUSED] + answers[ask_gateway.THROTTLED]
            metrics["ProbesRefused"] = (round(100 * refused / asked, 1), "Percent")
            metrics["ProbeRate"] = (rate, "Count/Second")
        if inquiry.refusal:
            fields["refusal"] = inquiry.refusal[: log.LONGEST_ERROR]
        foreign = self.foreign and not is_shared
        worrying = self.failed or foreign or self.undated or self.unproven or self.contradicted or answers[ask_gateway.REFUSED]
        log.emit("swept", fields, "WARN" if worrying else "INFO", {"": metrics, **gauges})
