"""Decides whether a 410 proves that a connection is gone. A wrong endpoint answers 410 about every connection, too.

A 410 counts if the record itself names our API and stage. It also counts if the table is configured as this stage's alone and the endpoint
has proved to be the right one by a live answer. Even then one answer removes nothing: it may be wrong for a moment, or come before
`$connect` has finished. The connection is asked about again, AGAIN_S later.
"""

from __future__ import annotations

import judge_record
from ask_gateway import ALIVE, GONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ask_many import Answers
    from record import Record
    from settings import Settings


class Evidence:
    """What the answers of one run prove."""

    def __init__(self, settings: Settings) -> None:
        self.unproven: list[Record] = []  # API Gateway answers 410, but nothing shows that they belong to it
        self._settings = settings
        self._somebody_lives = False

    def weigh(self, answers: Answers) -> list[Record]:
        """Those that are proven to be gone, of these and of those unproven so far."""
        self._somebody_lives = self._somebody_lives or any(answer == ALIVE for _, answer in answers)
        gone = self.unproven + [record for record, answer in answers if answer == GONE]
        self.unproven = [record for record in gone if not self._is_proven(record)]
        return [record for record in gone if self._is_proven(record)]

    def _is_proven(self, record: Record) -> bool:
        return (self._settings.exclusive_table and self._somebody_lives) or judge_record.is_proven_ours(record, self._settings)
