"""What a storm loses on Lambda: many connections end within seconds, and no `$disconnect` is repeated. Computed, not measured.

python -m bench.storm_model     from the speed results: bench/results/storm-model.md and .svg (a minute)

Without the queue, an event takes an idle environment; otherwise it starts one, if the limits allow; otherwise it is lost. With
`delivery = "queue"`, SQS takes every event, and Lambda's event source mapping works it off. docs/storms.md says which limits are documented
and what is assumed.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from bench import bill, report
from tools import program

CONCURRENCY = 1000  # an account's in a region, unless raised
STARTS, STARTS_PER_S = 1000, 100.0  # environments that a function may start at once, and how fast that refills
REQUESTS_PER_ENVIRONMENT_S = 10  # of the concurrency, reserved or the account's: what a short function may be invoked
ENVIRONMENT_S = 0.1  # before INIT: the code is fetched, the process started
SIZES = (1_000, 10_000, 100_000, 1_000_000)
WITHIN_S = (1, 10, 60)
RESERVED = 100
# Of the sweep, as docs/sweep.md says.
FIRST_PER_S, MOST_PER_S, SAMPLE, LOOK_S, AGAIN_S = 10, 300, 10_000, 180, 45
EXPIRED_S = 7_800  # the 2 h limit, margin and one sweep

FIRST, MORE_PER_S = 5, 300 / 60  # batches at a time, and how many more each second
VISIBILITY_S = 60  # six times the function's time-out of 10 s
STEP_S = 0.05


class Storm(NamedTuple):
    closes: int
    within_s: int


STORMS = [Storm(size, within_s) for size in SIZES for within_s in WITHIN_S]


class Function(NamedTuple):
    """How long (s) an environment is taken by its first event, its start included, and by each later one."""

    cold: float
    warm: float


class Queue(NamedTuple):
    """How many batches at a time, how many writes a second the table takes, how fast (a second) batches are added."""

    batches: int
    writes_per_s: float
    more_per_s: float = MORE_PER_S


NEW_TABLE = Queue(batches=35, writes_per_s=4_000)  # disconnect_queue.maximum_concurrency's default
WARM_TABLE = Queue(batches=300, writes_per_s=40_000)


def lost(arrivals: Iterable[float], function: Function, concurrency: int, warm: int = 0) -> int:
    """How many of the events, whose times (s) ascend, find neither an idle environment nor leave to start one; `warm` are there already."""
    first: deque[float] = deque()  # when the environments at work will be idle: those in their first event, in the order of their start,
    later: deque[float] = deque()  # and the others
    idle = environments = warm
    starts, refilled = float(STARTS), 0.0
    second, invoked, gone = 0, 0, 0
    for now in arrivals:
        for ends in (first, later):
            while ends and ends[0] <= now:
                ends.popleft()
                idle += 1
        if int(now) != second:
            second, invoked = int(now), 0
        starts, refilled = min(STARTS, starts + (now - refilled) * STARTS_PER_S), now
        if invoked >= concurrency * REQUESTS_PER_ENVIRONMENT_S:
            gone += 1
        elif idle:
            idle -= 1
            invoked += 1
            later.append(now + function.warm)
        elif environments < concurrency and starts >= 1:
            environments += 1
            starts -= 1
            invoked += 1
            first.append(now + function.cold)
        else:
            gone += 1
    return gone


def evenly(number: int, within_s: float) -> Iterator[float]:
    return (within_s * position / number for position in range(number))


def asking_s(number: int) -> float:
    """How long (s) a sweep asks about so many connections: the rate begins low and doubles with each second of prompt answers."""
    rate, seconds, left = FIRST_PER_S, 0.0, float(number)
    while rate < MOST_PER_S and left > rate:
        seconds, left, rate = seconds + 1, left - rate, min(rate * 2, MOST_PER_S)
    return seconds + left / rate


def true_again_s(lost: int) -> float:
    """How long (s) after the storm the last lost record stays at most: each is asked about again."""
    seconds, left, again = float(LOOK_S if lost else 0), lost, 0
    while left or again:  # a part of the sweep: those of the part before again, then a sample
        sample = min(left, SAMPLE)
        seconds += asking_s(again + sample) + (AGAIN_S if sample else 0)
        left, again = left - sample, sample
    return min(EXPIRED_S, seconds)


def true_by_queue_s(closes: int, within_s: float, cold: float, warm: float, queue: Queue) -> float:
    """How long (s) after the last of so many closes the table is true."""
    now, left, done = 0.0, 0.0, 0.0
    back: deque[tuple[float, float]] = deque()  # when throttled messages come back, and how many
    while done < closes - 0.5:
        left += max(0.0, min(STEP_S, within_s - now)) * closes / within_s
        while back and back[0][0] <= now:
            left += back.popleft()[1]
        batches = min(queue.batches, FIRST + queue.more_per_s * max(0.0, now - cold)) if now >= cold else 0
        tried = min(left, batches / warm * STEP_S)
        removed = min(tried, queue.writes_per_s * STEP_S)
        if tried > removed:
            back.append((now + VISIBILITY_S, tried - removed))
        left, done, now = left - tried, done + removed, now + STEP_S
    return max(0.0, now - within_s)


def functions() -> dict[str, Function]:
    summary = json.loads((report.RESULTS / f"speed-{report.RUNTIME}.json").read_text())["summary"]
    times = {name: bill.durations_ms(summary[name]) for name in ("package", "baseline")}
    return {name: Function(ENVIRONMENT_S + cold / 1e3, warm / 1e3) for name, (warm, cold) in times.items()}


def shares(function: Function, concurrency: int = CONCURRENCY) -> dict[Storm, float]:
    """The share lost of each storm."""
    return {storm: lost(evenly(*storm), function, concurrency) / storm.closes for storm in STORMS}


def duration(seconds: float) -> str:
    if seconds < 1:
        return "at once"
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def table(header: Iterable[str], cells: Callable[[Storm], Iterable[str]]) -> str:
    rows = ((f"{storm.closes:,}", f"{storm.within_s} s", *cells(storm)) for storm in STORMS)
    return program.table(("closes", "within", *header), rows)


def queue_table(ours: Function, lost: dict[Storm, float]) -> str:
    """By the function and by the queue: what is lost, and when the table is true; then what the second depends on."""
    columns: dict[str, tuple[Function, Queue]] = {
        f"a new table, {NEW_TABLE.batches} batches": (ours, NEW_TABLE),
        f"warm throughput, {WARM_TABLE.batches} batches": (ours, WARM_TABLE),
        "a new table, events twice as slow": (Function(ours.cold, 2 * ours.warm), NEW_TABLE),
        f"a new table, {WARM_TABLE.batches} batches": (ours, NEW_TABLE._replace(batches=WARM_TABLE.batches)),
        "warm throughput, 60 batches more a minute": (ours, WARM_TABLE._replace(more_per_s=1.0)),
    }
    header = ("by the function: lost", "true again", "by the queue: lost", *(f"true again: {name}" for name in columns))

    def cells(storm: Storm) -> Iterable[str]:
        waits = (true_by_queue_s(*storm, *function, queue) for function, queue in columns.values())
        return (f"{lost[storm]:.1%}", duration(wait_s(lost, storm)), "0.0%", *map(duration, waits))

    return table(header, cells)


def wait_s(shares: dict[Storm, float], storm: Storm) -> float:
    """How long (s) after a storm the sweep has removed what the function lost."""
    return true_again_s(round(shares[storm] * storm.closes))


def drawn(title: str, unit: str, columns: dict[str, dict[Storm, float]]) -> str:
    """A panel for each time that a storm takes: each column's values over the storm's size; an SVG picture. Seconds are logarithmic."""
    from matplotlib.figure import Figure  # only bench's requirements have it

    from tools import picture

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    panels = figure.subplots(1, len(WITHIN_S), sharey=True)
    for axes, within_s in zip(panels, WITHIN_S, strict=True):
        for name, values in columns.items():
            shown = [max(values[Storm(size, within_s)], 1 if unit == "seconds" else 0) for size in SIZES]
            axes.plot([f"{size:,}" for size in SIZES], shown, marker=".", label=name)
        axes.set_title(f"within {within_s} s", loc="left")
        axes.grid(axis="y", color="#dddddd")
    if unit == "seconds":
        panels[0].set_yscale("log")
        for axes in panels:
            axes.minorticks_off()
        panels[0].set_yticks([1, 10, 60, 600, 7200], ["1 s", "10 s", "1 min", "10 min", "2 h"])
    else:
        panels[0].set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    figure.suptitle(title)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(columns))
    return picture.svg(figure)


def main() -> None:
    ours, theirs = functions()["package"], functions()["baseline"]
    columns = {
        "this module": shares(ours),
        "baseline": shares(theirs),
        f"this module, {RESERVED} reserved": shares(ours, RESERVED),
        f"baseline, {RESERVED} reserved": shares(theirs, RESERVED),
    }
    named = {"this module": ours, "baseline": theirs}
    slower = {f"{name}, cold start twice as long": shares(Function(2 * f.cold, f.warm)) for name, f in named.items()}
    shown, share = columns | slower, columns["this module"]
    text = table(
        (*shown, "table true again"),
        lambda storm: (*(f"{its[storm]:.1%}" for its in shown.values()), duration(wait_s(share, storm))),
    )
    queued = queue_table(ours, share)
    print(text, queued, sep="\n\n")
    times = ", ".join(f"{name} {f.cold * 1e3:.0f} ms cold and {f.warm * 1e3:.1f} ms warm" for name, f in named.items())
    about = f"`python -m bench.storm_model`, from speed-{report.RUNTIME}.json: an environment is busy for {times}."
    report.save("storm-model.md", f"{text}\n\n{about}\n")
    report.save("storm-queue.md", f"{queued}\n")
    by_queue = {f"by the queue, {queue.writes_per_s:,} writes/s": queue for queue in (NEW_TABLE, WARM_TABLE)}
    waits = {"by the function": {storm: wait_s(share, storm) for storm in STORMS}}
    waits |= {name: {storm: true_by_queue_s(*storm, *ours, queue) for storm in STORMS} for name, queue in by_queue.items()}
    report.save("storm-model.svg", drawn("Share of the closes that a storm loses, by its size", "lost", columns))
    report.save("storm-queue.svg", drawn("How long after a storm the table is true again, by its size", "seconds", waits))


if __name__ == "__main__":
    main()
