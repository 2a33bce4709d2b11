"""Asks API Gateway whether a connection is still open: GET @connections/{connectionId}.

A 410 can also come before `$connect` has finished, so a record younger than YOUNG_MS is never asked about.
The endpoint is AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI, which botocore reads by itself.
"""

from __future__ import annotations

import time
from threading import Lock

from aws import status_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aws import Clients

ALIVE = "alive"
GONE = "gone"
THROTTLED = "throttled"  # 429: production traffic needs the quota; stop asking
REFUSED = "refused"  # 403, 5xx, a time-out …: nothing is known

USUAL_PER_SECOND = 10
QUIET_S = 30.0  # how long nothing is asked after a 429
YOUNG_MS = 60_000  # twice the integration time-out (29 s) that `$connect` may take


class Probe:
    """Asks about connections and closes them, one request each, unretried, at most `per_second` of them a second."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._turn = Lock()
        self._next = self._quiet_until = 0.0  # s, time.monotonic()
        self.per_second: float = USUAL_PER_SECOND
        self.refusal = ""  # the last reason why nothing is known

    def ask(self, connection_id: str) -> str:
        """ALIVE, GONE, THROTTLED or REFUSED; never raises."""
        return self._verdict("get_connection", connection_id)

    def close(self, connection_id: str) -> bool:
        """Closes the socket: whether it is closed now (also when it was gone)."""
        return self._verdict("delete_connection", connection_id) in (ALIVE, GONE)

    def _verdict(self, operation: str, connection_id: str) -> str:
        with self._turn:
            if time.monotonic() < self._quiet_until:
                return THROTTLED
            if (wait := self._next - time.monotonic()) > 0:
                time.sleep(wait)
            self._next = time.monotonic() + 1 / self.per_second
        try:
            getattr(self._clients("apigatewaymanagementapi", attempts=1), operation)(ConnectionId=connection_id)
        except Exception as problem:
            if status_code(problem) == 410:
                return GONE
            self.refusal = f"{type(problem).__name__}: {problem}"
            if status_code(problem) != 429:
                return REFUSED
            self._quiet_until = time.monotonic() + QUIET_S
            return THROTTLED
        return ALIVE
