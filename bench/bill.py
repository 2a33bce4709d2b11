"""The bill, from what bench.speed and bench.sweep measured and AWS's public prices: `python -m bench.bill`.

Left out, because no function changes them: messages, connection minutes (shown for scale), data transfer, the free tier.
"""

from __future__ import annotations

import json
import math
from typing import Any

from bench import report
from bench.prices import (
    CONNECTION_MINUTE,
    EVENT,
    GB_SECOND,
    INFREQUENT_LOG_GB,
    LOG_GB,
    METRIC_MONTH,
    MILLION,
    PRICES_OF,
    QUEUE_REQUEST,
    READ_UNIT,
    REQUEST,
    SCHEDULE,
    WRITE_UNIT,
)
from bench.sweep import PAGE
from tools import markdown

# The model's assumptions.
MEMORY_MB = 256
CLEANUP_MEMORY_MB = 1024
MB_PER_CPU = 1769  # Lambda gives this much memory one vCPU, and less memory its share; INIT gets a whole one
COLD_SHARE = (
    0.01  # "typically under 1 % of invocations", https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/
)
DYNAMODB_MS = 5.0
LOG_EVENT_BYTES = 26  # what CloudWatch adds to each event
PLATFORM_BYTES = 85 + 55 + 135 + 3 * LOG_EVENT_BYTES  # START, END and REPORT in text format; the module's system_log_level leaves them out
WAITED_BYTES = len(',"waitedMs":12')
HOURS = 730
LIFETIME_MINUTES = 30.0
SWEEPS = HOURS * 12
PAGE_SECONDS = 0.05  # DynamoDB's, for a page of the sweep
SWEEP_METRICS = 9  # that the sweep publishes without the probe
POLLERS, POLL_SECONDS = 5, 20  # Lambda's long polling of an idle queue
CONNECTIONS = (1_000, 10_000, 100_000)


def durations_ms(measured: dict[str, Any]) -> tuple[float, float]:
    """How long a warm disconnect takes, and INIT with the first one."""
    warm = measured["warm"]["median"] * 1e3 * MB_PER_CPU / MEMORY_MB + DYNAMODB_MS
    return warm, measured["cold"]["median"] * 1e3 + DYNAMODB_MS


def disconnects(measured: dict[str, Any], platform_lines: bool, batch: int = 0) -> dict[str, float]:
    """USD for a million disconnects, by item; `batch`: how many an invocation takes from the queue, 0 without it."""
    warm_ms, cold_ms = map(math.ceil, durations_ms(measured))
    seconds = ((1 - COLD_SHARE) * warm_ms + COLD_SHARE * cold_ms) / 1e3
    line = measured["log_bytes"] + LOG_EVENT_BYTES + (PLATFORM_BYTES if platform_lines else 0) + (WAITED_BYTES if batch else 0)
    return {
        "requests": REQUEST * MILLION / (batch or 1),
        "compute": seconds * MEMORY_MB / 1024 * GB_SECOND * MILLION,
        "logs": line / 2**30 * LOG_GB * MILLION,
        "table": WRITE_UNIT * MILLION,
        "queue: sent each, received and deleted by the batch": QUEUE_REQUEST * MILLION * (1 + 2 / batch) if batch else 0.0,
    }


def sweeps(measured: list[dict[str, Any]], records: int) -> dict[str, float]:
    """USD a month for a sweep every five minutes; its CPU time grows with the records as measured."""
    quiet = [result for result in measured if not result["removed"]]
    first, last = quiet[0], quiet[-1]
    slope = (last["cpu"] - first["cpu"]) / (last["records"] - first["records"])
    read_units = records * first["read_units"] / first["records"]
    cpu = first["cpu"] + slope * (records - first["records"])
    seconds = cpu * MB_PER_CPU / CLEANUP_MEMORY_MB + math.ceil(records / PAGE) * PAGE_SECONDS
    return {
        "reads": max(read_units, 0.5) * READ_UNIT * SWEEPS,
        "compute": (seconds * CLEANUP_MEMORY_MB / 1024 * GB_SECOND + REQUEST) * SWEEPS,
        "schedule": SCHEDULE * SWEEPS,
    }


def fixed() -> dict[str, float]:
    """USD a month for a deployment that nobody uses."""
    return {"metrics": SWEEP_METRICS * METRIC_MONTH, "polling": POLLERS / POLL_SECONDS * HOURS * 3600 * QUEUE_REQUEST}


def overview(speed: dict[str, Any], sweep: list[dict[str, Any]]) -> str:
    """What a month costs in all, for README."""
    ours, theirs = (sum(disconnects(speed[name], name == "baseline").values()) for name in ("package", "baseline"))
    rows = []
    for connections in CONNECTIONS:
        millions = connections * HOURS * 60 / LIFETIME_MINUTES / MILLION
        costs = [millions * ours, sum(sweeps(sweep, connections).values()), sum(fixed().values())]
        rows.append([f"{connections:,}", f"{millions:.1f} M", *(f"{cost:,.2f}" for cost in (*costs, sum(costs), millions * theirs))])
    header = ("open connections", "disconnects", "removals", "sweep", "fixed", "**this module**", "plain function")
    note = (
        "USD a month. Fixed: nine metrics and the polling of the retry queue. Alarms (`monitoring`) add about 3, the probe's metrics 0.60."
    )
    return f"{markdown.table(header, rows)}\n\n{note}\n"


def announcements(offline: bool) -> dict[str, float]:
    """USD for a million announced ends of clients with one connection each, by item, besides what removing costs; without compute."""
    return {
        "events": (2 if offline else 1) * EVENT * MILLION,
        "reading the record": READ_UNIT * MILLION,
        "the index on clients: an entry written and removed, two queries": (2 * WRITE_UNIT + 2 * READ_UNIT / 2) * MILLION * offline,
        "the client's absence: written twice, read once": (2 * WRITE_UNIT + READ_UNIT) * MILLION * offline,
        "the check: a message sent, received and deleted": 3 * QUEUE_REQUEST * MILLION * offline,
        "the check: a request of the clean-up function": REQUEST * MILLION * offline,
    }


def announcement_table() -> str:
    plain, offline = announcements(offline=False), announcements(offline=True)
    lines = ["| a million announced ends, USD besides | `events = {}` | with `client_offline_after_seconds` |", "|---|---|---|"]
    lines += [f"| {item} | {plain[item]:.3f} | {offline[item]:.3f} |" for item in plain]
    lines += [f"| **in all** | **{sum(plain.values()):.2f}** | **{sum(offline.values()):.2f}** |"]
    return "\n".join(lines)


def tables(speed: dict[str, Any], sweep: list[dict[str, Any]]) -> str:
    ours, theirs = disconnects(speed["package"], platform_lines=False), disconnects(speed["baseline"], platform_lines=True)
    ways = [ours, *(disconnects(speed["package"], platform_lines=False, batch=batch) for batch in (10, 1))]
    lines = [
        "| a million disconnects, USD | this module | by the queue, ten at a time | by the queue, one at a time | baseline |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {item} | {' | '.join(f'{bill[item]:.3f}' for bill in [*ways, theirs])} |" for item in ours]
    lines += [f"| **in all** | {' | '.join(f'**{sum(bill.values()):.2f}**' for bill in [*ways, theirs])} |"]
    cheaper = {'… with `logs.level = "WARN"`, which writes no line for a disconnect': 1.0}
    cheaper['… with `logs.class = "INFREQUENT_ACCESS"`, whose lines make no metrics'] = 1 - INFREQUENT_LOG_GB / LOG_GB
    for what, saved in cheaper.items():
        costs = [sum(bill.values()) - saved * bill["logs"] for bill in ways]
        lines += [f"| {what} | {' | '.join(map('{:.2f}'.format, costs))} | - |"]
    lines += [""]
    lines += [
        "| a month, USD | disconnects | this module | baseline | sweep every 5 min | connection minutes, for scale |",
        "|---|---|---|---|---|---|",
    ]
    for connections in CONNECTIONS:
        number = connections * HOURS * 60 / LIFETIME_MINUTES
        costs = [number / MILLION * sum(bill.values()) for bill in (ours, theirs)] + [sum(sweeps(sweep, connections).values())]
        minutes = connections * HOURS * 60 * CONNECTION_MINUTE
        shown = " | ".join(f"{cost:,.2f}" for cost in [*costs, minutes])
        lines.append(f"| {connections:,} connections | {number / MILLION:.2f} M | {shown} |")
    return "\n".join([*lines, "", announcement_table()])


def main() -> None:
    speed = json.loads((report.RESULTS / f"speed-{report.RUNTIME}.json").read_text())["summary"]
    sweep = json.loads((report.RESULTS / "sweep.json").read_text())
    text = tables(speed, sweep)
    print(text)
    report.save("bill-overview.md", overview(speed, sweep))
    about = (
        f"Prices of {PRICES_OF}, us-east-1, without the free tier. {MEMORY_MB} MB, the sweep's function {CLEANUP_MEMORY_MB} MB, arm64, "
        f"{COLD_SHARE:.0%} cold starts, a connection lasts {LIFETIME_MINUTES:.0f} minutes, DynamoDB answers in {DYNAMODB_MS:.0f} ms; "
        f"CPU times are this bench's, not Graviton's."
    )
    report.save("bill.md", f"{text}\n\n{about} Made by `python -m bench.bill` from speed-{report.RUNTIME}.json and sweep.json.\n")


if __name__ == "__main__":
    main()
