"""One invocation's part of a sweep, as the schedule or a retry message describes it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace

import ending

LONGEST_LIST = 200_000  # bytes of ids in a message, of the 256 KB that SQS takes
MOST_HOPS = 10  # messages in a row: Lambda ends a chain at 16 invocations ("recursive loop detection"), and closing may queue more
MOST_SEGMENTS = 100
USUAL_PERIOD_S = 300


@dataclass(frozen=True)
class Part:
    """First asks again about the connections in `again`. Then, if `scans`, reads the segment from `start` on.

    Times are epoch ms.
    """

    segment: int = 0
    segments: int = 1
    start: str | None = None
    active: int = 0  # connections counted in this reading of the segment
    began_ms: int = 0  # when this reading began
    until_ms: int = 0  # when the next sweep is due: no further reading begins after this
    hops: int = 0  # messages until here
    suspect_after_ms: int | None = None  # None: as the settings say
    scans: bool = True
    again: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, value: object) -> Part:
        """From a schedule's input (segment, segments, period_s) or a retry message; raises RejectedError when it is neither."""
        if not isinstance(value, dict):
            raise ending.RejectedError("sweep must be an object with segment and segments")

        def number(name: str, default: int) -> int:
            found = ending.plain_integer(value.get(name, default))
            if found is None:
                raise ending.RejectedError(f"sweep's {name} must be a whole number")
            return found

        now_ms = int(time.time() * 1000)
        start, again = value.get("start"), value.get("again", [])
        if not isinstance(again, list):
            raise ending.RejectedError("sweep's again must be a list of connection ids")
        part = cls(
            segment=number("segment", 0),
            segments=number("segments", 1),
            start=None if start is None else ending.connection_id(start, ending.LONGEST_KEY),
            active=number("active", 0),
            began_ms=number("began_ms", now_ms),
            until_ms=number("until_ms", now_ms + 1000 * number("period_s", USUAL_PERIOD_S)),
            hops=number("hops", 0),
            suspect_after_ms=None if value.get("suspect_after_ms") is None else number("suspect_after_ms", 0),
            scans=value.get("scans") is not False,
            again=[ending.connection_id(connection_id, ending.LONGEST_KEY) for connection_id in again],
        )
        if not part.segment < part.segments <= MOST_SEGMENTS:
            raise ending.RejectedError(f"sweep's segment must be less than segments, which may be at most {MOST_SEGMENTS}")
        return part

    @property
    def is_over(self) -> bool:
        """Whether the next sweep is due. It does all of this, so a part that has failed before is not needed any more."""
        return int(time.time() * 1000) >= self.until_ms

    @property
    def fields(self) -> dict[str, object]:
        """The fields of its log lines."""
        return {"segment": str(self.segment), "segments": self.segments, "hops": self.hops, "again": len(self.again)}

    def onward(self, start: str | None, active: int, again: list[str]) -> Part | None:
        """The rest of this reading; None if Lambda might end the chain."""
        return self._next(MOST_HOPS, start=start, active=active, again=again)

    def another_reading(self, again: list[str]) -> Part | None:
        """A further reading, if one could not ask about all; None if the next sweep does it."""
        if self.is_over:
            return None
        now_ms = int(time.time() * 1000)
        return self._next(MOST_HOPS - 1, start=None, active=0, began_ms=now_ms, again=again)  # one hop is left to ask again

    def only_again(self, again: list[str]) -> Part | None:
        """Only asks again, without reading; None if there is nothing to ask."""
        return self._next(MOST_HOPS, scans=False, again=again) if again else None

    def _next(self, most_hops: int, **changes: object) -> Part | None:
        return replace(self, hops=self.hops + 1, **changes) if self.hops < most_hops else None  # type: ignore[arg-type]


def fitting(ids: list[str]) -> list[str]:
    """The first ids, as many as fit into one message."""
    size, fit = 0, []
    for connection_id in ids:
        size += len(json.dumps(connection_id)) + 1
        if size > LONGEST_LIST:
            break
        fit.append(connection_id)
    return fit
