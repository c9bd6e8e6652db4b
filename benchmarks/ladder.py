"""The ladder on real data: every technique on every set it fits, and what a plain climb needs.

    python benchmarks/ladder.py [--sets a,b] [--minutes N] [--json] [--write docs/benchmarks.md]

Each set of `benchmarks/sets`, and each shipped example, is climbed twice: exhaustively (every
candidate answers every pilot and test example), then plainly, as `rung climb` does it, from the
same cache. What was answered is kept in `.rung` beside each rung.toml: running again goes on where
it stopped, free when done.
`--write` makes the tables of a Markdown file anew from what is kept, `--cut` only cuts the data.
Sets whose data is absent are skipped with a reason.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sqlite3
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ladder_table import shown, written
from rung.climbing.observer import Observer
from rung.climbing.run import climb
from rung.climbing.tools import ClimbOptions
from rung.decide.ladder import Planned
from rung.errors import RungError
from rung.records.results import CandidateResult, RunResult
from rung.task.load import load_task
from rung.task.types import Task

HERE = Path(__file__).resolve().parent
SETS = HERE / "sets"
SHIPPED = HERE.parent / "examples" / "aarlund"
DATA = HERE.parents[1] / "shared" / "data"
ORDER = (
    "banking12",
    "wiki-docs-qa",
    "snips-intent",
    "tldr-style",
    "complaints-6",
    "pubmedqa",
    "banking10-noisy",
    "usaddress-json",
    "snips-slots",
    "wikigold-ner",
    "wikisql-mini",
    "banking77",
    "ticket-routing",
    "policy-answers",
    "case-notes",
    "handbook-desk",
    "live-stock",
)
KEPT = "ladder.json"
INTENTS, LEARNT = 12, 10
"""banking12: intents, and rows of each to learn from; its other rows are asked."""
FIRST = 100
"""Rows of pubmedqa's test split, as its README advises for a quick run."""


def home(name: str) -> Path:
    """The folder of a set's rung.toml."""
    return SHIPPED / name if (SHIPPED / name).exists() else SETS / name


def cut(name: str) -> None:
    """Write the files of a set that is a cut of another, where they are not there."""
    folder = SETS / name / ".rung" / "data"
    if name == "pubmedqa" and (DATA / name).exists():
        _keep(folder / "test.jsonl", _lines(DATA / name / "test.jsonl")[:FIRST])
    if name == "banking12" and (DATA / "banking77").exists():
        source = DATA / "banking77"
        train, test = _lines(source / "train.jsonl"), _lines(source / "test.jsonl")
        sizes = Counter(_label(line) for line in train)
        chosen = sorted(sizes, key=lambda label: (-sizes[label], label))[:INTENTS]
        by_label: dict[str, list[str]] = defaultdict(list)
        for line in [*train, *test]:
            by_label[_label(line)].append(line)
        _keep(folder / "train.jsonl", [x for c in chosen for x in by_label[c][:LEARNT]])
        _keep(folder / "test.jsonl", [x for c in chosen for x in by_label[c][LEARNT:]])


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def _label(line: str) -> str:
    return str(json.loads(line)["expected"])


def _keep(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


class Watch(Observer):
    """Seconds of the clock by candidate, and a line for each that is done."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.wall: dict[str, float] = {}
        self._since = time.perf_counter()

    def planned(self, rungs: Sequence[Planned]) -> None:
        """The clock of the first candidate starts."""
        self._since = time.perf_counter()
        _say(f"{self.task}: {len(rungs)} candidates")

    def result(self, row: CandidateResult) -> None:
        """One candidate is done with."""
        now = time.perf_counter()
        self.wall[row.key] = self.wall.get(row.key, 0.0) + now - self._since
        took, self._since = now - self._since, now
        score = row.score
        said = "nothing scored" if score is None or score.value is None else f"{score.value:.3f}"
        _say(f"  {row.key:60} {row.state:10} {said} {took:6.0f} s {row.reason}")


def measure(name: str) -> dict[str, Any]:
    """Climb one set exhaustively, then plainly; what is kept of it."""
    path = home(name) / ".rung" / KEPT
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    task = load_task(home(name))
    watch = Watch(name)
    began = time.perf_counter()
    result = climb(task, ClimbOptions(everything=True), watch)
    seconds = time.perf_counter() - began
    fresh = result.calls.made > 0 or not before
    if before.get("fingerprint") != result.fingerprint and fresh:
        before = {}  # another question: its minutes are not added to this one's
    wall, earlier = watch.wall, before.get("wall", {})
    kept = {
        "set": name,
        "fingerprint": result.fingerprint,
        "date": datetime.now(UTC).date().isoformat() if fresh else before["date"],
        "machine": _machine() if fresh else before["machine"],
        "seconds": before.get("seconds", 0.0) + (seconds if fresh else 0.0),
        "wall": {k: earlier.get(k, 0.0) + (s if fresh else 0.0) for k, s in wall.items()},
        "result": result.model_dump(mode="json"),
        "plain": plain(task, result),
        "unskipped": plain(task, result, diagnose=False)["used"],
    }
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return kept


def plain(task: Task, exhaustive: RunResult, *, diagnose: bool = True) -> dict[str, Any]:
    """The verdict and calls of `rung climb`, which stops when it knows, from the same cache.

    `diagnose` as in `rung climb`: whether failures may prove that a rung need not be tried.
    """
    kept = home(task.name) / ".rung"
    other = kept / "plain"
    shutil.rmtree(other, ignore_errors=True)
    runs = other / "runs" / exhaustive.run
    runs.mkdir(parents=True)
    source, target = sqlite3.connect(kept / "cache.sqlite"), sqlite3.connect(other / "cache.sqlite")
    with target:
        source.backup(target)
    source.close()
    target.close()
    if (kept / "adapters").exists():
        (other / "adapters").symlink_to(kept / "adapters")
    # Latencies are known from the exhaustive run: nothing is timed twice.
    shutil.copy(kept / "runs" / exhaustive.run / "run.json", runs / "run.json")
    result = climb(task, ClimbOptions(folder=other, diagnose=diagnose))
    shutil.rmtree(other, ignore_errors=True)
    tried = [c for c in result.candidates if c.state != "planned"]
    return {
        "status": result.verdict.status,
        "choice": result.verdict.choice,
        "used": result.calls.used,
        "exhaustive": result.calls.exhaustive,
        "made": result.calls.made,
        "tried": len(tried),
        "states": {c.key: c.state for c in result.candidates},
    }


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def kept_sets(names: Sequence[str]) -> list[dict[str, Any]]:
    """What is kept of sets measured earlier."""
    paths = [home(name) / ".rung" / KEPT for name in names]
    return [json.loads(p.read_text(encoding="utf-8")) for p in paths if p.exists()]


def run(names: Sequence[str], minutes: float) -> list[dict[str, Any]]:
    """Measure one set after the other; a set that cannot be read is skipped with its reason."""
    found, began = [], time.perf_counter()
    for name in names:
        if time.perf_counter() - began > minutes * 60:
            _say(f"{name}: not begun, {minutes:g} minutes are over")
            continue
        cut(name)
        try:
            found.append(measure(name))
        except RungError as problem:
            _say(f"{name}: skipped: {problem}")
            continue
        print(shown(found[-1]), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", default=",".join(ORDER), help="names, with commas between")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no set after so many")
    parser.add_argument("--json", action="store_true", help="print what is kept as JSON at the end")
    parser.add_argument("--write", type=Path, help="a Markdown file whose tables are made anew")
    parser.add_argument("--cut", action="store_true", help="only cut the data of cut sets")
    options = parser.parse_args()
    names = options.sets.split(",")
    unknown = [name for name in names if name not in ORDER]
    if unknown:
        parser.error(f"unknown sets {', '.join(unknown)}; known: {', '.join(ORDER)}")
    if options.cut:
        for name in names:
            cut(name)
    elif options.write:
        text = options.write.read_text(encoding="utf-8")
        options.write.write_text(written(text, kept_sets(names)), encoding="utf-8")
    else:
        found = run(names, options.minutes)
        if options.json:
            print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
