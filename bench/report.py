"""Results as a JSON file, a Markdown table and a plot, and what got worse since the committed ones."""

from __future__ import annotations

import json
import os
import platform
import ssl
import statistics
from collections.abc import Iterable
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

RESULTS = Path(__file__).resolve().parent / "results"
RUNTIME = "3.13"  # the module's default, as in Makefile


class Measure(NamedTuple):
    """`unit` times the raw value gives the shown one; a ratio above the committed one times `tolerance` is worse.

    `beyond`: the ratio is of what this module takes beyond an empty handler, which is the runtime client's share and in both.
    """

    label: str
    unit: float
    shown: str
    goal: float
    tolerance: float
    beyond: bool = False


MEASURES = {
    "cold": Measure("Cold start: INIT and first disconnect, CPU", 1e3, "{:.0f} ms", 0.19, 1.10),
    "instructions": Measure("Cold start, instructions", 1e-6, "{:.0f} M", 0.16, 1.02),
    "warm": Measure("Warm disconnect beyond an empty handler, CPU", 1e3, "{:.2f} ms", 0.13, 1.15, beyond=True),
    "warm_instructions": Measure("Warm disconnect beyond an empty handler, instructions", 1e-3, "{:.0f} k", 0.06, 1.02, beyond=True),
    "reconnect": Measure("First disconnect after an idle close, CPU", 1e3, "{:.1f} ms", 0.12, 1.15),
    "memory": Measure("Peak memory", 1e-6, "{:.1f} MB", 0.44, 1.03),
}


def machine() -> str:
    cpu = next(line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    packages = ", ".join(f"{name} {version(name)}" for name in ("boto3", "awslambdaric"))
    python = f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION.rsplit(' ', 3)[0]}"
    return f"{cpu}, {os.cpu_count()} cores, Linux {platform.release().partition('-')[0]}, {python}, {packages}"


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def summarise(samples: dict[str, list[dict[str, Any]]], counts: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Medians and quartiles of each measure, and of its ratio to the baseline's of the same round."""
    summary: dict[str, Any] = {}
    for name, rounds in samples.items():
        summary[name] = {measure: _spread(sample[measure] for sample in rounds) for measure in MEASURES if measure in rounds[0]}
        summary[name] |= {measure: _spread([count]) for measure, count in counts[name].items()}
        summary[name]["log_bytes"] = rounds[-1]["log_bytes"]
        summary[name]["wire"] = {phase: rounds[-1][phase] for phase in ("cold_wire", "warm_wire", "reconnect_wire") if phase in rounds[-1]}
    for name in ("package", "empty"):
        summary[name]["ratio"] = {}
        for measure, what in MEASURES.items():
            rows = {of: [s[measure] for s in ([counts[of]] if measure in counts[of] else samples[of]) if measure in s] for of in samples}
            if rows[name]:
                less = rows["empty"] if what.beyond and name == "package" else [0.0] * len(rows[name])
                ratios = [(own - empty) / base for own, empty, base in zip(rows[name], less, rows["baseline"], strict=True)]
                summary[name]["ratio"][measure] = _spread(ratios)
    return summary


def _spread(values: Iterable[float]) -> dict[str, float]:
    ordered = sorted(values)
    low, _, high = statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else ordered * 3
    return {"median": statistics.median(ordered), "low": low, "high": high}


def table(summary: dict[str, Any]) -> str:
    lines = [
        "| | goal | this module / baseline | quartiles | an empty handler | this module | baseline |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, measure in MEASURES.items():
        if name not in summary["package"]:
            continue
        ratio = summary["package"]["ratio"][name]
        empty = f"{summary['empty']['ratio'][name]['median']:.3f}" if name in summary["empty"]["ratio"] else "-"
        absolute = [measure.shown.format(summary[variant][name]["median"] * measure.unit) for variant in ("package", "baseline")]
        lines.append(
            f"| {measure.label} | ≤ {measure.goal:.2f} | **{ratio['median']:.3f}** | {ratio['low']:.3f}-{ratio['high']:.3f} "
            f"| {empty} | {absolute[0]} | {absolute[1]} |"
        )
    lines += ["", "| on the wire: sent, received, round trips | this module | baseline |", "|---|---|---|"]
    for phase, label in (("cold_wire", "cold start"), ("warm_wire", "warm disconnect"), ("reconnect_wire", "after an idle close")):
        cells = []
        for variant in ("package", "baseline"):
            wire = summary[variant]["wire"][phase]
            cells.append(f"{wire['received']:.0f} B, {wire['sent']:.0f} B, {wire['round_trips']:.0f}")  # the endpoint's view, turned round
        lines.append(f"| {label} | {cells[0]} | {cells[1]} |")
    if "system_calls" in summary["package"]:
        calls = {name: measures["system_calls"]["median"] for name, measures in summary.items()}
        beyond = [f"{calls[name] - calls['empty']:.1f}" for name in ("package", "baseline")]
        lines.append(f"| system calls of a warm disconnect beyond an empty handler's {calls['empty']:.1f} | {' | '.join(beyond)} |")
    return "\n".join(lines)


def overview() -> str:
    """The ratios of every Python that was measured, Lambda's default first."""
    results = {path.stem.removeprefix("speed-"): json.loads(path.read_text())["summary"] for path in RESULTS.glob("speed-*.json")}
    pythons = sorted(results, key=lambda version: (version != RUNTIME, *map(int, version.split("."))))
    lines = [
        f"| this module / baseline | goal | {' | '.join(f'Python {version}' for version in pythons)} |",
        "|---|---|" + "---|" * len(pythons),
    ]
    for name, measure in MEASURES.items():
        ratios = [results[version]["package"]["ratio"].get(name) for version in pythons]
        cells = [f"{ratio['median']:.3f}" if ratio else "-" for ratio in ratios]
        lines.append(f"| {measure.label} | ≤ {measure.goal:.2f} | **{cells[0]}** | {' | '.join(cells[1:])} |")
    return "\n".join(lines) + "\n"


def plot(summary: dict[str, Any], caption: str) -> str:
    """Bars of each measure as a share of the baseline's, with the goals as marks."""
    left, width, row = 350, 430, 58
    shown = [name for name in MEASURES if name in summary["package"]]
    height = 70 + row * len(shown)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 60} {height}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="16" y="24" font-size="15" font-weight="bold">What a disconnect costs, as a share of the same with boto3.resource</text>',
    ]
    for number, name in enumerate(shown):
        y = 44 + row * number
        parts.append(f'<text x="{left - 12}" y="{y + 22}" text-anchor="end">{MEASURES[name].label}</text>')
        for offset, variant, colour in ((0, "baseline", "#bbbbbb"), (14, "package", "#2166ac"), (28, "empty", "#92c5de")):
            if name not in summary[variant]:
                continue
            ratio = 1.0 if variant == "baseline" else summary[variant]["ratio"][name]["median"]
            parts.append(f'<rect x="{left}" y="{y + offset}" width="{width * ratio:.1f}" height="12" fill="{colour}"/>')
            beyond = MEASURES[name].goal if 0 < MEASURES[name].goal - ratio < 0.08 and variant == "package" else ratio  # not under the mark
            parts.append(f'<text x="{left + width * beyond + 5:.1f}" y="{y + offset + 11}" font-size="11">{ratio:.2f}</text>')
        x = left + width * MEASURES[name].goal
        parts.append(f'<path d="M{x:.1f} {y + 12}v16" stroke="#b2182b" stroke-width="2"/>')
    y = height - 14
    for x, colour, text in (
        (16, "#bbbbbb", "baseline"),
        (100, "#2166ac", "this module"),
        (200, "#92c5de", "an empty handler"),
        (330, "#b2182b", "goal"),
    ):
        parts.append(
            f'<rect x="{x}" y="{y - 10}" width="11" height="11" fill="{colour}"/><text x="{x + 16}" y="{y}" font-size="11">{text}</text>'
        )
    parts.append(f'<text x="{left + width + 50}" y="{y}" font-size="10" text-anchor="end" fill="#555555">{caption}</text></svg>')
    return "\n".join(parts) + "\n"


def save(name: str, value: Any) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(value if isinstance(value, str) else json.dumps(value, indent=1) + "\n")


def worse(summary: dict[str, Any], results: str) -> list[str]:
    """What is worse than in the committed results, in words."""
    committed = json.loads((RESULTS / f"{results}.json").read_text())["summary"]["package"]["ratio"]
    found = []
    for name, measure in MEASURES.items():
        ratio = summary["package"]["ratio"].get(name)
        if ratio and name in committed and ratio["median"] > committed[name]["median"] * measure.tolerance:
            found.append(f"{measure.label}: {ratio['median']:.3f} of the baseline, was {committed[name]['median']:.3f}")
    return found
