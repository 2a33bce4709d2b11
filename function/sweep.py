"""The sweep: finds the records of connections whose `$disconnect` never came.

Expired records are closed without asking: no connection outlives API Gateway's 2 h limit. With the probe turned on, a uniform sample of the
silent ones is asked about, as large as the pace allows in the time there is: a run that samples everywhere leaves no record waiting for a
whole table, and needs no memory of earlier runs. Nothing is removed on a guess.

Memory does not grow with the table: a page of the scan, bounded samples. A sweep goes on by a retry-queue message when it runs out of time,
has to ask again, or found dead ones in a sample while others wait: one part after the other, so that the pace holds for all of it.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from threading import Lock
from typing import TYPE_CHECKING

import ask_gateway
import cause
import judge_record
import log
import read_records
from ask_many import UNDER_WAY, Inquiry
from keep_pace import USUAL_PER_SECOND, Rising
from record import YOUNG_MS, Record
from sweep_part import USUAL_PERIOD_S, Part, fitting
from weigh_evidence import AGAIN_S, Weighed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from aws import Clients
    from closing import Closer
    from settings import Settings

PAGE = 1_000  # records: what a page holds of dead ones is closed before time is looked at again
SCAN_SHARE = 0.9  # of the time: the last page's removals need some too
SCAN_SHARE_ASKING = 0.5  # when the probe needs the rest
ASK_SHARE = 0.6  # of what the scan left: whom it finds dead must be closed, too
MOST_SAMPLED = 10_000
WITNESSES = 3
MOST_SEGMENTS = 100
LOOK_EVERY_S = 300  # SQS delays a message by up to 900
FAILED, OUT_OF_TIME = "failed", "out of time"  # what becomes of a removal besides log's outcomes: the next part, or sweep, finds it again


class Sweep:
    def __init__(self, settings: Settings, clients: Clients, closer: Closer) -> None:
        self._settings = settings
        self._clients = clients
        self._closer = closer
        self._looks_at = float("-inf")  # s, time.monotonic(): when the last look at once began, or will begin

    def run(self, part: Part, deadline: float) -> None:
        """Sweeps until the end of the segment or the deadline (s, time.monotonic()); what is left goes on as a retry-queue message."""
        with ThreadPoolExecutor(UNDER_WAY) as pool:
            run = _Run(self._settings, self._clients, self._closer, part, pool, deadline)
            follow = run.do()
        if follow is not None:
            self._send(follow, AGAIN_S if follow.again else 0)
        run.report()

    def look_again(self, ids: list[str], delay_s: int) -> None:
        """Has connections asked about in a while: those that are gone then are closed."""
        self._send(Part.parse({"again": ids, "scans": False, "hops": 1}), delay_s)

    def look_at_once(self, segments: int) -> None:
        """Starts a sweep of every segment that suspects whoever has been silent for a minute: events are known to have been lost.

        However often it is told to, it does so once in LOOK_EVERY_S: what is lost meanwhile is seen by the one after that.
        """
        now = time.monotonic()
        if self._looks_at > now:
            return
        begins = max(now, self._looks_at + LOOK_EVERY_S)
        delay_s = round(begins - now)
        for segment in range(segments):
            plan = {"segment": segment, "segments": segments, "period_s": delay_s + USUAL_PERIOD_S, "hops": 1}
            self._send(Part.parse({**plan, "suspect_after_ms": YOUNG_MS}), delay_s)
        self._looks_at = begins

    def _send(self, part: Part, delay_s: int) -> None:
        if self._closer.queue is None:
            raise RuntimeError("a sweep that is to go on needs the retry queue: set RETRY_QUEUE_URL")
        self._closer.queue.send(part, delay_s)


class _Run:
    """A part of a sweep while an invocation is at work on it, and what it saw and did."""

    def __init__(self, settings: Settings, clients: Clients, closer: Closer, part: Part, pool: ThreadPoolExecutor, deadline: float) -> None:
        self._settings = settings
        self._clients = clients
        self._closer = closer
        self._part = part
        self._pool = pool
        self._lock = Lock()
        self._deadline = deadline
        first = (settings.probes_per_second or USUAL_PER_SECOND) / part.segments
        most = max(first, settings.most_probes_per_second / part.segments)
        self._inquiry = Inquiry(clients, Rising(first, most))
        self._asks = settings.probes_per_second > 0
        size = min(MOST_SAMPLED, int(most * (deadline - time.monotonic()))) if self._asks else 0
        self._timed, self._timeless = Sample(size), Sample(size)
        self._witnesses = Sample(WITNESSES if settings.exclusive_table else 0)
        self._finished = False
        self._active = 0
        self._foreign = 0
        self._undated = 0  # records that neither expire nor are asked about
        self._failed = 0
        self._silent_ms = 0
        self._unproven = 0
        self._contradicted = 0
        self._removed: Counter[str] = Counter()
        self._late: dict[str, list[Record]] = {cause.EXPIRED: [], cause.GONE: []}  # those that there was no time to close

    def do(self) -> Part | None:
        """Does what the part says, and returns what is to follow."""
        left = self._look_again()
        if not self._part.scans:
            return self._part.once_more(left + _ids_of(self._late[cause.GONE]))
        if self._part.start is None:
            self._active = 0  # whom we closed until now is not in the table that is counted
        start = self._scan()
        found, more = self._ask() if self._asks else ([], False)
        left += found + _ids_of(self._late[cause.GONE])
        again = fitting(left)
        if not self._finished:
            follow = self._part.onward(start, self._part.active + self._active, again)
            if follow is None:
                log.error("sweep", RuntimeError("the table is too large for so few segments: raise sweep.segments"), asdict(self._part))
            return follow
        another = self._part.anew(again) if more or len(again) < len(left) else None
        return another or self._part.once_more(again)

    def _look_again(self) -> list[str]:
        """Closes those of the part's `again` that are still gone; returns those that there was no time for."""
        left = self._part.again
        while left and time.monotonic() < self._deadline and not self._inquiry.hopeless:
            ids, left = left[: read_records.MOST], left[read_records.MOST :]
            records = [
                record
                for record in read_records.read(self._clients, self._settings.table, ids)
                if judge_record.judge(record, self._settings, suspect_after_ms=0) in (judge_record.SUSPECT, judge_record.TIMELESS)
            ]
            known = self._inquiry.ask(records, self._pool, self._deadline, lambda record: self._close(record, cause.GONE))
            self._contradicted += sum(answer == ask_gateway.ALIVE for _, answer in known)
            if time.monotonic() >= self._deadline:
                told = set(_ids_of([record for record, _ in known]))
                left = [connection_id for connection_id in _ids_of(records) if connection_id not in told] + left
        return [] if self._inquiry.hopeless else left

    def _scan(self) -> str | None:
        """Reads pages, closes the expired, samples the silent; returns where to go on when the segment is not `finished`."""
        now = time.monotonic()
        until = now + (self._deadline - now) * (SCAN_SHARE_ASKING if self._asks else SCAN_SHARE)
        for page, begin, end in self._pages():
            active = self._active
            self._close_all(self._sort(page), cause.EXPIRED)
            if self._late[cause.EXPIRED]:
                self._active = active  # this page once more
                return begin
            if end is not None and time.monotonic() >= until:
                return end
        self._finished = True
        return None

    def _sort(self, page: list[Record]) -> list[Record]:
        """Counts the page's records, samples the silent, and returns the expired."""
        expired = []
        for record in page:
            standing = judge_record.judge(record, self._settings, self._part.suspect_after_ms)
            self._active += standing != judge_record.FOREIGN
            if standing == judge_record.FOREIGN:
                self._foreign += 1
            elif standing == judge_record.EXPIRED:
                expired.append(record)
            elif standing == judge_record.SUSPECT:
                self._timed.offer(record)
            elif standing == judge_record.TIMELESS:
                self._timeless.offer(record)
                self._undated += not self._asks and not judge_record.is_dated(record)
            elif not record.is_young:
                self._witnesses.offer(record)
        return expired

    def _pages(self) -> Iterator[tuple[list[Record], str | None, str | None]]:
        """Each page's records, and where it begins and ends (None: with the segment)."""
        request: dict[str, Any] = {
            "TableName": self._settings.table,
            **read_records.PROJECTION,
            "Segment": self._part.segment,
            "TotalSegments": self._part.segments,
            "Limit": PAGE,
        }
        start = self._part.start
        while True:
            if start is not None:
                request["ExclusiveStartKey"] = {"connectionId": {"S": start}}
            page = self._clients("dynamodb").scan(**request)
            if any("S" not in item.get("connectionId", {}) for item in page["Items"]):
                raise RuntimeError("a record has no connectionId (a string): correct CONNECTIONS_TABLE, or the key of the table it names")
            end = page["LastEvaluatedKey"]["connectionId"]["S"] if page.get("LastEvaluatedKey") else None
            yield [Record(item) for item in page["Items"]], start, end
            if end is None:
                return
            start = end

    def _ask(self) -> tuple[list[str], bool]:
        """Asks about the samples and closes whom the evidence proves gone; returns whom to ask again, and whether there is more to find."""
        now = time.monotonic()
        sample = self._timed.records + self._timeless.records
        random.shuffle(sample)  # those that there is no time for are not always the same
        known = self._inquiry.ask(sample, self._pool, now + (self._deadline - now) * ASK_SHARE)
        weighed = Weighed(known, self._settings)
        if weighed.unproven and self._has_witness():
            weighed = Weighed(known, self._settings, alive=True)
        self._unproven = weighed.unproven
        self._close_all(weighed.gone, cause.GONE)
        waiting = self._timed.offered + self._timeless.offered - len(known)
        return _ids_of(weighed.again), bool(waiting and (weighed.gone or weighed.again) and not self._inquiry.hopeless)

    def _has_witness(self) -> bool:
        """Whether somebody of whom we have heard lately is alive: then the endpoint is the right one, although all the silent are gone."""
        answers = self._inquiry.ask(self._witnesses.records, self._pool, self._deadline)
        return any(answer == ask_gateway.ALIVE for _, answer in answers)

    def _close_all(self, records: list[Record], why: str) -> None:
        for _ in self._pool.map(lambda record: self._close(record, why), records):
            pass

    def _close(self, record: Record, why: str) -> None:
        """Closes a connection and counts what became of it; several threads do."""
        outcome = self._outcome(record, why)
        with self._lock:
            self._active -= outcome in (log.REMOVED, log.ALREADY_GONE)
            self._failed += outcome == FAILED
            if outcome == OUT_OF_TIME:
                self._late[why].append(record)
            elif outcome == log.REMOVED:
                self._removed[why] += 1
                self._silent_ms = max(self._silent_ms, judge_record.silent_ms(record, int(time.time() * 1000)))

    def _outcome(self, record: Record, why: str) -> str:
        """Closes it. The duplicates of its client, about whom API Gateway may have to be asked, are the retry queue's."""
        if time.monotonic() >= self._deadline:
            return OUT_OF_TIME
        try:
            return self._closer.close_found(record, why, self._deadline, duplicates="later")
        except Exception as problem:
            log.error("close", problem, {"connectionId": record.connection_id, "cause": why})
            return FAILED

    def report(self) -> None:
        """The summary line, with the gauge of active connections once the segment has been read to its end."""
        answers, rate = self._inquiry.answers, round(self._inquiry.pace.highest, 1)
        fields: dict[str, Any] = {
            "segment": str(self._part.segment),
            "segments": self._part.segments,
            "finished": self._finished,
            "removed": dict(self._removed),
            "failed": self._failed,
            "foreign": self._foreign,
            "timeless": self._timeless.offered,
            "undated": self._undated,
            "unproven": self._unproven,
            "contradicted": self._contradicted,
            "probes": dict(answers),
            "rate": rate,
            "silentSeconds": self._silent_ms // 1000,
        }
        metrics: dict[str, tuple[float, str]] = {
            "RemovedExpired": (self._removed[cause.EXPIRED], "Count"),
            "RemovedGone": (self._removed[cause.GONE], "Count"),
            "SweepFailures": (self._failed, "Count"),
            "Silent": (fields["silentSeconds"], "Seconds"),
        }
        gauges: dict[str, log.Metrics] = {}
        if self._part.scans:
            fields["active"] = self._part.active + self._active
            fields["durationMs"] = int(time.time() * 1000) - self._part.began_ms
            metrics["SweepDuration"] = (fields["durationMs"], "Milliseconds")
            metrics["Unproven"] = (self._unproven, "Count")
            metrics["ForeignRecords"] = (self._foreign, "Count")
            metrics["Undated"] = (self._undated, "Count")
        if self._finished:
            gauges["segment"] = {"ActiveConnections": (fields["active"], "Count")}
        if asked := sum(answers.values()):  # who asked nobody knows nothing about the endpoint
            refused = answers[ask_gateway.REFUSED] + answers[ask_gateway.THROTTLED]
            metrics["ProbesRefused"] = (round(100 * refused / asked, 1), "Percent")
            metrics["ProbeRate"] = (rate, "Count/Second")
        if self._inquiry.refusal:
            fields["refusal"] = self._inquiry.refusal[: log.LONGEST_ERROR]
        worrying = self._failed or self._foreign or self._undated or self._unproven or self._contradicted or answers[ask_gateway.REFUSED]
        log.emit("swept", fields, "WARN" if worrying else "INFO", {"": metrics, **gauges})


def _ids_of(records: list[Record]) -> list[str]:
    return [record.connection_id for record in records]


class Sample:
    """A uniform sample of at most `size` of the records offered, however many they are (reservoir sampling)."""

    def __init__(self, size: int) -> None:
        self.records: list[Record] = []
        self.offered = 0
        self._size = size

    def offer(self, record: Record) -> None:
        self.offered += 1
        if len(self.records) < self._size:
            self.records.append(record)
        elif (place := random.randrange(self.offered)) < self._size:
            self.records[place] = record
