"""Earlier runs that were not cleaned up: no other begins beside them."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import datetime, timezone

from . import leftovers, run
from .account import Account, RefusedError

LONGEST_RUN_S = 4 * 3600


def clean_up(account: Account, yes: bool) -> None:
    """Removes what earlier runs left, if the user agrees; otherwise raises RefusedError."""
    here = {one.id: one for one in run.here(account)}
    for one in here.values():
        if run.is_under_way(one.folder):
            raise RefusedError(f"A proof started at {one.started} is running on this machine. Wait until it ends.")
    elsewhere = {left.run: left.started for left in leftovers.find(account) if left.started and left.run not in here}
    for one in here.values():
        _remove(one, yes)
    for name, started in elsewhere.items():
        _remove(run.Run(account, name, started), yes and not _may_be_under_way(started))


def _may_be_under_way(started: str) -> bool:
    """On another machine, of which nothing is known here."""
    if (datetime.now(timezone.utc) - datetime.fromisoformat(started.replace("Z", "+00:00"))).total_seconds() > LONGEST_RUN_S:
        return False
    print(f"\nA proof was started at {started} on another machine and may still be running there.", flush=True)
    return True


def _remove(left: run.Run, yes: bool) -> None:
    things = Counter(thing.kind for thing in leftovers.find(left.account, left.id))
    if things:
        print(f"\nA proof of {left.started} was not cleaned up: {', '.join(f'{n} {kind}' for kind, n in things.items())}.", flush=True)
        if not agree("Remove it?", yes):
            raise RefusedError("No proof can start until it is removed.")
    if left.folder.exists():
        left.prepare()
    left.destroy()
    if things:
        print("It is removed: nothing is found by its tag or by name.", flush=True)


def agree(question: str, yes: bool) -> bool:
    """Whether the user answers yes. `yes` answers in advance."""
    print(f"{question} yes (YES=1)\n" if yes else f"{question} [y/N] ", end="", flush=True)
    return yes or sys.stdin.readline().strip().lower() in ("y", "yes")
