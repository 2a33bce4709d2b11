"""What this module costs, computed from the measurements of bench and AWS's public prices: `python -m bench.bill`.

Not included, because they do not depend on the module: messages, connection minutes (shown for comparison), data transfer, the free tier.
"""

from __future__ import annotations

import json
import math
from typing import Any

from bench import report
from bench.sweep import PAGE
from tools import prices, program
from tools.prices import MILLION

# The model's assumptions.
MEMORY_MB = 256
CLEANUP_MEMORY_MB = 1024
MB_PER_CPU = 1769  # Lambda gives one vCPU for this much memory, and less in proportion; INIT gets a whole one
COLD_SHARE = 0.01  # AWS: "typically under 1 % of invocations" (blog post on billing of the INIT phase)
DYNAMODB_MS = 5.0
LOG_EVENT_BYTES = 26  # what CloudWatch adds to each event
PLATFORM_BYTES = 85 + 55 + 135 + 3 * LOG_EVENT_BYTES  # START, END and REPORT as text; the module's system_log_level leaves them out
WAITED_BYTES = len(',"waitedMs":12')
HOURS = 730
LIFETIME_MINUTES = 30.0
SWEEPS = HOURS * 12
PAGE_SECONDS = 0.05  # DynamoDB's time for a page of the sweep
SWEEP_METRICS = 9  # published by a sweep without the probe
POLLERS, POLL_SECONDS = 5, 20  # Lambda's long polling of an idle queue
CONNECTIONS = (1_000, 10_000, 100_000)

# The worst that clients without a name can cause: they connect and leave as fast as API Gateway allows, with the longest user agent kept.
CONNECTIONS_PER_SECOND = 500  # an account's default quota in a region
A_DAY = CONNECTIONS_PER_SECOND * 86_400
# An item of the history: user agent, client and address, ids and stage, cause and close reason, five numbers, the attributes' names.
ITEM_BYTES = 256 + 72 + 52 + 51 + 65 + 86


def durations_ms(measured: dict[str, Any]) -> tuple[float, float]:
    """How long a warm disconnect takes, and how long INIT and the first disconnect take together."""
    warm = measured["warm"]["median"] * 1e3 * MB_PER_CPU / MEMORY_MB + DYNAMODB_MS
    return warm, measured["cold"]["median"] * 1e3 + DYNAMODB_MS


def disconnects(measured: dict[str, Any], platform_lines: bool, batch: int = 0) -> dict[str, float]:
    """USD for a million disconnects, by item. `batch`: messages per invocation with the queue; 0 = no queue."""
    warm_ms, cold_ms = map(math.ceil, durations_ms(measured))
    seconds = ((1 - COLD_SHARE) * warm_ms + COLD_SHARE * cold_ms) / 1e3
    line = measured["log_bytes"] + LOG_EVENT_BYTES + (PLATFORM_BYTES if platform_lines else 0) + (WAITED_BYTES if batch else 0)
    return {
        "requests": prices.REQUEST * MILLION / (batch or 1),
        "compute": seconds * MEMORY_MB / 1024 * prices.GB_SECOND * MILLION,
        "logs": line / 2**30 * prices.LOG_GB * MILLION,
        "table": prices.WRITE_UNIT * MILLION,
        "queue: sent each, received and deleted by the batch": prices.QUEUE_REQUEST * MILLION * (1 + 2 / batch) if batch else 0.0,
    }


def sweeps(measured: list[dict[str, Any]], records: int) -> float:
    """USD a month for a sweep every five minutes. Its CPU time grows with the records as measured."""
    quiet = [result for result in measured if not result["removed"]]
    first, last = quiet[0], quiet[-1]
    slope = (last["cpu"] - first["cpu"]) / (last["records"] - first["records"])
    read_units = records * first["read_units"] / first["records"]
    cpu = first["cpu"] + slope * (records - first["records"])
    seconds = cpu * MB_PER_CPU / CLEANUP_MEMORY_MB + math.ceil(records / PAGE) * PAGE_SECONDS
    compute = seconds * CLEANUP_MEMORY_MB / 1024 * prices.GB_SECOND + prices.REQUEST
    per_sweep: float = max(read_units, 0.5) * prices.READ_UNIT + compute + prices.SCHEDULE
    return per_sweep * SWEEPS


def overview(speed: dict[str, Any], sweep: list[dict[str, Any]]) -> str:
    """What a month costs in all, for README."""
    ours, theirs = (sum(disconnects(speed[name], name == "baseline").values()) for name in ("package", "baseline"))
    fixed = SWEEP_METRICS * prices.METRIC_MONTH + POLLERS / POLL_SECONDS * HOURS * 3600 * prices.QUEUE_REQUEST
    rows = []
    for connections in CONNECTIONS:
        millions = connections * HOURS * 60 / LIFETIME_MINUTES / MILLION
        costs = [millions * ours, sweeps(sweep, connections), fixed]
        rows.append([f"{connections:,}", f"{millions:.1f} M", *(f"{cost:,.2f}" for cost in (*costs, sum(costs), millions * theirs))])
    header = ("open connections", "disconnects", "removals", "sweep", "fixed", "**this module**", "plain function")
    note = (
        "USD a month. Fixed: nine metrics and the polling of the retry queue. Alarms (`monitoring`) add about 3, the probe's metrics 0.60."
    )
    return f"{program.table(header, rows)}\n\n{note}\n"


def announcements(offline: bool) -> dict[str, float]:
    """USD that a million announcements add, by item, for clients with one connection each; without compute."""
    read, write, queue = (price * MILLION for price in (prices.READ_UNIT, prices.WRITE_UNIT, prices.QUEUE_REQUEST))
    return {
        "events": (2 if offline else 1) * prices.EVENT * MILLION,
        "reading the record": read,
        "the index on clients: an entry written and removed, two queries": (2 * write + read) * offline,
        "the client's absence: written twice, read once": (2 * write + read) * offline,
        "the check: a message sent, received and deleted": 3 * queue * offline,
        "the check: a request of the clean-up function": prices.REQUEST * MILLION * offline,
    }


def tables(speed: dict[str, Any]) -> str:
    theirs = disconnects(speed["baseline"], platform_lines=True)
    ways = [disconnects(speed["package"], platform_lines=False, batch=batch) for batch in (0, 10, 1)]
    rows = [[item, *(f"{bill[item]:.3f}" for bill in [*ways, theirs])] for item in theirs]
    rows.append(["**in all**", *(f"**{sum(bill.values()):.2f}**" for bill in [*ways, theirs])])
    cheaper = {
        '… with `logs.level = "WARN"`, which writes no line for a disconnect': 1.0,
        '… with `logs.class = "INFREQUENT_ACCESS"`, whose lines make no metrics': 1 - prices.INFREQUENT_LOG_GB / prices.LOG_GB,
    }
    for what, saved in cheaper.items():
        rows.append([what, *(f"{sum(bill.values()) - saved * bill['logs']:.2f}" for bill in ways), "-"])
    header = ["a million disconnects, USD", "this module", "by the queue, ten at a time", "by the queue, one at a time", "baseline"]
    by_item = program.table(header, rows)
    plain, offline = announcements(offline=False), announcements(offline=True)
    rows = [[item, f"{plain[item]:.3f}", f"{offline[item]:.3f}"] for item in plain]
    rows.append(["**in all**", f"**{sum(plain.values()):.2f}**", f"**{sum(offline.values()):.2f}**"])
    header = ["a million announced ends, USD besides", "`events = {}`", "with `client_offline_after_seconds`"]
    return f"{by_item}\n\n{program.table(header, rows)}"


def abuse(measured: dict[str, Any]) -> str:
    """What clients that connect and leave all day cost, by what is on."""
    plain = disconnects(measured, platform_lines=False)
    removal = sum(plain.values())
    writes = 2 * math.ceil(ITEM_BYTES / 1024)  # the item, and its copy in the index
    history = (prices.READ_UNIT + writes * prices.WRITE_UNIT) * MILLION
    offline = sum(announcements(offline=True).values())
    per_million = {
        "nothing but the removal": removal,
        '… with `logs.level = "WARN"`': removal - plain["logs"],
        "`history = {}`": removal + history,
        "`events` with `client_offline_after_seconds`": removal + offline,
        "both": removal + history + offline,
        "API Gateway's connection minutes, one each": prices.CONNECTION_MINUTE * MILLION,
    }
    rows = [[option, f"{usd * A_DAY / MILLION:,.0f}"] for option, usd in per_million.items()]
    lines, items = (size * A_DAY / 2**30 for size in (measured["log_bytes"] + LOG_EVENT_BYTES, 2 * ITEM_BYTES))
    return (
        f"{program.table(('a day at 500 connections a second', 'USD'), rows)}\n\n"
        f"{A_DAY / MILLION:.1f} million connections; {lines:,.0f} GB of log lines, {items:,.0f} GB of history (an item of "
        f"{ITEM_BYTES} bytes, in the table and in its index). Prices of {prices.PRICES_OF}, us-east-1. Made by `python -m bench.bill` "
        f"from speed-{report.RUNTIME}.json.\n"
    )


def main() -> None:
    speed = json.loads((report.RESULTS / f"speed-{report.RUNTIME}.json").read_text())["summary"]
    sweep = json.loads((report.RESULTS / "sweep.json").read_text())
    text = tables(speed)
    print(text)
    about = (
        f"Prices of {prices.PRICES_OF}, us-east-1, without the free tier. {MEMORY_MB} MB, "
        f"arm64, {COLD_SHARE:.0%} cold starts, a connection lasts {LIFETIME_MINUTES:.0f} minutes, DynamoDB answers in "
        f"{DYNAMODB_MS:.0f} ms; CPU times are this bench's, not Graviton's."
    )
    report.save("bill.md", f"{text}\n\n{about} Made by `python -m bench.bill` from speed-{report.RUNTIME}.json.\n")
    report.save("bill-overview.md", overview(speed, sweep))
    report.save("abuse.md", abuse(speed["package"]))


if __name__ == "__main__":
    main()
