"""Is a 410 to be believed? It says that our endpoint knows no such connection, which is also what a wrong endpoint says of everything.

What a ratio of answers can't tell, the record can: a 410 counts when the record itself names our API and stage, or when we were told that
the table is this stage's alone and the endpoint has shown, by a live answer, that it is the right one. Where most of many answers are 410,
or the record has no time, so that its `$connect` may still be under way, the connection is asked about again, AGAIN_S later.
"""

from __future__ import annotations

import judge_record
from ask_gateway import ALIVE, GONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from record import Record
    from settings import Settings

    Answers = list[tuple[Record, str]]  # each ALIVE or GONE

MANY = 20
AGAIN_S = 30  # more than `$connect` may take (29 s)


class Weighed:
    """What the answers of one run come to. `alive`: whether the endpoint has shown elsewhere that it is the right one."""

    def __init__(self, answers: Answers, settings: Settings, alive: bool = False) -> None:
        timed: Answers = []
        timeless: Answers = []
        for record, answer in answers:
            (timeless if record.connected_ms is None else timed).append((record, answer))
        self._settings = settings
        self.gone: list[Record] = []  # to be closed
        self.again: list[Record] = []  # to be asked about once more
        self.unproven = 0
        self.alive = alive or _any_alive(timed)  # records without a time never decide about the others
        gone = self._proven(timed, self.alive)
        most = len(timed) >= MANY and sum(answer == GONE for _, answer in timed) * 2 > len(timed)
        (self.again if most else self.gone).extend(gone)
        self.again += self._proven(timeless, self.alive or _any_alive(timeless))

    def _proven(self, answers: Answers, alive: bool) -> list[Record]:
        gone = [record for record, answer in answers if answer == GONE]
        if self._settings.exclusive_table and alive:
            return gone
        proven = [record for record in gone if judge_record.is_proven_ours(record, self._settings)]
        self.unproven += len(gone) - len(proven)
        return proven


def _any_alive(answers: Answers) -> bool:
    return any(answer == ALIVE for _, answer in answers)
