"""The sweep: finds the records of connections whose `$disconnect` never came.

Expired records are closed without asking: no connection outlives API Gateway's 2 h limit. With the probe turned on, a uniform sample of the
silent ones (as many as the rate allows in the time there is) is asked about; a run that samples everywhere leaves no record waiting for a
whole table, needs no memory of earlier runs, and makes the circuit breaker's verdict a fair one. Nothing is removed on a guess.

Memory does not grow with the table: a page of the scan, a bounded sample. A sweep that runs out of time goes on by a retry-queue message.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import ask_gateway
import cause
import ended as ended_
import judge_record
import log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from aws import Clients, Item
    from closing import Closer
    from settings import Settings

PAGE = 1_000  # records: what a page holds of dead ones is closed before time is looked at again
CLOSERS = 8  # records closed at a time
SCAN_SHARE = 0.9  # of the time: the last page's removals need some too
SCAN_SHARE_ASKING = 0.5  # when the probe needs the rest
FEW = 20  # the breaker judges no fewer answers than these
CONFIRM_S = 30.0  # a record without a time may be younger than `$connect` may take (29 s): its 410 must still stand after this
MOST_SAMPLED = 5_000
ATTRIBUTES = ("connectionId", *judge_record.ATTRIBUTES)
LONGEST_KEY = 2048  # bytes: where a scan stops there may be any key that DynamoDB takes


class Part:
    """One invocation's share of a sweep: a segment of the table from `start` on, and what earlier parts of the same run counted."""

    def __init__(self, segment: int, segments: int, start: str | None = None, active: int = 0, began_ms: int | None = None) -> None:
        self.segment = segment
        self.segments = segments
        self.start = start
        self.active = active
        self.began_ms = began_ms or int(time.time() * 1000)

    @classmethod
    def parse(cls, value: object) -> Part:
        """From a schedule's input or a retry message; raises Rejected when it is neither."""
        if not isinstance(value, dict):
            raise ended_.Rejected("sweep must be an object with segment and segments")
        numbers = {name: value.get(name, default) for name, default in (("segment", 0), ("segments", 1), ("active", 0), ("began_ms", 0))}
        if any(type(number) is not int or number < 0 for number in numbers.values()) or numbers["segment"] >= numbers["segments"]:
            raise ended_.Rejected("sweep must have whole numbers, with segment below segments")
        start = value.get("start")
        return cls(start=None if start is None else ended_.connection_id(start, LONGEST_KEY), **numbers)


class Tally:
    """What one part saw and did."""

    def __init__(self) -> None:
        self.active = 0
        self.foreign = 0
        self.timeless = 0
        self.failed = 0
        self.overdue_ms = 0
        self.removed: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.breaker_open = False
        self.unproven = 0


class Sweep:
    def __init__(self, settings: Settings, clients: Clients, closer: Closer) -> None:
        self._settings = settings
        self._clients = clients
        self._closer = closer
        self._probe = closer.probe

    def run(self, part: Part, deadline: float) -> None:
        """Sweeps until the end of the segment or the deadline (s, time.monotonic()); what is left goes on as a retry-queue message."""
        began = time.monotonic()
        asking = self._settings.probes_per_second > 0
        scan_until = began + (deadline - began) * (SCAN_SHARE_ASKING if asking else SCAN_SHARE)
        tally = Tally()
        if asking:
            self._probe.per_second = self._settings.probes_per_second / part.segments
        sample = Sample(min(MOST_SAMPLED, int(self._probe.per_second * max(deadline - scan_until, 0))) if asking else 0)
        with ThreadPoolExecutor(CLOSERS) as pool:
            next_start = self._scan(part, scan_until, sample, tally, pool, deadline)
            if asking:
                gone = self._ask(sample.records, tally, deadline)
                self._close_all([(record, cause.GONE) for record in gone], tally, pool, deadline)
        part.active += tally.active
        if next_start is not None:
            part.start = next_start
            if self._closer.queue is None:
                raise RuntimeError("the sweep ran out of time and has no retry queue to go on by: set RETRY_QUEUE_URL")
            self._closer.queue.sweep(vars(part))
        self._report(part, tally, finished=next_start is None)

    def _scan(self, part: Part, until: float, sample: Sample, tally: Tally, pool: ThreadPoolExecutor, deadline: float) -> str | None:
        """Reads pages, closes the expired, samples the silent; returns where to go on, or None at the end of the segment."""
        for page, next_start in self._pages(part):
            now_ms = int(time.time() * 1000)
            expired = []
            for record in page:
                standing = judge_record.judge(record, now_ms, self._settings)
                if standing == judge_record.FOREIGN:
                    tally.foreign += 1
                    continue
                tally.active += 1
                if standing == judge_record.EXPIRED:
                    expired.append((record, cause.EXPIRED))
                elif standing != judge_record.FRESH:
                    tally.timeless += standing == judge_record.TIMELESS
                    sample.offer(record)
            self._close_all(expired, tally, pool, deadline)
            if next_start is not None and time.monotonic() >= until:
                return next_start
        return None

    def _pages(self, part: Part) -> Iterator[tuple[list[Item], str | None]]:
        request: dict[str, Any] = {
            "TableName": self._settings.table,
            "ProjectionExpression": ", ".join(f"#{name}" for name in ATTRIBUTES),
            "ExpressionAttributeNames": {f"#{name}": name for name in ATTRIBUTES},
            "Segment": part.segment,
            "TotalSegments": part.segments,
            "Limit": PAGE,
        }
        start = part.start
        while True:
            if start is not None:
                request["ExclusiveStartKey"] = {"connectionId": {"S": start}}
            page = self._clients("dynamodb").scan(**request)
            if any("S" not in record.get("connectionId", {}) for record in page["Items"]):
                raise RuntimeError("a record has no connectionId (a string): correct CONNECTIONS_TABLE, or the key of the table it names")
            start = page["LastEvaluatedKey"]["connectionId"]["S"] if page.get("LastEvaluatedKey") else None
            yield page["Items"], start
            if start is None:
                return

    def _close_all(self, doomed: list[tuple[Item, str]], tally: Tally, pool: ThreadPoolExecutor, deadline: float) -> None:
        now_ms = int(time.time() * 1000)
        for (record, why), outcome in zip(doomed, pool.map(partial(self._close, deadline=deadline), doomed), strict=True):
            tally.active -= outcome in (log.REMOVED, log.ALREADY_GONE)
            tally.failed += outcome is None
            if outcome == log.REMOVED:
                tally.removed[why] += 1
                if why == cause.EXPIRED and (connected_at := judge_record.connected_ms(record, now_ms)) is not None:
                    tally.overdue_ms = max(tally.overdue_ms, now_ms - connected_at - self._settings.expired_after_ms)

    def _close(self, doomed: tuple[Item, str], deadline: float) -> str | None:
        """Closes one record; its outcome is None when that failed or time is over (the next sweep finds it again)."""
        record, why = doomed
        if time.monotonic() >= deadline:
            return None
        ended = ended_.from_record(record, why)
        try:
            outcome = self._closer.close(ended, deadline, seen=record)
        except Exception as problem:
            log.error("close", problem, ended)
            return None
        log.report(outcome, ended, self._settings.connection_metrics)
        return outcome

    def _ask(self, records: list[Item], tally: Tally, deadline: float) -> list[Item]:
        """Probes the sample at the capped rate and returns the records to close: those answered 410, unless the breaker opens."""
        now_ms = int(time.time() * 1000)
        timed: list[Item] = []
        timeless: list[Item] = []
        for record in random.sample(records, len(records)):  # those that there is no time for are not always the same
            (timeless if judge_record.connected_ms(record, now_ms) is None else timed).append(record)
        gone_first, asked_at = self._ask_each(timeless, tally, deadline), time.monotonic()
        gone = self._ask_each(timed, tally, deadline)
        if gone_first and asked_at + CONFIRM_S < deadline:
            time.sleep(max(0.0, asked_at + CONFIRM_S - time.monotonic()))
            gone += self._ask_each(gone_first, Tally(), deadline)
        answered = tally.answers[ask_gateway.ALIVE] + tally.answers[ask_gateway.GONE]
        tally.breaker_open = answered >= FEW and tally.answers[ask_gateway.GONE] * 2 > answered
        if tally.breaker_open:
            return []
        if tally.answers[ask_gateway.ALIVE] == 0:
            proven = [record for record in gone if judge_record.is_proven_ours(record, self._settings)]
            tally.unproven = len(gone) - len(proven)
            return proven
        return gone

    def _ask_each(self, records: list[Item], tally: Tally, deadline: float) -> list[Item]:
        """Stops at a 429, and when the endpoint has only refused so far: production needs the quota."""
        gone = []
        for record in records:
            hopeless = tally.answers[ask_gateway.REFUSED] >= FEW and tally.answers[ask_gateway.ALIVE] + tally.answers[ask_gateway.GONE] == 0
            if time.monotonic() >= deadline or tally.answers[ask_gateway.THROTTLED] or hopeless:
                break
            answer = self._probe.ask(record["connectionId"]["S"])
            tally.answers[answer] += 1
            if answer == ask_gateway.GONE:
                gone.append(record)
        return gone

    def _report(self, part: Part, tally: Tally, finished: bool) -> None:
        """The summary line, with the gauge of active connections once the segment has been read to its end."""
        duration_ms = int(time.time() * 1000) - part.began_ms
        fields: dict[str, Any] = {
            "segment": str(part.segment),
            "segments": part.segments,
            "finished": finished,
            "active": part.active,
            "removed": dict(+tally.removed),
            "failed": tally.failed,
            "foreign": tally.foreign,
            "timeless": tally.timeless,
            "unproven": tally.unproven,
            "probes": dict(tally.answers),
            "breakerOpen": tally.breaker_open,
            "overdueSeconds": tally.overdue_ms // 1000,
            "durationMs": duration_ms,
        }
        if self._probe.refusal:
            fields["refusal"] = self._probe.refusal[: log.LONGEST_ERROR]
            self._probe.refusal = ""
        metrics: dict[str, log.Metrics] = {
            "": {
                "RemovedExpired": (tally.removed[cause.EXPIRED], "Count"),
                "RemovedGone": (tally.removed[cause.GONE], "Count"),
                "SweepFailures": (tally.failed, "Count"),
                "SweepDuration": (duration_ms, "Milliseconds"),
                "Overdue": (tally.overdue_ms // 1000, "Seconds"),
                "BreakerOpen": (int(tally.breaker_open), "Count"),
                "ForeignRecords": (tally.foreign, "Count"),
            }
        }
        if asked := sum(tally.answers.values()):  # a segment without suspects knows nothing about the endpoint
            refused = tally.answers[ask_gateway.REFUSED] + tally.answers[ask_gateway.THROTTLED]
            metrics[""] = {**metrics[""], "ProbesRefused": (round(100 * refused / asked, 1), "Percent")}
        if finished:
            metrics["segment"] = {"ActiveConnections": (part.active, "Count")}
        worrying = tally.failed or tally.foreign or tally.breaker_open or tally.answers[ask_gateway.REFUSED] or tally.unproven
        log.emit("swept", fields, "WARN" if worrying else "INFO", metrics)


class Sample:
    """A uniform sample of at most `size` of the records offered, however many they are (reservoir sampling)."""

    def __init__(self, size: int) -> None:
        self.records: list[Item] = []
        self._size = size
        self._offered = 0

    def offer(self, record: Item) -> None:
        self._offered += 1
        if len(self.records) < self._size:
            self.records.append(record)
        elif (place := random.randrange(self._offered)) < self._size:
            self.records[place] = record
