"""The sweep: by its schedule, with the schedule's input, after an alarm, and after reports of senders."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from tools.clients import spread
from tools.deployment import Watch, until

from .trial import Act, Trial

TWO_HOURS_AND_MORE_MS = 8_000_000
SILENT_MS = 12 * 60_000  # past the idle time-out, so that the probe asks
A_WHILE_MS = 2 * 60_000  # old enough for a report, too young for the probe
SCHEDULED_WITHIN_S = 360  # five minutes, and Scheduler's precision
SWEPT_WITHIN_S = 240
LOOKED_WITHIN_S = 600  # then they are silent for long enough for the usual probe


def by_schedule(trial: Trial) -> None:
    with trial.step("the schedule's own sweeps"):
        sweeps = until(lambda: trial.on.lines("cleanup", "swept"), bool, SCHEDULED_WITHIN_S, 5)
    trial.saw("schedule", bool(sweeps), f"{len(sweeps)} sweeps so far, all by the schedule")


def sweep_lost(trial: Trial, why: str, share_old: float = 0, living: int = 1, meanwhile: dict[str, Act] | None = None) -> None:
    """Make a share of the connections lost for this reason older than 2 h and the rest silent, add silent ones that live, and sweep.

    `meanwhile`: what happens while the sweep waits to ask again.
    """
    lost = trial.lost[why]
    number = round(len(lost) * share_old)
    old, silent = lost[:number], lost[number:]
    alive = [f"lives/{i}" for i in range(living)]
    with Watch(trial.on) as watch:
        clients = watch.connect(alive)
        watch.wait_until_there(lost)
        ids = watch.ids(lost)
        _age(trial, watch, old, TWO_HOURS_AND_MORE_MS)
        _age(trial, watch, [*silent, *alive], SILENT_MS)
        asked_at = time.monotonic()
        trial.say(f"  a sweep; {len(old)} lost connections are made older than 2 h, {len(silent)} silent, as well as {living} that live")
        trial.on.sweep(wait=False)
        if meanwhile:
            trial.take(meanwhile)
            trial.say("\nThe sweep")
        with trial.step("until all that are lost are removed"):
            watch.wait_until_gone(lost, SWEPT_WITHIN_S)
        took = [watch.gone_at[name] - asked_at for name in lost if name in watch.gone_at]
        kept = len(watch.records.keys() & set(alive)) if all(client.is_open() for client in clients) else 0
        watch.leave(clients)
    causes = {key: lines[0].get("cause") for key, lines in trial.on.lines_about(set(ids.values()), which="cleanup").items()}
    if old:
        expired = sum(causes.get(ids.get(name, "")) == "expired" for name in old)
        trial.saw("expired", expired == len(old), f"{expired} of {len(old)} removed as expired")
    if silent:
        gone = sum(causes.get(ids.get(name, "")) == "gone" for name in silent)
        last = f"the last after {max(took, default=0):.1f} s"
        seen = f"{gone} of {len(silent)} dead ones removed as gone, {last}; {kept} of {living} living ones kept"
        trial.saw("probe", gone == len(silent) and kept == living, seen)


def look_at_once(trial: Trial) -> None:
    """The alarm on throttles starts a sweep, which removes the lost connections before the usual probe would ask about them."""
    lost = set(trial.lost["storm"])
    if not lost:
        trial.missed("look at once", "one execution at a time was enough: nothing was lost")
        return
    with Watch(trial.on) as watch, trial.step(f"an alarm, and a sweep at once: {len(lost)} are lost"):
        watch.wait_until_gone(lost, trial.patience("look at once", LOOKED_WITHIN_S))
        still = lost & watch.records.keys()
    trial.saw("look at once", not still, f"{len(lost) - len(still)} of {len(lost)} removed")


def report(trial: Trial, why: str, broadcast: Callable[..., dict[str, int]], living: int = 1) -> None:
    """A sender posts to lost and to living connections, and reports who is gone. `broadcast` is the sender's function."""
    lost, alive = trial.lost[why], [f"hears/{i}" for i in range(living)]
    with Watch(trial.on) as watch:
        clients = watch.connect(alive)
        watch.wait_until_there(lost)
        _age(trial, watch, [*lost, *alive], A_WHILE_MS)
        posted_at = time.monotonic()
        answer = broadcast(message="hello", connectionIds=list(watch.ids([*lost, *alive]).values()))
        gone = watch.wait_until_gone(lost)
        took = [watch.gone_at[name] - posted_at for name in lost if name in watch.gone_at]
        heard = sum(client.socket.recv(timeout=10) in ("hello", b"hello") for client in clients)
        kept = len(watch.records.keys() & set(alive))
        watch.leave(clients)
    held = answer == {"sent": living, "gone": len(lost), "failed": 0} and gone and heard == kept == living
    trial.saw("reported", held, f"the sender answered {answer}; removed {spread(took)} after the message; {kept} living kept")


def _age(trial: Trial, watch: Watch, names: Iterable[str], ms: int) -> None:
    trial.on.age([watch.records[name] for name in names if name in watch.records], ms)
