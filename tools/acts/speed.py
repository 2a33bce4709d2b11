"""Durations and memory, cold and warm, from Lambda's REPORT lines; and which lines the log levels let through."""

from __future__ import annotations

from statistics import median
from typing import Any

from tools.deployment import LINES_WITHIN_S, Deployment, Watch, until

from .trial import Trial

# What makes the function import boto3: EXTRAS of function/route_settings.py.
EXTRAS = ("RELATED_TABLES", "HISTORY_TABLE", "DUPLICATES", "EVENT_BUS")
COLD = 3  # starts of each kind
WARM = 10


def system_lines(trial: Trial) -> None:
    """Lambda's lines are left out as deployed; from here on they are written."""
    own = until(trial.on.lines, lambda lines: any("outcome" in line for line in lines), LINES_WITHIN_S)
    before = sum("type" in line for line in own)
    trial.on.set_log_levels("disconnect", SystemLogLevel="INFO")
    come_and_go(trial.on, "reported", 1)
    after = until(lambda: len(reports(trial)), bool, LINES_WITHIN_S)
    trial.saw("system log level", bool(own) and not before and after > 0, f"{before} lines as deployed, {after} reports when asked for")


def application_lines(trial: Trial) -> None:
    before = trial.on.set_log_levels("disconnect", ApplicationLogLevel="WARN")
    known = len(reports(trial))
    [connection_id] = come_and_go(trial.on, "not-logged", 1)
    ran = until(lambda: len(reports(trial)) > known, bool, LINES_WITHIN_S)
    logged = sum(line.get("connectionId") == connection_id for line in trial.on.lines())
    trial.on.configure("disconnect", **before)
    trial.saw("application log level", ran and not logged, f"{logged} INFO lines of an invocation that was reported")


def measure(trial: Trial) -> None:
    figures = {"with history, by boto3": _measure(trial, "history", ()), "without extras": _measure(trial, "plain", EXTRAS)}
    extras, plain = figures.values()
    off = sum(line.get("outcome") == "fast_path_off" for line in trial.on.lines())
    faster = all(0 < plain[name] < extras[name] for name in ("init ms", "warm ms"))
    seen = "; ".join(f"{name}: " + ", ".join(f"{what} {value}" for what, value in values.items()) for name, values in figures.items())
    trial.saw("speed", faster and not off, seen)


def _measure(trial: Trial, mode: str, without: tuple[str, ...]) -> dict[str, Any]:
    """Some cold starts, each with warm invocations after it."""
    requests: set[str] = set()
    for start in range(COLD):
        with trial.on.variables("disconnect", without, PROOF=str(start)):
            ids = come_and_go(trial.on, f"{mode}-{start}", 1 + WARM // COLD)
            requests |= {line["requestId"] for lines in trial.on.lines_about(set(ids)).values() for line in lines}
    found = until(lambda: reports(trial), lambda found: requests <= found.keys(), LINES_WITHIN_S)
    mine = [found[request] for request in requests & found.keys()]
    cold = [report for report in mine if "initDurationMs" in report]
    warm = [report["durationMs"] for report in mine if "initDurationMs" not in report]
    return {
        "cold starts": len(cold),
        "init ms": round(median([report["initDurationMs"] for report in cold] or [0])),
        "first ms": round(median([report["durationMs"] for report in cold] or [0])),
        "warm ms": round(median(warm or [0]), 1),
        "longest warm ms": round(max(warm or [0]), 1),
        "memory MB": max([report["maxMemoryUsedMB"] for report in mine] or [0]),
    }


def come_and_go(on: Deployment, name: str, clients: int) -> list[str]:
    """Clients leave one after the other, each when the record before is gone. Returns their ids."""
    with Watch(on) as watch:
        connected = watch.connect(f"{name}/{i}" for i in range(clients))
        ids = list(watch.ids(client.name for client in connected).values())
        for client in connected:
            watch.leave([client])
    return ids


def reports(trial: Trial) -> dict[str, dict[str, float]]:
    """The metrics of each REPORT line of the disconnect function, by request."""
    lines = [line["record"] for line in trial.on.lines() if line.get("type") == "platform.report"]
    return {record["requestId"]: record["metrics"] for record in lines}
