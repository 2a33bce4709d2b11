"""Is a 410 to be believed? It says that our endpoint knows no such connection, which is also what a wrong endpoint says of everything.

What a ratio of answers can't tell, the record can: a 410 counts when the record itself names our API and stage, or when we were told that
the table is this stage's alone and the endpoint has shown, by a live answer, that it is the right one. Even then one answer removes
nothing: it may be wrong for a moment, or come before a `$connect` has finished. The connection is asked about again, AGAIN_S later.
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
        self.unproven: list[Record] = []  # API Gateway says that they are gone, and nothing shows that it knows them
        self._settings = settings
        self._somebody_lives = False

    def weigh(self, answers: Answers) -> list[Record]:
        """Those that are proven to be gone: of these, and of those unproven until now."""
        self._somebody_lives = self._somebody_lives or any(answer == ALIVE for _, answer in answers)
        gone = self.unproven + [record for record, answer in answers if answer == GONE]
        self.unproven = [record for record in gone if not self._is_proven(record)]
        return [record for record in gone if self._is_proven(record)]

    def _is_proven(self, record: Record) -> bool:
        return (self._settings.exclusive_table and self._somebody_lives) or judge_record.is_proven_ours(record, self._settings)
