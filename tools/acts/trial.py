"""One run of acts on a deployment: it prints what happens, and keeps the verdict of each claim."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from tools import program
from tools.deployment import Deployment

from .claims import BROKEN, CLAIMS, HELD, LOCAL_CLAIMS, UNSEEN

Act = Callable[["Trial"], None]


class Trial:
    say, step = staticmethod(program.say), staticmethod(program.step)

    def __init__(self, on: Deployment, each: int = 5) -> None:
        self.on = on
        self.each = each  # how many connections end in each way; crowds are multiples of it
        self.claims = {**CLAIMS, **LOCAL_CLAIMS}
        self.verdicts: dict[str, tuple[str, str]] = {}  # claim -> verdict, what was seen
        self.failed: dict[str, str] = {}  # acts that raised an error, and why
        # What one act leaves to a later one.
        self.ended: dict[str, list[str]] = {}  # ids of connections, by how they ended
        self.lost: dict[str, list[str]] = {}  # names of clients whose records stayed, by the reason

    def saw(self, claim: str, held: bool, seen: str) -> None:
        if self.verdicts.get(claim, (UNSEEN,))[0] != BROKEN:  # a later act does not repair it
            self.verdicts[claim] = (HELD if held else BROKEN, seen)
        self.say(f"  {'ok    ' if held else 'BROKEN'}  {self.claims[claim].says}: {seen}")

    def missed(self, claim: str, why: str) -> None:
        self.verdicts[claim] = (UNSEEN, why)
        self.say(f"  -       {self.claims[claim].says}: not observed, {why}")

    def patience(self, claim: str, seconds: float) -> float:
        """How long to wait for something that should happen within so many seconds."""
        return seconds if self.can_tell(claim) else 0

    def can_tell(self, claim: str) -> bool:
        """Whether this deployment can show the claim."""
        return True

    @property
    def broken(self) -> list[str]:
        claims = [f"{self.claims[name].says}: {seen}" for name, (verdict, seen) in self.verdicts.items() if verdict == BROKEN]
        return [*claims, *(f"{act}: {why}" for act, why in self.failed.items())]

    def take(self, acts: dict[str, Act]) -> None:
        """Run each act, also after one that failed."""
        for title, act in acts.items():
            self.say(f"\n{title}")
            try:
                act(self)
            except Exception as problem:
                traceback.print_exc(file=sys.stdout)
                self.failed[title] = f"{type(problem).__name__}: {problem}"
