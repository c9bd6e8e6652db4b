"""Measure how few calls a decision takes, and whether its promises hold. No model is called.

    python benchmarks/decision.py [--json] [--replicates N] [--only B1,B2,B3,B4,B11,gate,cheapest,
                                                             graded,said,ordinary,sequences]

B1 simulated ladders, B2 false selections on the worst ladders, B3 real paired tables, B4
forecasts, B11 speed, gate the learning curve, cheapest how often the cheapest of eight that
suffices is named, graded the exact error of Gaffke's test at a grid of laws, said whether intervals
and limits hold, ordinary what users really do, sequences the same in real climbs, a tenth as
many. Each prints its seed, its sizes, its result and
whether the goal is met. About half an hour on one core, two thirds of it for the sequences.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from decision_parts import (
    b1,
    b2,
    b3,
    b4,
    b11,
    cheapest,
    gate,
    graded,
    ordinary,
    said,
    sequences,
)
from decision_parts.report import Report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--replicates", type=int, default=2000, help="of B1 (B2 runs five times as many)"
    )
    parser.add_argument(
        "--only",
        default="B1,B2,B3,B4,B11,gate,cheapest,graded,said,ordinary,sequences",
        help="comma-separated names",
    )
    parser.add_argument(
        "--no-agentopt", action="store_true", help="leave AgentOpt's own environment alone"
    )
    arguments = parser.parse_args()
    size, rival = max(arguments.replicates, 4), not arguments.no_agentopt
    parts: dict[str, Callable[[], Report]] = {
        "B1": lambda: b1.run(size, rival),
        "B2": lambda: b2.run(size * 5),
        "B3": lambda: b3.run(size, rival),
        "B4": lambda: b4.run(size),
        "B11": b11.run,
        "gate": lambda: gate.run(size),
        "cheapest": lambda: cheapest.run(size),
        "graded": lambda: graded.run(size),
        "said": lambda: said.run(size),
        "ordinary": lambda: ordinary.run(size),
        "sequences": lambda: sequences.run(size),
    }
    names = [name.strip() for name in arguments.only.split(",") if name.strip()]
    unknown = [name for name in names if name not in parts]
    if unknown:
        parser.error(f"unknown {', '.join(unknown)}; choose from {', '.join(parts)}")
    reports = []
    for name in names:
        start = time.perf_counter()
        report = parts[name]()
        report.seconds = time.perf_counter() - start
        reports.append(report)
        if not arguments.json:
            report.show()
    missed = [goal.text for report in reports for goal in report.goals if goal.met is False]
    if arguments.json:
        print(json.dumps({"reports": [r.as_dict() for r in reports], "missed": missed}, indent=1))
    else:
        print(f"\n{len(missed)} goals not met" + "".join(f"\n  {text}" for text in missed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
