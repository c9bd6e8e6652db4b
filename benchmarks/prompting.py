"""What a prompt's parts are worth: plain prompts, passages without tags, label head, refined rung.

    python benchmarks/prompting.py [--sets a,b] [--models a,b] [--rows N] [--calls N]
                                   [--leave-out slot,slot] [--json]

Of each set, every plain prompting rung and each one refined on train and dev (at most `--calls`
answers each) is asked the first `--rows` test examples, which no search ever sees. What was
answered is kept in `.rung` beside each rung.toml: running again goes on where it stopped. A set may
be any folder with a rung.toml, as a path from `benchmarks/sets`.
Sets whose data is absent are skipped with a reason.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rung.behaviour.refiners import REFINERS, refine
from rung.candidate import Candidate, Context
from rung.climbing.refining import DevTrial
from rung.climbing.tools import ClimbOptions, Tools
from rung.decide.ladder import candidates
from rung.errors import RungError
from rung.measure.runner import Runner
from rung.measure.store import RunStore
from rung.models.base import scores
from rung.records import Attempt
from rung.scorers import scorer_for
from rung.solver import Workshop, fit
from rung.task.load import load_task
from rung.task.types import Example, LabelsOutput, Task

SETS = Path(__file__).resolve().parent / "sets"
NAMES = ("snips-intent", "snips-slots", "wiki-docs-qa", "wikisql-mini", "tldr-style")
MODELS = ("local/smollm2-135m-instruct",)


class Bench:
    """One set and one model, with what asking needs."""

    def __init__(self, name: str, model: str, folder: Path) -> None:
        task = load_task(SETS / name)
        models = task.models.model_copy(update={"to_try": (model,)})
        climb = task.climb.model_copy(update={"effort": "serious"})
        self.task: Task = task.model_copy(update={"models": models, "climb": climb})
        self.name, self.model = name, model
        self.tools = Tools(self.task, ClimbOptions())
        self.workshop = Workshop(
            self.tools.chat, self.tools.raw, self.tools.embedder, self.tools.project.adapters
        )
        self.runner = self._runner(folder / "test")
        self.searching = self._runner(folder / "dev")

    def _runner(self, folder: Path) -> Runner:
        store = RunStore(folder)
        return Runner(self.task, scorer_for(self.task), store, self.tools.price, 64)

    async def measured(self, candidate: Candidate, rows: Sequence[Example]) -> dict[str, Any]:
        """Score on these rows, and what asking them took."""
        solver = await fit(candidate, self.task, self.workshop)
        attempts = await self.runner.attempts(solver, rows, "test")
        answers = [a.answer for a in attempts if a.answer is not None]
        return {
            "key": candidate.key,
            "score": mean(attempts),
            "n": sum(a.score is not None for a in attempts),
            "seconds": fmean(a.usage.seconds for a in answers) if answers else None,
        }

    async def refined(self, start: Candidate, calls: int) -> tuple[Candidate, dict[str, Any]]:
        """The best that is found from a plain start, and what looking for it took."""
        before = self.tools.counter.made + self.tools.counter.cached
        found = await refine(start, DevTrial(self.tools, self.workshop, self.searching, calls))
        asked = self.tools.counter.made + self.tools.counter.cached - before
        return found.best, {
            "from": start.key,
            "variants": len(found.tried),
            "calls": asked,
            "dev": next((v.score for v in found.tried[::-1] if v.candidate == found.best), None),
        }


def mean(attempts: Sequence[Attempt]) -> float | None:
    values = [a.score for a in attempts if a.score is not None]
    return fmean(values) if values else None


def plain(bench: Bench) -> list[Candidate]:
    """The prompting rungs of the ladder, over nothing and over one passage."""
    context = Context(kind="retrieved", k=1, chunk_chars=600, search="lexical")
    found = candidates(bench.task, bench.tools.chat, context if bench.task.documents else Context())
    return [c for c in found if c.technique in ("prompting", "rag") and not c.is_probe]


def headed(bench: Bench, starts: Sequence[Candidate]) -> list[Candidate]:
    """The same with a label head, where labels can be scored."""
    if not isinstance(bench.task.output, LabelsOutput) or not scores(bench.tools.raw(bench.model)):
        return []
    return [
        c.model_copy(update={"prompt": c.prompt.model_copy(update={"head": True})})
        for c in starts
        if c.first is None and not c.prompt.head
    ]


def loose(starts: Sequence[Candidate]) -> list[Candidate]:
    """Those that read, their passages numbered without tags and without the rule on them."""
    return [
        c.model_copy(update={"prompt": c.prompt.model_copy(update={"grounded": False})})
        for c in starts
        if c.prompt.grounded
    ]


async def one(name: str, model: str, rows: int, calls: int) -> list[dict[str, Any]]:
    """Every measurement of one set and one model, said as it comes."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(name, model, Path(folder))
        test, starts = bench.task.test[:rows], plain(bench)
        found: list[dict[str, Any]] = []

        def keep(kind: str, **more: Any) -> None:
            row = {"set": name, "model": model, "kind": kind, **more}
            found.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)

        kinds = {"plain": starts, "loose": loose(starts), "head": headed(bench, starts)}
        for kind, some in kinds.items():
            for candidate in some:
                keep(kind, **await bench.measured(candidate, test))
        for start in starts if calls else ():
            best, took = await bench.refined(start, calls)
            keep("refined", **await bench.measured(best, test), **took)
        await bench.tools.aclose()
        return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sets", default=",".join(NAMES))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--rows", type=int, default=80)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--leave-out", default="", help="slots that are not searched")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    for slot in filter(None, args.leave_out.split(",")):
        del REFINERS[slot]
    found: list[dict[str, Any]] = []
    started = time.process_time()
    for name in args.sets.split(","):
        for model in args.models.split(","):
            try:
                found += asyncio.run(one(name, model, args.rows, args.calls))
            except RungError as error:
                print(f"{name}, {model}: {error}", file=sys.stderr)
    if args.json:
        print(json.dumps(found, indent=1))
        return
    print("| set | model | kind | rung | test | n | s a request | calls of the search |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in found:
        score = "" if row["score"] is None else f"{row['score']:.3f}"
        seconds = "" if row["seconds"] is None else f"{row['seconds']:.2f}"
        cells = (row["set"], row["model"].removeprefix("local/"), row["kind"], row["key"], score)
        print(f"| {' | '.join(map(str, (*cells, row['n'], seconds, row.get('calls', ''))))} |")
    print(f"\n{time.process_time() - started:.0f} processor seconds", file=sys.stderr)


if __name__ == "__main__":
    main()
