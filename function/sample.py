"""A uniform sample of records whose number is not known in advance (reservoir sampling)."""

from __future__ import annotations

import random

TYPE_CHECKING = False
if TYPE_CHECKING:
    from record import Record


class Sample:
    """At most `size` of the records offered."""

    def __init__(self, size: int) -> None:
        self.records: list[Record] = []
        self.offered = 0
        self._size = size

    def offer(self, record: Record) -> None:
        self.offered += 1
        if len(self.records) < self._size:
            self.records.append(record)
        elif (place := random.randrange(self.offered)) < self._size:
            self.records[place] = record
