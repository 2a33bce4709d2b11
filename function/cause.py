"""Why a connection ended: one word of a fixed list, the same in logs, history and metrics.

| cause | meaning |
|---|---|
| client_closed | 1005 (no code given), 1000 from the client, or an application's own code (3000-4999) |
| navigated_away | 1001: a browser left the page or closed the tab |
| idle_timeout | 1001 "Going away" by API Gateway after 10 min without traffic |
| closed_by_server | 1000 "Connection Closed Normally": somebody called DELETE @connections |
| message_too_big | 1009 |
| abnormal | 1006 and every other protocol code |
| expired | the 2 h limit of a connection, by API Gateway or by the sweep |
| gone | the sweep asked API Gateway, which answered 410 |
| duplicate | closed because the same client has a newer connection |
| unknown | no code, or an undefined one |
"""

from __future__ import annotations

CLIENT_CLOSED = "client_closed"
NAVIGATED_AWAY = "navigated_away"
IDLE_TIMEOUT = "idle_timeout"
CLOSED_BY_SERVER = "closed_by_server"
MESSAGE_TOO_BIG = "message_too_big"
ABNORMAL = "abnormal"
EXPIRED = "expired"
GONE = "gone"
DUPLICATE = "duplicate"
UNKNOWN = "unknown"
CAUSES = frozenset(
    {CLIENT_CLOSED, NAVIGATED_AWAY, IDLE_TIMEOUT, CLOSED_BY_SERVER, MESSAGE_TOO_BIG, ABNORMAL, EXPIRED, GONE, DUPLICATE, UNKNOWN}
)

IDLE_MS = 600_000  # API Gateway's idle time-out; both are fixed quotas
LIFETIME_MS = 7_200_000  # and its limit on a connection's duration


def classify(code: int | None, reason: str, duration_ms: int | None) -> str:
    """The cause, from the close code and reason of a `$disconnect` event and the connection's duration (ms; None when unknown)."""
    if code == 1005:
        return CLIENT_CLOSED
    if code == 1001:
        return _going_away(reason, duration_ms)
    if code == 1000:
        return CLOSED_BY_SERVER if reason == "Connection Closed Normally" else CLIENT_CLOSED
    if code == 1009:
        return MESSAGE_TOO_BIG
    if code is None:
        return UNKNOWN
    if 3000 <= code <= 4999:
        return CLIENT_CLOSED
    return ABNORMAL if 1002 <= code <= 1015 else UNKNOWN


def _going_away(reason: str, duration_ms: int | None) -> str:
    """Browsers and API Gateway both send 1001. Only API Gateway gives this reason, and never before its own limits."""
    if reason.lower() != "going away":
        return NAVIGATED_AWAY
    if duration_ms is None:
        return IDLE_TIMEOUT
    if duration_ms >= LIFETIME_MS:
        return EXPIRED
    return IDLE_TIMEOUT if duration_ms >= IDLE_MS else NAVIGATED_AWAY
