"""What a record's own attributes say about its connection, without asking anybody."""

from __future__ import annotations

from ask_gateway import YOUNG_MS
from aws import integer, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from aws import Item
    from settings import Settings

EXPIRED = "expired"  # past API Gateway's 2 h limit: dead whatever anybody says
SUSPECT = "suspect"  # silent for longer than the idle time-out: worth a question
TIMELESS = "timeless"  # no usable time: only a question can tell
FOREIGN = "foreign"  # another API's or stage's record: not ours to judge
FRESH = "fresh"

ATTRIBUTES = ("connectedAt", "expiresAt", "lastSeenAt", "apiId", "stage")  # all that a record is judged by

FIRST_API_MS = 1_543_622_400_000  # December 2018, when WebSocket APIs began: an earlier "time" is another unit or not a time
SKEW_MS = 60_000  # between whoever writes records and the clean-up function
YEAR_MS = 31_536_000_000


def judge(record: Item, now_ms: int, settings: Settings, suspect_after_ms: int | None = None) -> str:
    """One of the words above. `connectedAt` decides; `expiresAt` (the TTL, epoch s) only where `connectedAt` is unusable.

    `suspect_after_ms` stands in for the setting: how long a connection has been silent when it is worth a question.
    """
    for name, ours in (("apiId", settings.api_id), ("stage", settings.stage)):
        theirs = text(record, name)
        if ours and theirs and theirs != ours:
            return FOREIGN
    connected_at, expires_at = connected_ms(record, now_ms), integer(record, "expiresAt")
    if connected_at is None:
        if expires_at is not None and FIRST_API_MS <= expires_at * 1000 < now_ms - (settings.expired_after_ms - 7_200_000):
            return EXPIRED
        return TIMELESS
    if now_ms - connected_at >= settings.expired_after_ms:
        return EXPIRED
    worth_a_question_ms = settings.suspect_after_ms if suspect_after_ms is None else suspect_after_ms
    return SUSPECT if silent_ms(record, now_ms) >= max(worth_a_question_ms, YOUNG_MS) else FRESH


def connected_ms(record: Item, now_ms: int) -> int | None:
    """`connectedAt` (epoch ms) where it can be a connection's time: after WebSocket APIs began, not in the future."""
    value = integer(record, "connectedAt")
    return value if value is not None and FIRST_API_MS <= value <= now_ms + SKEW_MS else None


def is_dated(record: Item, now_ms: int) -> bool:
    """Whether it has a time by which it will be EXPIRED: within a year, since an `expiresAt` in ms would be in 50,000."""
    expires_ms = (integer(record, "expiresAt") or 0) * 1000
    return connected_ms(record, now_ms) is not None or FIRST_API_MS <= expires_ms <= now_ms + YEAR_MS


def is_young(record: Item, now_ms: int) -> bool:
    """Whether `$connect` may still be at work on it, as far as the record says: then a 410 says nothing."""
    connected_at = connected_ms(record, now_ms)
    return connected_at is not None and now_ms - connected_at < YOUNG_MS


def silent_ms(record: Item, now_ms: int) -> int:
    """How long ago the record last told that its connection lives; 0 when it does not tell when that began."""
    connected_at = connected_ms(record, now_ms)
    seen_at = integer(record, "lastSeenAt") or 0
    return 0 if connected_at is None else now_ms - max(connected_at, seen_at if seen_at <= now_ms + SKEW_MS else 0)


def is_proven_ours(record: Item, settings: Settings) -> bool:
    """Whether the record itself names our API and stage: then a 410 of our endpoint is an answer about it."""
    return bool(settings.api_id and settings.stage) and (text(record, "apiId"), text(record, "stage")) == (settings.api_id, settings.stage)
