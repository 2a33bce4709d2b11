"""python -m bench            measures what a disconnect costs under this Python, and writes bench/results/ (five minutes)
python -m bench --quick    fewer rounds; prints only (two minutes)

`make bench` uses Lambda's default Python. Afterwards `git diff bench/results` shows what is faster or slower. Larger tables have their own
commands: python -m bench.sweep, python -m bench.mass_loss.
"""

from __future__ import annotations

import sys
from typing import Any

from matplotlib.figure import Figure

from bench import bill, report, speed
from bench.report import MEASURES
from tools import picture, program

BARS = (
    ("baseline", "boto3.resource", "#bbbbbb"),
    ("client", "boto3.client", "#f4a582"),
    ("package", "this module", "#2166ac"),
    ("empty", "an empty handler", "#92c5de"),
)


def bars(summary: dict[str, Any], caption: str) -> str:
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


def main() -> None:
    parser = program.arguments(__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; nothing is written")
    quick = parser.parse_args().quick
    rounds, warm = (7, 50) if quick else (25, 200)
    python = ".".join(map(str, sys.version_info[:2]))
    summary = report.summarise(speed.run(rounds, warm))
    table = report.table(summary)
    print(table)
    if quick:
        return
    where = {"date": report.now(), "machine": report.machine(), "rounds": rounds, "warm": warm}
    report.save(f"speed-{python}.json", {**where, "summary": summary})
    about = f"{where['date']}, `python -m bench`, medians of {rounds} rounds, {warm} warm disconnects each. {where['machine']}."
    report.save(f"speed-{python}.md", f"{table}\n\n{about}\n")
    report.save(f"speed-{python}.svg", bars(summary, f"Python {python}, {where['date']}, {rounds} rounds"))
    if python == report.RUNTIME:
        bill.main()


if __name__ == "__main__":
    program.run(main)
