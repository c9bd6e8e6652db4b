"""How often a climb's verdict is true, beside other advisers, on tasks whose truth is known.

    python benchmarks/truth.py [--seeds 20] [--sizes 50,100,200] [--json] [--write docs/truth.md]
    python benchmarks/truth.py --full [--sets a,b]      # measure every set first: hours
    python benchmarks/truth.py --collect a,path/to/task [--only no-llm] [--kept tables]

A task is a table: every candidate on all test rows. Its means are the truth. For targets between
the scores, several sizes and seeds, rows are drawn from the table and a plain climb is replayed
on them, as are the advisers; no model is asked. Tables are the paired ones of
`../shared/data/paired-tables` and those kept in `benchmarks/truth_tables`, which `--collect` and
`--full` measure; both go on where they stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from decision_parts.report import Goal, Report
from ladder import ORDER
from rung.errors import RungError
from truth_parts import elimination, words
from truth_parts.advisers import ADVISERS
from truth_parts.replay import Draw, Said, climbed, draw
from truth_parts.tables import KEPT, Table, collect, paired, recorded
from truth_parts.tally import BAD, Tally, outcome, rows, targets
from truth_parts.written import written

CLIMB = "rung climb"
WRONG_AT_MOST = 0.05
SEED = 1305

Tallies = dict[str, Tally]


def run(
    tables: Sequence[Table], sizes: Sequence[int], seeds: int, *, agentopt: bool, asked: bool
) -> list[Report]:
    """A report for each kind of target, and one of the climb by table."""
    kinds: dict[str, Tallies] = {"between": {}, "just above": {}}
    by_table: dict[str, Tally] = {}
    by_size: dict[str, Tally] = {}
    reasons: set[str] = set()
    for table in tables:
        said = words.answers(table, targets(table)) if asked else {}
        for size in sizes:
            draws = [draw(table, size, SEED + seed) for seed in range(seeds)]
            best = elimination.best(table, draws) if agentopt else []
            if isinstance(best, str):
                reasons.add(best)
                best = []
            for kind, values in targets(table).items():
                for target in values:
                    for place, drawn in enumerate(draws):
                        found = _all(table, drawn, target, best[place] if best else None)
                        if target in said:
                            found[words.NAME] = said[target]
                        _count(kinds[kind], table, drawn, target, found)
                        verdict = {table.name: found[CLIMB]}
                        _count(by_table, table, drawn, target, verdict)
                        _count(by_size, table, drawn, target, {f"n = {size}": found[CLIMB]})
        print(f"{table.name}: done", file=sys.stderr, flush=True)
    sized = {"seeds": seeds, "n": list(sizes), "tasks": len(tables)}
    reports = [_report(kind, tallies, sized) for kind, tallies in kinds.items()]
    for report in reports:
        report.notes += sorted(reasons)
    reports.append(Report("by size", "the climb alone, all targets", SEED, sized, [*rows(by_size)]))
    reports.append(
        Report("by task", "the climb alone, all targets", SEED, sized, [*rows(by_table)])
    )
    return reports


def _all(table: Table, drawn: Draw, target: float, best: Said | None) -> dict[str, Said | None]:
    return {
        CLIMB: climbed(table, drawn, target),
        **{name: adviser(table, drawn, target) for name, adviser in ADVISERS.items()},
        elimination.NAME: elimination.reaching(best, drawn, target),
    }


def _count(
    tallies: Tallies, table: Table, drawn: Draw, target: float, found: dict[str, Said | None]
) -> None:
    for name, said in found.items():
        tally = tallies.setdefault(name, Tally())
        if said is not None:
            tally.add(outcome(table, drawn, target, said), said.calls)


TITLES = {
    "between": "targets between every two scores and .03 outside all",
    "just above": "targets .005 above each score: the hardest place",
}


def _report(kind: str, tallies: Tallies, sizes: dict[str, Any]) -> Report:
    report = Report(kind, TITLES[kind], SEED, sizes, [*rows(tallies)])
    ours = tallies[CLIMB].share(*BAD) if CLIMB in tallies else None
    if ours is None:
        return report
    report.goals.append(
        Goal.at_most("false or dearer although the data could tell", ours, WRONG_AT_MOST)
    )
    others = {n: t.share(*BAD) for n, t in tallies.items() if n != CLIMB}
    report.goals += [
        Goal(f"fewer than {name}", share, ours, ours < share)
        for name, share in others.items()
        if share is not None
    ]
    return report


def measure(names: Sequence[str], only: Sequence[str], kept: Path) -> None:
    """Measure sets one after the other; one that cannot be is skipped with its reason."""
    for name in names:
        began = time.perf_counter()
        try:
            table = collect(name, tuple(only), kept)  # type: ignore[arg-type]
        except RungError as problem:
            print(f"{name}: skipped: {problem}", file=sys.stderr)
            continue
        took = (time.perf_counter() - began) / 60
        print(
            f"{name}: {len(table.candidates)} candidates on {table.scores.shape[1]} rows, "
            f"{took:.1f} minutes",
            file=sys.stderr,
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=20, help="draws for each target and size")
    parser.add_argument("--sizes", default="50,100,200,500", help="test rows of a draw")
    parser.add_argument("--tables", default="", help="only those whose name begins so; with commas")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--write", type=Path, help="a Markdown file whose tables are made anew")
    parser.add_argument("--no-agentopt", action="store_true", help="leave its environment alone")
    parser.add_argument("--words", action="store_true", help="ask the local model in words too")
    parser.add_argument("--full", action="store_true", help="measure every set first: hours")
    parser.add_argument("--collect", default="", help="only measure these sets or task folders")
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder of measured tables")
    parser.add_argument("--sets", default=",".join(ORDER), help="sets of --full")
    parser.add_argument("--only", default="", help="techniques that --collect measures")
    options = parser.parse_args()
    only = [name for name in options.only.split(",") if name]
    if options.collect:
        measure(options.collect.split(","), only, options.kept)
        return 0
    if options.full:
        measure(options.sets.split(","), only, options.kept)
    wanted = tuple(options.tables.split(","))
    tables = [t for t in (*paired(), *recorded(options.kept)) if t.name.startswith(wanted)]
    sizes = [int(size) for size in options.sizes.split(",")]
    began = time.perf_counter()
    reports = run(
        tables,
        sizes,
        options.seeds,
        agentopt=not options.no_agentopt,
        asked=options.full or options.words,
    )
    reports[0].seconds = time.perf_counter() - began
    if options.json:
        print(json.dumps([report.as_dict() for report in reports], indent=1))
    else:
        for report in reports:
            report.show()
    if options.write:
        text = options.write.read_text(encoding="utf-8")
        options.write.write_text(written(text, tables, reports), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
