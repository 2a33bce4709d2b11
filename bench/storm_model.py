"""What a storm loses on Lambda: many connections end within seconds, each as a `$disconnect` that nobody repeats. Computed, not measured.

python -m bench.storm_model     from the speed results: bench/results/storm-model.md and .svg (a minute)

A loss system without a queue: an event takes an idle environment; else it starts one, if the limits let it; else it is lost. What
Lambda documents is in LIMITS, what is assumed in ASSUMED; both go below the table. The way by a queue is in storm_queue.py.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bench import bill, report, storm_queue
from bench.storm_queue import NEW_TABLE, WARM_TABLE, Queue

CONCURRENCY = 1000  # an account's in a region, unless raised
STARTS, STARTS_PER_S = 1000, 100.0  # environments that a function may start at once, and how fast that refills
REQUESTS_PER_ENVIRONMENT_S = 10  # of the concurrency, reserved or the account's: what a short function may be invoked
ENVIRONMENT_S = 0.1  # before INIT: the code is fetched, the process started
LIMITS = (
    "Documented: 1,000 concurrent executions by default, and ten times the concurrency as requests a second "
    "([quotas](https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html)); 1,000 more environments per 10 s and function, "
    "refilled continuously ([scaling](https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html)); API Gateway repeats no "
    "`$disconnect`, and a reservation is a limit too."
)
ASSUMED = (
    "Assumed: closes spread evenly over the time; no environment is warm when it begins; the account's concurrency is all free; requests "
    "are counted by whole seconds; 0.1 s pass before INIT; CPU times of this bench, at 256 MB's share of a CPU, INIT and the first "
    "disconnect at a whole one; DynamoDB answers in 5 ms and takes every write (a new on-demand table takes 4,000 a second)."
)
SIZES = (1_000, 10_000, 100_000, 1_000_000)
WITHIN_S = (1, 10, 60)
RESERVED = 100
# Of the sweep, as docs/sweep.md says.
FIRST_PER_S, MOST_PER_S, SAMPLE, LOOK_S, AGAIN_S = 10, 300, 10_000, 180, 30
EXPIRED_S = 7_800  # the 2 h limit, margin and one sweep
HEALED = (
    "*Table true again*: this module without a reservation, with `sweep.probe` and `monitoring`, every record naming its API and stage. "
    "The alarm comes within three minutes; then the sweep takes 10,000 at a time and asks about each twice, half a minute apart, at a rate "
    "that doubles each second from 10 to 300 and begins anew with each part. Without the probe it is two hours and ten minutes, which is "
    "the most in any case; reading the table is not counted. The baseline has nothing but the table's TTL, if it has one: "
    "[typically within two days](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html)."
)


class Storm(NamedTuple):
    closes: int
    within_s: int


STORMS = [Storm(size, within_s) for size in SIZES for within_s in WITHIN_S]


class Function(NamedTuple):
    """How long (s) an environment is taken by its first event, its start included, and by each later one."""

    cold: float
    warm: float


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
    """How long (s) after the storm the last lost record stays at most: nearly all answers are 410, so each is asked for again."""
    seconds, left, again = float(LOOK_S if lost else 0), lost, 0
    while left or again:  # a part of the sweep: those of the part before again, then a sample
        sample = min(left, SAMPLE)
        seconds += asking_s(again + sample) + (AGAIN_S if sample else 0)
        left, again = left - sample, sample
    return min(EXPIRED_S, seconds)


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


def table(columns: dict[str, dict[Storm, float]]) -> str:
    """`columns`: shares lost by heading, this module's without a reservation first."""
    lines = [f"| closes | within | {' | '.join(columns)} | table true again |", "|---|---|" + "---|" * (len(columns) + 1)]
    ours = next(iter(columns.values()))
    for storm in STORMS:
        cells = " | ".join(f"{shares[storm]:.1%}" for shares in columns.values())
        wait = true_again_s(round(ours[storm] * storm.closes))
        lines.append(f"| {storm.closes:,} | {storm.within_s} s | {cells} | {duration(wait)} |")
    return "\n".join(lines)


def queue_table(ours: Function, shares: dict[Storm, float]) -> str:
    """By the function and by the queue: what is lost, and when the table is true; then what the second depends on."""
    slow, steady = Function(ours.cold, 2 * ours.warm), WARM_TABLE._replace(more_per_s=1.0)
    columns: dict[str, tuple[Function, Queue]] = {
        f"a new table, {NEW_TABLE.batches} batches": (ours, NEW_TABLE),
        f"warm throughput, {WARM_TABLE.batches} batches": (ours, WARM_TABLE),
        "a new table, events twice as slow": (slow, NEW_TABLE),
        f"a new table, {WARM_TABLE.batches} batches": (ours, NEW_TABLE._replace(batches=WARM_TABLE.batches)),
        "warm throughput, 60 batches more a minute": (ours, steady),
    }
    lines = [
        f"| closes | within | by the function: lost | true again | by the queue: lost | true again: {' | true again: '.join(columns)} |",
        "|---|---|" + "---|" * (3 + len(columns)),
    ]
    for storm in STORMS:
        waits = (storm_queue.true_again_s(*storm, *function, queue) for function, queue in columns.values())
        direct = f"{shares[storm]:.1%} | {duration(true_again_s(round(shares[storm] * storm.closes)))}"
        lines.append(f"| {storm.closes:,} | {storm.within_s} s | {direct} | 0.0% | {' | '.join(map(duration, waits))} |")
    return "\n".join(lines)


def plot(title: str, columns: dict[str, dict[Storm, float]], marks: dict[str, float]) -> str:
    """A panel for each time that a storm takes: the columns' values over its size, on a scale up to the highest of the `marks`."""
    highest = max(marks.values()) * 1.02
    width, height, left, top = 250, 180, 52, 60
    axis = dict(zip(SIZES, ("1 k", "10 k", "100 k", "1 M"), strict=True))
    colours = ("#2166ac", "#b2182b", "#92c5de", "#f4a582")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + (width + 30) * len(WITHIN_S)} {top + height + 70}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="16" y="22" font-size="15" font-weight="bold">{title}</text>',
    ]
    for panel, within_s in enumerate(WITHIN_S):
        x0 = left + panel * (width + 30)
        step = width / (len(SIZES) - 1)
        parts.append(f'<text x="{x0}" y="{top - 10}">within {within_s} s</text>')
        for label, value in marks.items():
            y = top + height * (1 - value / highest)
            parts.append(f'<path d="M{x0} {y:.1f}h{width}" stroke="#dddddd"/>')
            if not panel:
                parts.append(f'<text x="{x0 - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
        for number, size in enumerate(SIZES):
            parts.append(
                f'<text x="{x0 + step * number:.1f}" y="{top + height + 18}" text-anchor="middle" font-size="10">{axis[size]}</text>'
            )
        for values, colour in zip(columns.values(), colours, strict=False):
            points = " ".join(
                f"{x0 + step * n:.1f},{top + height * (1 - values[Storm(size, within_s)] / highest):.1f}" for n, size in enumerate(SIZES)
            )
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
    for number, (heading, colour) in enumerate(zip(columns, colours, strict=False)):
        x, y = 16 + 220 * number, top + height + 52
        parts.append(
            f'<rect x="{x}" y="{y - 10}" width="11" height="11" fill="{colour}"/><text x="{x + 16}" y="{y}" font-size="11">{heading}</text>'
        )
    return "\n".join(parts) + "\n</svg>\n"


def main() -> None:
    ours, theirs = functions()["package"], functions()["baseline"]
    columns = {
        "this module": shares(ours),
        "baseline": shares(theirs),
        f"this module, {RESERVED} reserved": shares(ours, RESERVED),
        f"baseline, {RESERVED} reserved": shares(theirs, RESERVED),
    }
    slower = {
        f"{name}, cold start twice as long": shares(Function(2 * f.cold, f.warm))
        for name, f in (("this module", ours), ("baseline", theirs))
    }
    text, queued = table(columns | slower), queue_table(ours, columns["this module"])
    print(text, queued, sep="\n\n")
    times = ", ".join(
        f"{name} {f.cold * 1e3:.0f} ms cold and {f.warm * 1e3:.1f} ms warm" for name, f in (("this module", ours), ("baseline", theirs))
    )
    about = f"`python -m bench.storm_model`, from speed-{report.RUNTIME}.json: an environment is taken for {times}."
    report.save("storm-model.md", f"{text}\n\n{about}\n\n{LIMITS}\n\n{ASSUMED}\n\n{HEALED}\n")
    report.save("storm-queue.md", f"{queued}\n\n{storm_queue.LIMITS}\n\n{storm_queue.ASSUMED}\n")
    by_queue = {f"by the queue, {queue.writes_per_s:,} writes/s": queue for queue in (NEW_TABLE, WARM_TABLE)}
    waits = {"by the function": {storm: true_again_s(round(share * storm.closes)) for storm, share in columns["this module"].items()}}
    waits |= {name: {storm: storm_queue.true_again_s(*storm, *ours, queue) for storm in STORMS} for name, queue in by_queue.items()}
    report.save(
        "storm-model.svg", plot("Share of the closes that a storm loses, by its size", columns, {"0 %": 0, "50 %": 0.5, "100 %": 1})
    )
    logs = {name: {storm: math.log10(max(seconds, 1)) for storm, seconds in wait.items()} for name, wait in waits.items()}
    marks = {"1 s": 0, "10 s": 1, "1 min": math.log10(60), "10 min": math.log10(600), "2 h": math.log10(7200)}
    report.save("storm-queue.svg", plot("How long after a storm the table is true again, by its size", logs, marks))


if __name__ == "__main__":
    main()
