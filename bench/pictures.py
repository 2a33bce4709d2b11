"""The bench's pictures, drawn by matplotlib."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from bench.report import MEASURES
from bench.storm_model import SIZES, WITHIN_S, Storm
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
    figure.legend(loc="outside lower center", ncols=len(BARS) + 1)
    return picture.svg(figure)


def storms(title: str, unit: str, columns: dict[str, dict[Storm, float]]) -> str:
    """A panel for each time that a storm takes: each column's values over the storm's size; an SVG picture. Seconds are logarithmic."""
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
