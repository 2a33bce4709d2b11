"""The sweep: finds the records of connections whose `$disconnect` never came.

Expired records are closed without asking, since no connection outlives API Gateway's 2 h limit. With the probe on, API Gateway is asked
about a uniform sample of the silent ones, as large as time and pace allow. Sampling the whole table lets no record wait for all the others,
and needs no memory of earlier runs. A connection that is gone is asked about again AGAIN_S later, and closed if it is still gone: in the
same run if it lasts that long, otherwise by the next part.

Memory does not grow with the table: it holds a page of the scan and bounded samples. A sweep continues by a retry-queue message if it runs
out of time, has to ask again, or found dead connections in a sample while others wait. Parts run one after another, so the pace holds for
all.
"""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING

import cause
import judge_record
import log
import read_records
from ask_gateway import AGAIN_S, ALIVE, GONE
from ask_many import UNASKED, UNDER_WAY, Inquiry
from keep_pace import USUAL_PER_SECOND, Rising
from record import YOUNG_MS, Record
from sample import Sample
from sweep_part import USUAL_PERIOD_S, Part, fitting
from tally_sweep import Tally
from weigh_evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ask_many import Answers
    from aws import Clients
    from closing import Closer
    from settings import Settings

PAGE = 1_000  # records: the dead ones of a page are closed before the time is checked again
SCAN_SHARE = 0.9  # of the time: the last page's removals need the rest
SCAN_SHARE_ASKING = 0.5  # when the probe needs the rest
MOST_SAMPLED = 10_000
WITNESSES = 3
LOOK_EVERY_S = 300  # SQS delays a message by up to 900
FAILED, OUT_OF_TIME = "failed", "out of time"  # outcomes of a removal besides log's: the next part or sweep finds it again


class Sweep:
    def __init__(self, settings: Settings, clients: Clients, closer: Closer) -> None:
        self._settings = settings
        self._clients = clients
        self._closer = closer
        self._looks_at = float("-inf")  # s, time.monotonic(): start of the last look at once, perhaps in the future

    def run(self, part: Part, deadline: float, failed_before: bool = False) -> None:
        """Sweeps until the end of the segment or the deadline (s, time.monotonic()). A retry-queue message continues with the rest.

        A part that has failed before is dropped once the next sweep is due, even if none comes: the sweep may have been turned off.
        """
        if failed_before and part.is_over:
            log.emit("dropped", part.fields)
            return
        with ThreadPoolExecutor(UNDER_WAY) as pool:
            run = _Run(self._settings, self._clients, self._closer, part, pool, deadline)
            follow = run.do()
        if follow is not None:
            self._send(follow, AGAIN_S if follow.again else 0)
        run.report()

    def ask_again(self, ids: list[str]) -> None:
        """Queues connections that are gone, to ask about them again and close them if they still are."""
        self._send(Part.parse({"again": ids, "scans": False, "hops": 1}), AGAIN_S)

    def look_at_once(self, segments: int) -> None:
        """Starts a sweep of every segment that suspects every connection silent for a minute, since events are known to be lost.

        Runs at most once in LOOK_EVERY_S. An earlier request schedules the next run, which finds what was lost meanwhile.
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
            raise RuntimeError("the sweep needs the retry queue to continue: set RETRY_QUEUE_URL")
        self._closer.queue.send(part, delay_s)


class _Run:
    """One invocation's work on a part of a sweep."""

    def __init__(self, settings: Settings, clients: Clients, closer: Closer, part: Part, pool: ThreadPoolExecutor, deadline: float) -> None:
        self._settings = settings
        self._clients = clients
        self._closer = closer
        self._part = part
        self._pool = pool
        self._lock = Lock()
        self._deadline = deadline
        self._tally = Tally()
        first = (settings.probes_per_second or USUAL_PER_SECOND) / part.segments
        most = max(first, settings.most_probes_per_second / part.segments)
        self._inquiry = Inquiry(clients, Rising(first, most))
        self._asks = settings.probes_per_second > 0
        size = MOST_SAMPLED if self._asks else 0
        self._timed, self._timeless = Sample(size), Sample(size)
        self._witnesses = Sample(WITNESSES)
        self._late: dict[str, list[Record]] = {cause.EXPIRED: [], cause.GONE: []}  # there was no time to close these
        self._again: list[str] = []  # the next part asks about these again

    def do(self) -> Part | None:
        """Does the part's work and returns the part that follows."""
        self._ask_again(self._part.again)
        if not self._part.scans:
            return self._part.only_again(self._left())
        if self._part.start is None:
            self._tally.active = 0  # those closed so far are not in the table that is counted
        start = self._scan()
        more = self._ask() if self._asks else False
        left = self._left()
        again = fitting(left)
        if not self._tally.finished:
            follow = self._part.onward(start, self._part.active + self._tally.active, again)
            if follow is None:
                log.error("sweep", RuntimeError("the table is too large for so few segments: raise sweep.segments"), self._part.fields)
            return follow
        another = self._part.another_reading(again) if more or len(again) < len(left) else None
        return another or self._part.only_again(again)

    def report(self) -> None:
        self._tally.report(self._part, self._inquiry, self._settings.shared_table)

    def _left(self) -> list[str]:
        return self._again + _ids_of(self._late[cause.GONE])

    def _ask_again(self, ids: list[str]) -> None:
        """Closes those that are still gone, each as soon as that is known. Those without an answer are left to the next part."""
        while ids:
            some, ids = ids[: read_records.MOST], ids[read_records.MOST :]
            records = [
                record
                for record in read_records.read(self._clients, self._settings.table, some)
                if judge_record.judge(record, self._settings, suspect_after_ms=0) in (judge_record.SUSPECT, judge_record.TIMELESS)
            ]
            answers = self._inquiry.ask(records, self._pool, self._deadline, lambda record: self._remove(record, cause.GONE))
            self._tally.contradicted += sum(answer == ALIVE for _, answer in answers)
            self._again += _ids_of([record for record, answer in answers if answer not in (ALIVE, GONE)])
            if any(answer == UNASKED for _, answer in answers):
                break
        self._again += ids

    def _scan(self) -> str | None:
        """Reads pages, closes the expired, samples the silent. Returns where to continue if the segment is not `finished`."""
        now = time.monotonic()
        until = now + (self._deadline - now) * (SCAN_SHARE_ASKING if self._asks else SCAN_SHARE)
        for page, begin, end in self._pages():
            active = self._tally.active
            for _ in self._pool.map(lambda record: self._remove(record, cause.EXPIRED), self._sort(page)):
                pass
            if self._late[cause.EXPIRED]:
                self._tally.active = active  # read this page again
                return begin
            if end is not None and time.monotonic() >= until:
                return end
        self._tally.finished = True
        return None

    def _sort(self, page: list[Record]) -> list[Record]:
        """Counts the page's records, samples the silent, and returns the expired."""
        expired = []
        for record in page:
            standing = judge_record.judge(record, self._settings, self._part.suspect_after_ms)
            if standing == judge_record.FOREIGN and judge_record.is_left_over(record):
                standing = judge_record.EXPIRED
            self._tally.active += standing != judge_record.FOREIGN
            if standing == judge_record.FOREIGN:
                self._tally.foreign += 1
            elif standing == judge_record.EXPIRED:
                expired.append(record)
            elif standing == judge_record.SUSPECT:
                self._timed.offer(record)
            elif standing == judge_record.TIMELESS:
                self._tally.timeless += 1
                self._timeless.offer(record)
                self._tally.undated += not self._asks and not judge_record.is_dated(record)
            elif not record.is_young:
                self._witnesses.offer(record)
        return expired

    def _pages(self) -> Iterator[tuple[list[Record], str | None, str | None]]:
        """Each page's records, and where it begins and ends (None: start or end of the segment)."""
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
                raise RuntimeError("a record has no connectionId of type String: correct CONNECTIONS_TABLE, or the table's partition key")
            end = page["LastEvaluatedKey"]["connectionId"]["S"] if page.get("LastEvaluatedKey") else None
            yield [Record(item) for item in page["Items"]], start, end
            if end is None:
                return
            start = end

    def _ask(self) -> bool:
        """Asks about the samples, and again about those found gone once AGAIN_S has passed. Returns whether there is more to find."""
        sample = self._timed.records + self._timeless.records
        random.shuffle(sample)  # so that time does not always run out for the same ones
        waiting = self._timed.offered + self._timeless.offered
        evidence = Evidence(self._settings)
        found: list[tuple[float, str]] = []  # when to ask again, in order, and the connection id
        found_any = False
        while sample:
            some, sample = sample[: read_records.MOST], sample[read_records.MOST :]
            answers = self._inquiry.ask(some, self._pool, self._deadline)
            waiting -= sum(answer in (ALIVE, GONE) for _, answer in answers)
            gone = evidence.weigh(answers)
            if evidence.unproven and self._settings.exclusive_table:
                gone += evidence.weigh(self._ask_witnesses())
            now = time.monotonic()
            found += [(now + AGAIN_S, connection_id) for connection_id in _ids_of(gone)]
            found_any = found_any or bool(found)
            due = sum(moment <= now for moment, _ in found)
            self._ask_again([connection_id for _, connection_id in found[:due]])
            del found[:due]
            if any(answer == UNASKED for _, answer in answers):
                break
        self._again += [connection_id for _, connection_id in found]
        self._tally.unproven = len(evidence.unproven)
        return bool(waiting and found_any and not self._inquiry.given_up)

    def _ask_witnesses(self) -> Answers:
        """Asks once about recently seen connections. If one is alive, the endpoint is right although all silent ones are gone."""
        witnesses, self._witnesses = self._witnesses.records, Sample(0)
        answers = self._inquiry.ask(witnesses, self._pool, self._deadline)
        return [(record, answer) for record, answer in answers if answer == ALIVE]

    def _remove(self, record: Record, why: str) -> None:
        """Closes a connection and counts the outcome. Runs in several threads."""
        outcome = self._outcome(record, why)
        with self._lock:
            self._tally.active -= outcome in (log.REMOVED, log.ALREADY_GONE)
            self._tally.failed += outcome == FAILED
            if outcome == OUT_OF_TIME:
                self._late[why].append(record)
            elif outcome == log.REMOVED:
                self._tally.add_removed(record, why)

    def _outcome(self, record: Record, why: str) -> str:
        """Closes it. The client's duplicates are left to the retry queue, since API Gateway may have to be asked about them."""
        if time.monotonic() >= self._deadline:
            return OUT_OF_TIME
        try:
            return self._closer.close_found(record, why, self._deadline, duplicates="later")
        except Exception as problem:
            log.error("close", problem, {"connectionId": record.connection_id, "cause": why})
            return FAILED


def _ids_of(records: list[Record]) -> list[str]:
    return [record.connection_id for record in records]
