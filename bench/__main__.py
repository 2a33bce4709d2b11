"""python -m bench            what a disconnect costs: measures speed, prices it, writes bench/results/ (five minutes)
python -m bench --quick    fewer rounds, prints only (two minutes)
python -m bench --check    a quick measurement; fails when a ratio to the baseline is worse than the committed one

How it grows is measured apart: python -m bench.storm, python -m bench.sweep.
"""

from __future__ import annotations

import argparse
import sys

from bench import bill, report, speed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; nothing is written")
    parser.add_argument("--check", action="store_true", help="compare with the committed results; nothing is written")
    parser.add_argument("--name", default="speed", help="the name of the results, speed-3.13 for that Python (default: speed)")
    options = parser.parse_args()
    quick = options.quick or options.check
    rounds, warm, counted = (7, 50, 1) if quick else (25, 200, 2)
    samples, instructions = speed.run(rounds, warm, counted)
    summary = report.summarise(samples, instructions)
    table = report.table(summary)
    print(table)
    if options.check:
        found = report.worse(summary, options.name)
        print("\n".join(["", f"Worse than {options.name}.json says:", *found]) if found else "\nNo worse than the committed results.")
        return 1 if found else 0
    if not quick:
        command = "python -m bench" if options.name == "speed" else f"python -m bench --name {options.name}"
        where = {"date": report.now(), "machine": report.machine(), "command": command, "rounds": rounds, "warm": warm}
        report.save(f"{options.name}.json", {**where, "summary": summary})
        about = f"{where['date']}, `{command}`, medians of {rounds} rounds, {warm} warm disconnects each. {where['machine']}."
        report.save(f"{options.name}.md", f"{table}\n\n{about}\n")
        report.save(f"{options.name}.svg", report.plot(summary, f"{where['date']}, {rounds} rounds"))
        if options.name == "speed":
            bill.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
