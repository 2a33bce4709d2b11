"""Judges a connection by its record's attributes alone, without asking API Gateway."""

from __future__ import annotations

from record import YOUNG_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from record import Record
    from settings import Settings

EXPIRED = "expired"  # past API Gateway's 2 h limit: certainly dead
SUSPECT = "suspect"  # silent for longer than the idle timeout: worth asking about
TIMELESS = "timeless"  # no usable time: only API Gateway can tell
FOREIGN = "foreign"  # a record of another API or stage: not ours to judge
FRESH = "fresh"

ATTRIBUTES = ("connectedAt", "expiresAt", "lastSeenAt", "apiId", "stage")  # everything that is used to judge a record

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS


def judge(record: Record, settings: Settings, suspect_after_ms: int | None = None) -> str:
    """One of the words above. `connectedAt` decides; `expiresAt` only where `connectedAt` is unusable.

    `suspect_after_ms` overrides the setting: for how long a connection must be silent before it is worth asking about.
    """
    if is_foreign(record, settings):
        return FOREIGN
    if record.connected_ms is None:
        overdue_ms = settings.expired_after_ms - 7_200_000
        return EXPIRED if record.expires_ms is not None and record.expires_ms < record.read_ms - overdue_ms else TIMELESS
    if record.read_ms - record.connected_ms >= settings.expired_after_ms:
        return EXPIRED
    worth_a_question_ms = settings.suspect_after_ms if suspect_after_ms is None else suspect_after_ms
    return SUSPECT if silent_ms(record, record.read_ms) >= max(worth_a_question_ms, YOUNG_MS) else FRESH


def is_foreign(record: Record, settings: Settings) -> bool:
    """Whether the record names an API or stage other than ours."""
    pairs = ((record.api_id, settings.api_id), (record.stage, settings.stage))
    return any(theirs and ours and theirs != ours for theirs, ours in pairs)


def is_left_over(record: Record) -> bool:
    """Whether it is a day old. No connection lasts longer than two hours, and the record's owner has not removed it since."""
    return record.connected_ms is not None and record.read_ms - record.connected_ms >= DAY_MS


def is_proven_ours(record: Record, settings: Settings) -> bool:
    """Whether the record itself names our API and stage. Then a 410 from our endpoint is an answer about it."""
    return bool(settings.api_id and settings.stage) and (record.api_id, record.stage) == (settings.api_id, settings.stage)


def is_dated(record: Record) -> bool:
    """Whether it will be EXPIRED within a year. An `expiresAt` in ms by mistake would be in the year 50,000."""
    return record.connected_ms is not None or (record.expires_ms is not None and record.expires_ms <= record.read_ms + YEAR_MS)


def silent_ms(record: Record, now_ms: int) -> int:
    """How long ago the record last showed a live connection; 0 if it does not say when the connection began."""
    return 0 if record.seen_ms is None else now_ms - record.seen_ms
