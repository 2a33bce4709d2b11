"""Checks a report that a connection is gone. Whoever posts to a connection is the first to learn that it has ended.

API Gateway is asked before anything is removed, at a limited pace: a mistaken or hostile sender can't remove a live connection's record.
"""

from __future__ import annotations

import cause
import judge_record
import read_records
import retry
from ask_gateway import ALIVE, GONE, THROTTLED, Probe
from keep_pace import QUIET_S, USUAL_PER_SECOND, Steady
from record import YOUNG_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aws import Clients
    from closing import Closer
    from settings import Settings
    from sweep import Sweep


class UnansweredError(RuntimeError):
    """API Gateway gave no usable answer. The queue delivers the report again."""


class TooEarlyError(Exception):
    """Nothing is wrong: the report has to wait in its queue for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Reports:
    def __init__(self, settings: Settings, clients: Clients, closer: Closer, sweep: Sweep) -> None:
        self._settings = settings
        self._clients = clients
        self._closer = closer
        self._sweep = sweep
        self.queue = retry.Queue(settings.report_queue_url, clients) if settings.report_queue_url else None
        self._probe = Steady(Probe(clients), settings.probes_per_second or USUAL_PER_SECOND)

    def check(self, connection_id: str, deadline: float) -> None:
        """Closes the connection if its record has expired, or if API Gateway answers that it is gone.

        The sender's own 410 was the first answer, ours is the second. A record that does not name our API and stage is left to the sweep:
        a 410 about it would not prove anything. If a connection of unknown age is gone, the sweep asks about it again. Raises TooEarlyError
        for a record that is too young and while API Gateway throttles; UnansweredError; and botocore's errors.
        """
        for record in read_records.read(self._clients, self._settings.table, [connection_id]):  # none: closed already
            if judge_record.judge(record, self._settings) == judge_record.EXPIRED:
                self._closer.close_found(record, cause.EXPIRED, deadline)
            elif not judge_record.is_proven_ours(record, self._settings):
                return
            elif record.is_young:
                raise TooEarlyError(YOUNG_MS / 1000)
            elif (answer := self._probe.ask(connection_id)) == THROTTLED:
                raise TooEarlyError(QUIET_S)
            elif answer not in (ALIVE, GONE):
                raise UnansweredError(self._probe.refusal)
            elif answer == GONE and record.connected_ms is None:
                self._sweep.ask_again([connection_id])
            elif answer == GONE:
                self._closer.close_found(record, cause.GONE, deadline)
