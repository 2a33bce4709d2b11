"""SVG pictures by matplotlib that are the same each time; and one of a CloudWatch dashboard, as an operator sees it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from local.aws import LocalAws

from .deployment import statistic

Values = dict[float, float]  # by time, epoch s

COLUMNS = 2
STYLE = {"marker": "o", "markersize": 2.5, "linewidth": 1.2, "clip_on": False}

mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "the same ids each time", "font.family": "sans-serif", "font.size": 8})


def svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None}, facecolor="white")
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def dashboard(aws: LocalAws, name: str, start: float, end: float, period: int, path: Path) -> None:
    """Writes an SVG of the dashboard's charts between two times (epoch s), in periods of so many seconds instead of its own."""
    body = json.loads(aws.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])
    charts = [widget["properties"] for widget in body["widgets"] if widget["type"] == "metric"]
    rows = -(-len(charts) // COLUMNS)
    figure = Figure(figsize=(11, 2.5 * rows), layout="constrained")
    for chart, axes in zip_longest(charts, figure.subplots(rows, COLUMNS, squeeze=False).flat):
        if not chart:
            axes.set_visible(False)
            continue
        axes.set_title(chart["title"], loc="left", fontsize=9, fontweight="bold")
        axes.set_xlim(0, end - start + period)
        axes.set_xlabel("seconds", fontsize=7)
        axes.grid(alpha=0.3)
        right, handles = axes.twinx(), []
        for number, (options, values) in enumerate(_lines(aws, chart["metrics"], (start, end, period))):
            side = right if options.get("yAxis") == "right" else axes
            at = [time + period / 2 - start for time in sorted(values)]
            handles += side.plot(at, [values[time] for time in sorted(values)], label=options["label"], color=f"C{number}", **STYLE)
        for side in (axes, right):
            side.spines[["top", "right"]].set_visible(False)
            side.set_ylim(0, max([1.0, *(1.1 * max(line.get_ydata()) for line in side.get_lines())]))
        right.set_axis_off() if not right.get_lines() else right.spines["right"].set_visible(True)
        if handles:  # below, where no data is
            axes.legend(handles=handles, fontsize=6.5, frameon=False, ncols=2, loc="upper left", bbox_to_anchor=(0, -0.2))
        else:
            axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", color="gray")
    path.write_text(svg(figure))


def _lines(aws: LocalAws, metrics: list[list[Any]], when: tuple[float, float, int]) -> Iterator[tuple[dict[str, Any], Values]]:
    """A chart's visible lines: options and values. Source: CloudWatch API reference, "Dashboard body structure and syntax"."""
    known: dict[str, Values] = {}
    for *words, options in sorted(metrics, key=len, reverse=True):  # ["Namespace", "Name", "Dimension", "value", …, {"stat": "Sum"}]
        if words:
            namespace, metric, *dimensions = words
            pairs = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
            known[options.get("id", "")] = values = statistic(aws, namespace, metric, pairs, when, options["stat"])
            label = " ".join([metric, *(value for key, value in pairs.items() if key != "Name")])
        else:  # [{"expression": …}] of the metrics' ids
            label, values = options["expression"], _evaluated(options["expression"], known)
        if values and options.get("visible", True):
            yield {"label": label, **options}, values


def _evaluated(expression: str, known: dict[str, Values]) -> Values:
    """Metric math as far as the dashboard uses it: arithmetic and FILL. Where it divides by nothing there is no value."""
    values: Values = {}
    for time in {time for line in known.values() for time in line}:
        names = {name: line.get(time) for name, line in known.items()}
        with suppress(ZeroDivisionError):
            values[time] = eval(expression, {"__builtins__": {}, "FILL": lambda value, other: other if value is None else value}, names)
    return values
