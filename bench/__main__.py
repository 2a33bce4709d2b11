"""python -m bench            measures what a disconnect costs under this Python, and writes bench/results/ (five minutes)
python -m bench --quick    fewer rounds; prints only (two minutes)

`make bench` uses Lambda's default Python. Afterwards `git diff bench/results` shows what is faster or slower. Larger tables have their own
commands: python -m bench.sweep, python -m bench.mass_loss.
"""

from __future__ import annotations

import sys

from bench import bill, pictures, report, speed
from tools import program


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
    report.save(f"speed-{python}.svg", pictures.speed(summary, f"Python {python}, {where['date']}, {rounds} rounds"))
    if python == report.RUNTIME:
        bill.main()


if __name__ == "__main__":
    program.run(main)
