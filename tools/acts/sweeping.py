"""The sweep: by its schedule, at once with the schedule's own input, after an alarm, and where senders report who is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from tools.clients import Client, open_clients, spread
from tools.deployment import Watch, until

from .trial import Trial

TWO_HOURS_AND_MORE_MS = 8_000_000
SILENT_MS = 12 * 60_000  # past the idle time-out: worth a question
A_WHILE_MS = 2 * 60_000  # old enough for a report, not silent for long enough to be a suspect
SCHEDULED_WITHIN_S = 360  # five minutes, and Scheduler's precision
SWEPT_WITHIN_S = 240
LOOKED_WITHIN_S = 600  # before they are silent for long enough to be suspects anyway


def by_schedule(trial: Trial) -> None:
    with trial.step("the schedule's own sweeps"):
        sweeps = until(lambda: trial.on.lines("cleanup", "swept"), bool, SCHEDULED_WITHIN_S, 5)
    trial.saw("schedule", bool(sweeps), f"{len(sweeps)} sweeps so far, all by the schedule")


def sweep_lost(trial: Trial, why: str, share_old: float = 0, living: int = 1) -> None:
    """Of those that were lost for this reason a share is made older than 2 h, the rest silent, and as silent some that live."""
    lost = trial.lost[why]
    number = round(len(lost) * share_old)
    old, silent = lost[:number], lost[number:]
    alive = [f"lives/{i}" for i in range(living)]
    with Watch(trial.on) as watch:
        clients = open_clients(trial.on.url, alive)
        watch.wait_until_there([*lost, *alive])
        ids = watch.ids(lost)
        age(trial, watch, old, TWO_HOURS_AND_MORE_MS)
        age(trial, watch, [*silent, *alive], SILENT_MS)
        asked_at = time.monotonic()
        with trial.step(f"a sweep: {len(old)} of the lost are made older than 2 h, {len(silent)} silent, and {living} that live too"):
            trial.on.sweep(wait=False)
            watch.wait_until_gone(lost, SWEPT_WITHIN_S)
        took = [watch.gone_at[name] - asked_at for name in lost if name in watch.gone_at]
        kept = len(watch.records.keys() & set(alive)) if all(client.is_open() for client in clients) else 0
        leave(watch, clients)
    trial.figures[f"sweep after {why}"] = took
    causes = {key: lines[0].get("cause") for key, lines in trial.on.lines_about(set(ids.values()), which="cleanup").items()}
    if old:
        expired = sum(causes.get(ids.get(name, "")) == "expired" for name in old)
        trial.saw("expired", expired == len(old), f"{expired} of {len(old)} removed as expired")
    if silent:
        gone = sum(causes.get(ids.get(name, "")) == "gone" for name in silent)
        last = f"the last after {max(took, default=0):.1f} s"
        seen = f"{gone} of {len(silent)} dead ones removed as gone, {last}; {kept} of {living} living ones kept"
        trial.saw("probe", gone == len(silent) and kept == living, seen)


def look_at_once(trial: Trial, why: str = "storm") -> None:
    """The alarm on throttles has the sweep look at once: young as they are, the lost go before the schedule would suspect them."""
    lost = set(trial.lost[why])
    if not lost:
        trial.missed("look at once", "one function at a time was enough: nothing was lost")
        return
    with Watch(trial.on) as watch, trial.step(f"an alarm, and a look at once: {len(lost)} are lost"):
        watch.wait_until_gone(lost, trial.patience("look at once", LOOKED_WITHIN_S))
        still = lost & watch.records.keys()
    trial.saw("look at once", not still, f"{len(lost) - len(still)} of {len(lost)} removed")


def report(trial: Trial, why: str, broadcast: Callable[..., dict[str, int]], living: int = 1) -> None:
    """A sender posts to those that were lost, and to some that live; it reports who is gone. `broadcast` is the sender's function."""
    lost, alive = trial.lost[why], [f"hears/{i}" for i in range(living)]
    with Watch(trial.on) as watch:
        clients = open_clients(trial.on.url, alive)
        watch.wait_until_there([*lost, *alive])
        age(trial, watch, [*lost, *alive], A_WHILE_MS)
        posted_at = time.monotonic()
        answer = broadcast(message="hello", connectionIds=list(watch.ids([*lost, *alive]).values()))
        gone = watch.wait_until_gone(lost)
        took = [watch.gone_at[name] - posted_at for name in lost if name in watch.gone_at]
        heard = sum(client.socket.recv(timeout=10) in ("hello", b"hello") for client in clients)
        kept = len(watch.records.keys() & set(alive))
        leave(watch, clients)
    trial.figures["reported"] = took
    held = answer == {"sent": living, "gone": len(lost), "failed": 0} and gone and heard == kept == living
    trial.saw("reported", held, f"answered {answer}, removed {spread(took) if took else 'none'} after the message, {kept} living kept")


def age(trial: Trial, watch: Watch, names: Iterable[str], ms: int) -> None:
    trial.on.age([watch.records[name] for name in names if name in watch.records], ms)


def leave(watch: Watch, clients: list[Client]) -> None:
    for client in clients:
        client.close()
    watch.wait_until_gone([client.name for client in clients])
