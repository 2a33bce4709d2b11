"""Is a connection gone of which somebody says so? Whoever posts to a connection learns first that it is; to be told is not to believe.

So a mistaken or hostile sender can have nothing removed that lives, nor have API Gateway asked faster than the pace.
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
    """API Gateway did not tell: the queue asks again."""


class TooEarlyError(Exception):
    """Nothing is wrong: the report waits in its queue for so many seconds."""

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
        """Closes the connection if its record says that it has expired, or API Gateway that it is gone.

        The sender's own 410 was the first answer, ours is the second. A record that does not name our API and stage is left to the sweep:
        they can't show that the endpoint is the right one. One of unknown age that is gone is asked about again by the sweep. Raises
        TooEarlyError for one that is too young and while API Gateway has enough of questions, UnansweredError, and botocore's errors.
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
