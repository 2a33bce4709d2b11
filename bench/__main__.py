"""python -m bench            measures everything and writes bench/results/ (half an hour)
python -m bench --quick    fewer rounds, prints only (three minutes)
python -m bench --check    a quick measurement; fails when a ratio to the baseline is worse than the committed one
"""

from __future__ import annotations

import argparse
import sys

from bench import report, speed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; nothing is written")
    parser.add_argument("--check", action="store_true", help="compare with bench/results/speed.json; nothing is written")
    options = parser.parse_args()
    quick = options.quick or options.check
    rounds, warm, counted = (7, 50, 1) if quick else (25, 200, 2)
    samples, instructions = speed.run(rounds, warm, counted)
    summary = report.summarise(samples, instructions)
    table = report.table(summary)
    print(table)
    if options.check:
        found = report.worse(summary)
        print("\n".join(["", "Worse than bench/results/speed.json says:", *found]) if found else "\nNo worse than the committed results.")
        return 1 if found else 0
    if not quick:
        where = {"date": report.now(), "machine": report.machine(), "command": "make bench", "rounds": rounds, "warm": warm}
        report.save("speed.json", {**where, "summary": summary})
        about = f"{where['date']}, `make bench`, medians of {rounds} rounds, {warm} warm disconnects each. {where['machine']}."
        report.save("speed.md", f"{table}\n\n{about}\n")
        report.save("speed.svg", report.plot(summary, f"{where['date']}, {rounds} rounds"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
