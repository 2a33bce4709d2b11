"""Results as JSON and Markdown."""

from __future__ import annotations

import json
import os
import platform
import ssl
import statistics
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from tools import program

RESULTS = Path(__file__).resolve().parent / "results"
RUNTIME = "3.13"  # the module's default, as in Makefile
OTHERS = {"client": "`boto3.client`", "empty": "empty handler"}


class Measure(NamedTuple):
    """`unit` times the raw value gives the shown one. `beyond`: the ratio leaves out an empty handler's share, the runtime client."""

    label: str
    unit: float
    shown: str
    goal: float
    beyond: bool = False


MEASURES = {
    "cold": Measure("Cold start: INIT and first disconnect, CPU", 1e3, "{:.0f} ms", 0.19),
    "instructions": Measure("Cold start, instructions", 1e-6, "{:.0f} M", 0.16),
    "warm": Measure("Warm disconnect beyond an empty handler, CPU", 1e3, "{:.2f} ms", 0.13, beyond=True),
    "warm_instructions": Measure("Warm disconnect beyond an empty handler, instructions", 1e-3, "{:.0f} k", 0.06, beyond=True),
    "reconnect": Measure("First disconnect after an idle close, CPU", 1e3, "{:.1f} ms", 0.12),
    "dropped": Measure("First disconnect after a freeze that dropped the connection, CPU", 1e3, "{:.1f} ms", 0.12),
    "memory": Measure("Peak memory", 1e-6, "{:.1f} MB", 0.44),
}
PHASES = {
    "cold_wire": "cold start",
    "warm_wire": "warm disconnect",
    "reconnect_wire": "after an idle close",
    "dropped_wire": "after a freeze",
}


def machine() -> str:
    cpu = next(line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    packages = ", ".join(f"{name} {version(name)}" for name in ("boto3", "awslambdaric"))
    python = f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION.rsplit(' ', 3)[0]}"
    return f"{cpu}, {os.cpu_count()} cores, Linux {platform.release().partition('-')[0]}, {python}, {packages}"


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def summarise(samples: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Medians and quartiles of each measure, and of its ratio to the baseline's of the same round."""
    summary: dict[str, Any] = {}
    for name, rounds in samples.items():
        measured = [measure for measure in MEASURES if measure in rounds[0]]
        summary[name] = {measure: _spread(sample[measure] for sample in rounds) for measure in measured}
        summary[name]["log_bytes"] = rounds[-1]["log_bytes"]
        summary[name]["wire"] = {phase: rounds[-1][phase] for phase in PHASES if phase in rounds[-1]}
        if name != "baseline":
            pairs = list(zip(rounds, samples["empty"], samples["baseline"], strict=True))
            less = {measure: MEASURES[measure].beyond and name != "empty" for measure in measured}
            summary[name]["ratio"] = {
                measure: _spread((own[measure] - less[measure] * empty.get(measure, 0)) / base[measure] for own, empty, base in pairs)
                for measure in measured
            }
    return summary


def _spread(values: Iterable[float]) -> dict[str, float]:
    ordered = sorted(values)
    low, _, high = statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else ordered * 3
    return {"median": statistics.median(ordered), "low": low, "high": high}


def table(summary: dict[str, Any]) -> str:
    """Every measure as a share of the baseline's; then what went over the wire."""
    rows: list[Sequence[str]] = []
    for name, ratio in summary["package"]["ratio"].items():
        measure = MEASURES[name]
        others = [f"{summary[variant]['ratio'][name]['median']:.3f}" if name in summary[variant]["ratio"] else "-" for variant in OTHERS]
        absolute = [measure.shown.format(summary[variant][name]["median"] * measure.unit) for variant in ("package", "baseline")]
        quartiles = f"{ratio['low']:.3f}-{ratio['high']:.3f}"
        rows.append((measure.label, f"≤ {measure.goal:.2f}", f"**{ratio['median']:.3f}**", quartiles, *others, *absolute))
    header = ("Share of `boto3.resource`", "goal", "this module", "quartiles", *OTHERS.values(), "this module", "`boto3.resource`")
    shares, rows = program.table(header, rows), []
    for phase in summary["package"]["wire"]:
        wires = [summary[variant]["wire"][phase] for variant in ("package", "baseline")]
        # The endpoint's view, turned round.
        rows.append([PHASES[phase], *(f"{wire['received']:.0f} B, {wire['sent']:.0f} B, {wire['round_trips']:.0f}" for wire in wires)])
    return f"{shares}\n\n{program.table(('Sent, received, round trips', 'this module', '`boto3.resource`'), rows)}"


def run(
    name: str, doc: str | None, default: list[int], measure: Callable[[int], Iterable[dict[str, Any]]], shapes: dict[str, str], about: str
) -> None:
    """A program that measures for each of its arguments, or for the default ones, and then writes the results.

    `shapes`: by heading, how a result's values are formatted; `megabytes` is its peak memory.
    """
    parser = program.arguments(doc)
    parser.add_argument("sizes", nargs="*", type=int, metavar="NUMBER")
    sizes = parser.parse_args().sizes
    results = []

    def table(results: list[dict[str, Any]]) -> str:
        rows = ([shape.format(**result, megabytes=result["peak"] / 1e6) for shape in shapes.values()] for result in results)
        return program.table(shapes, rows)

    for size in sizes or default:
        for result in measure(size):
            results.append(result)
            print(table([result]), flush=True)
    if not sizes:
        save(f"{name}.json", results)
        save(f"{name}.md", f"{table(results)}\n\n{now()}, `python -m bench.{name}`: {about}. {machine()}.\n")


def save(name: str, value: Any) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(value if isinstance(value, str) else json.dumps(value, indent=1) + "\n")
