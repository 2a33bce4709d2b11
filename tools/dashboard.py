"""Draws a CloudWatch dashboard, as Terraform made it, from the metrics that the local AWS has: a picture of what an operator sees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from local.aws import LocalAws

from . import picture

COLUMNS = 2


class Series(NamedTuple):
    """A line of a chart: its values by time (epoch s), in periods; `id` names it to expressions of the same chart."""

    label: str
    values: dict[float, float]
    right: bool
    visible: bool
    id: str


def draw(aws: LocalAws, name: str, start: float, end: float, period: int, path: Path) -> None:
    """Writes an SVG of the dashboard's charts between two times (epoch s), in periods of so many seconds instead of its own."""
    body = json.loads(aws.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])
    charts = [widget["properties"] for widget in body["widgets"] if widget["type"] == "metric"]
    rows = -(-len(charts) // COLUMNS)
    figure = Figure(figsize=(11, 2.5 * rows), layout="constrained")
    for chart, axes in zip(charts, figure.subplots(rows, COLUMNS, squeeze=False).flat, strict=False):
        axes.set_title(chart["title"], loc="left", fontsize=9, fontweight="bold")
        axes.set_xlim(0, end - start + period)
        axes.set_xlabel("seconds", fontsize=7)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        right = None
        colours = count()
        for series in lines(aws, chart["metrics"], start, end, period):
            if not series.values:
                continue
            if series.right and right is None:
                right = axes.twinx()
                right.spines["top"].set_visible(False)
            at = [time + period / 2 - start for time in sorted(series.values)]
            values = [series.values[time] for time in sorted(series.values)]
            target = right if series.right and right is not None else axes
            style = {"marker": "o", "markersize": 2.5, "linewidth": 1.2, "color": f"C{next(colours)}", "clip_on": False}
            target.plot(at, values, **style, label=series.label)
        for target in (axes, right):
            if target is not None and target.get_lines():
                target.set_ylim(0, max(1.0, 1.1 * max(max(line.get_ydata()) for line in target.get_lines())))
        handles = [line for target in (axes, right) if target is not None for line in target.get_lines()]
        if handles:  # below, where no data is
            axes.legend(handles=handles, fontsize=6.5, frameon=False, ncols=2, loc="upper left", bbox_to_anchor=(0, -0.2))
        else:
            axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", color="gray")
    for axes in figure.axes[len(charts) : rows * COLUMNS]:
        axes.set_visible(False)
    path.write_text(picture.svg(figure))


def lines(aws: LocalAws, metrics: list[list[Any]], start: float, end: float, period: int) -> Iterator[Series]:
    """A chart's visible series. Source: CloudWatch API reference, "Dashboard body structure and syntax"."""
    known = [series(aws, metric, start, end, period) for metric in metrics if isinstance(metric[0], str)]
    yield from (line for line in known if line.visible)
    for (options,) in (metric for metric in metrics if isinstance(metric[0], dict)):
        yield Series(options["label"], evaluated(options["expression"], known), False, True, options["id"])


def series(aws: LocalAws, metric: list[Any], start: float, end: float, period: int) -> Series:
    """["Namespace", "Name", "Dimension", "value", …, {"stat": "Sum"}]"""
    *words, options = metric
    namespace, name, *dimensions = words
    pairs = list(zip(dimensions[::2], dimensions[1::2], strict=True))
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in pairs],
        StartTime=start,
        EndTime=end,
        Period=period,
        Statistics=[options["stat"]],
    )
    values = {point["Timestamp"].timestamp(): point[options["stat"]] for point in found["Datapoints"]}
    of = " ".join(value for key, value in pairs if key != "Name")
    label = options.get("label") or f"{name} {of}".strip()
    return Series(label, values, options.get("yAxis") == "right", options.get("visible", True), options.get("id", ""))


def evaluated(expression: str, known: list[Series]) -> dict[float, float]:
    """Metric math as far as the dashboard uses it: arithmetic and FILL. Where it divides by nothing there is no value."""
    values: dict[float, float] = {}
    for time in sorted({time for line in known for time in line.values}):
        names: dict[str, Any] = {line.id: line.values.get(time) for line in known}
        try:
            values[time] = eval(expression, {"__builtins__": {}, "FILL": lambda value, other: other if value is None else value}, names)
        except ZeroDivisionError:
            continue
    return values
