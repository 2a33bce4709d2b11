"""The bench's pictures, drawn by matplotlib."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from bench.report import MEASURES
from tools import picture

BARS = (
    ("baseline", "boto3.resource", "#bbbbbb"),
    ("client", "boto3.client", "#f4a582"),
    ("package", "this module", "#2166ac"),
    ("empty", "an empty handler", "#92c5de"),
)


def speed(summary: dict[str, Any], caption: str) -> str:
    """Bars of each measure as a share of boto3.resource's, with the goals as marks; an SVG picture."""
    shown = [name for name in reversed(MEASURES) if name in summary["package"]]
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    for number, (variant, label, colour) in enumerate(BARS):
        ratios = [1.0 if variant == "baseline" else summary[variant]["ratio"].get(name, {"median": 0})["median"] for name in shown]
        bars = axes.barh([place - 0.2 * number for place in range(len(shown))], ratios, height=0.19, label=label, color=colour)
        axes.bar_label(bars, [f"{ratio:.2f}" if ratio else "" for ratio in ratios], padding=2, fontsize=7)
    goals = [MEASURES[name].goal for name in shown]
    axes.scatter(goals, [place - 0.4 for place in range(len(shown))], marker="|", s=90, color="#b2182b", label="goal", zorder=3)
    axes.set_yticks([place - 0.3 for place in range(len(shown))], [MEASURES[name].label for name in shown])
    axes.set(title="What a disconnect costs, as a share of the same with boto3.resource", xlabel=caption)
    axes.legend(loc="lower right")
    return picture.svg(figure)
