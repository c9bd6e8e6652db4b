"""Planted causes: is the cause named the one that was planted?

    python benchmarks/diagnosis.py [--each 12] [--json] [--write docs/diagnosis.md]

Takes two shipped tasks that were climbed exhaustively (`benchmarks/ladder.py --sets
ticket-routing,policy-answers`), breaks what they have right one thing at a time, and diagnoses
what then fails with the embedded model. Then mixtures of three causes are drawn from those
failures: is each share within its interval? Beside it: a model that reads the transcript (the
embedded one: weak), and metric thresholds. Asks dev and test examples of the shipped tasks, which
nothing here is fitted to. Answers are cached; seeds are fixed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diagnosis_parts import (
    CUT_TOKENS,
    Break,
    as_it_is,
    by_reading,
    by_thresholds,
    drowned,
    flipped_label,
    no_document,
    prompted,
    rescored,
    shuffled_index,
    without_shots,
)
from diagnosis_reader import GARBLED, obedient
from rung.candidate import Candidate
from rung.climbing.explaining import doubts_of
from rung.climbing.tools import ClimbOptions, Tools
from rung.diagnose import Bench, Diagnosis, Finding, diagnose
from rung.diagnose.shares import placebo_alone, shares
from rung.measure.runner import Runner
from rung.measure.store import RunStore
from rung.project import ProjectFolder
from rung.records import Attempt
from rung.report.reading import read_run
from rung.scorers import scorer_for
from rung.solver import Workshop, fit
from rung.task.load import load_task
from rung.task.types import Example, Task

SHIPPED = Path(__file__).resolve().parents[1] / "examples" / "aarlund"
KEPT = SHIPPED.parent / ".rung" / "diagnosis"
MIXTURES, MIXED = 200, 40
SEED = 0
BEGIN, END = "<!-- measured: written by diagnosis.py --write -->", "<!-- end -->"


@dataclass
class Ground:
    """A shipped task with a fitted candidate, and which examples it has right."""

    task: Task
    bench: Bench
    tools: Tools
    solved: list[Example]
    failed: list[tuple[Example, Attempt]]
    attempts: dict[str, dict[str, Attempt]]
    """Of the run's other candidates, dev and test, by candidate and example."""


@dataclass
class Planted:
    """What one break made of some solved examples."""

    kind: str
    right: list[str]
    planted: int = 0
    still_right: int = 0
    named: Counter[str] = field(default_factory=Counter)
    hits: int = 0
    reader_hits: int = 0
    threshold_hits: int = 0
    findings: list[Finding] = field(default_factory=list)


async def ground(name: str, wanted: Any, store: RunStore) -> Ground:
    """Open a shipped task with the candidate that `wanted` picks from its newest run."""
    folder = SHIPPED / name
    task = load_task(folder)
    run = read_run(ProjectFolder(folder).newest_run())
    row = next(r for r in run.result.candidates if wanted(r.candidate))
    tools = Tools(task, ClimbOptions())
    workshop = Workshop(tools.chat, tools.raw, tools.embedder, tools.folder / "adapters")
    solver = await fit(row.candidate, task, workshop)
    everything = task.model_copy(update={"dev": (*task.dev, *task.test), "test": ()})
    runner = Runner(everything, scorer_for(task), store, tools.price, 64)
    by: dict[str, dict[str, Attempt]] = {}
    for one in run.attempts:
        by.setdefault(one.candidate, {})[one.example_id] = one
    bench = Bench(everything, solver, runner, workshop, task.target.score)
    bench.techniques = {r.key: r.technique for r in run.result.candidates}
    known = by[row.key]
    answered = [(e, known[e.id]) for e in everything.dev if e.id in known]
    solved = [e for e, a in answered if (a.score or 0) >= task.target.score]
    failed = [(e, a) for e, a in answered if (a.score or 0) < task.target.score]
    return Ground(everything, bench, tools, solved, failed, by)


async def told_reader(place: Ground) -> tuple[Ground, RunStore]:
    """The same ground read by a model that does as it is told, and the store of its answers."""
    subject = await obedient(place.bench.subject, place.task, place.bench.workshop)
    assert subject.parts.adapter is not None
    store = RunStore(KEPT / f"obedient-{subject.parts.adapter.digest[:12]}")
    runner = Runner(place.task, scorer_for(place.task), store, place.tools.price, 64)
    bench = Bench(place.task, subject, runner, place.bench.workshop, place.bench.cut)
    bench.techniques = place.bench.techniques
    done = [
        (e, await bench.runner.probe(subject, e, f"obedient|{subject.candidate.key}"))
        for e in place.task.dev
    ]
    solved = [e for e, a in done if (a.score or 0) >= bench.cut]
    failed = [(e, a) for e, a in done if (a.score or 0) < bench.cut]
    return Ground(place.task, bench, place.tools, solved, failed, place.attempts), store


async def plant(
    place: Ground, kind: Break, examples: Sequence[Example], store: RunStore
) -> Planted:
    """Break solved examples and diagnose what then fails."""
    rng = random.Random(f"{SEED}:{kind.name}")
    broken = [kind.example(e, place.task, rng) for e in examples]
    target = place.task.target
    if kind.metric:
        target = target.model_copy(update={"metric": kind.metric})
    task = place.task.model_copy(update={"dev": tuple(broken), "target": target})
    runner = Runner(task, scorer_for(task), store, place.tools.price, 64)
    bench = Bench(task, kind.solver(place.bench.subject, rng), runner, place.bench.workshop, 0.5)
    bench.techniques = place.bench.techniques
    bench.peers = {k: rescored(a, broken) for k, a in place.attempts.items()}
    if kind.name.startswith("flipped"):
        flipped = {e.id: e for e in broken}
        whole = tuple(flipped.get(e.id, e) for e in place.task.dev)
        asked = place.task.model_copy(update={"dev": whole})
        bench.doubts = await doubts_of(asked, place.tools)
    else:
        bench.peers = {}
    name = f"{kind.name}|{place.bench.subject.candidate.key}"
    done = [(e, await bench.runner.probe(bench.subject, e, name)) for e in broken]
    found = await diagnose(bench, done, [bench.subject.candidate])
    result = Planted(kind.name, sorted(kind.right), planted=found.failures)
    result.still_right = found.n - found.failures
    by_id = {e.id: (e, a) for e, a in done}
    model = place.tools.chat("local/smollm2-135m-instruct")
    causes = sorted({c for k in KINDS.values() for c in k})
    for finding in found.examples.values():
        case = bench.case(*by_id[finding.id])
        result.named[finding.cause] += 1
        result.hits += finding.cause in kind.right
        result.threshold_hits += by_thresholds(case, task) in kind.right
        result.reader_hits += await by_reading(model, case, causes) in kind.right
        result.findings.append(finding)
    return result


KINDS: dict[str, frozenset[str]] = {
    "document removed from the index": frozenset({"missing_knowledge"}),
    "search returns passages at random": frozenset({"retrieval_miss"}),
    "right passage among seven others": frozenset({"lost_among_distractors", "context_ignored"}),
    "answer cut after three tokens": frozenset({"truncated"}),
    "only the bare phrase counts": frozenset({"wrong_format"}),
    "instruction replaced by another job": frozenset({"instruction_unclear"}),
    "flipped label": frozenset({"label_suspect"}),
    "shots taken away": frozenset({"wrong_behaviour"}),
}


def reading_breaks(gold: Sequence[str]) -> list[Break]:
    """Breaks of policy-answers: RAG with one passage."""
    solvers = [
        no_document(gold),
        shuffled_index,
        drowned,
        prompted(max_output_tokens=CUT_TOKENS, repairs=0),
        as_it_is,
    ]
    names = list(KINDS)[:5]
    breaks = [
        Break(name, KINDS[name], solver)  # type: ignore[arg-type]
        for name, solver in zip(names, solvers, strict=True)
    ]
    breaks[4] = Break(names[4], KINDS[names[4]], as_it_is, metric="exact_match")  # type: ignore[arg-type]
    return breaks


GARBLED_KIND = "instruction replaced by another job"
OTHER_JOB = Break(GARBLED_KIND, KINDS[GARBLED_KIND], prompted(instruction=GARBLED))  # type: ignore[arg-type]
LABEL_BREAKS = [
    Break("flipped label", frozenset({"label_suspect"}), as_it_is, flipped_label),
    Break("shots taken away", frozenset({"wrong_behaviour"}), without_shots),
]


def chunks(examples: list[Example], parts: int, each: int) -> list[list[Example]]:
    """Disjoint samples, seeded."""
    order = sorted(examples, key=lambda e: e.id)
    random.Random(SEED).shuffle(order)
    each = min(each, len(order) // parts)
    return [order[i * each : (i + 1) * each] for i in range(parts)]


def mixtures(planted: Sequence[Planted]) -> dict[str, Any]:
    """Draw mixtures of three kinds: how often each share lies within its interval."""
    rng = random.Random(SEED)
    held = total = whole = 0
    for _ in range(MIXTURES):
        kinds = rng.sample(list(planted), 3)
        cuts = sorted(rng.random() for _ in range(2))
        weights = [cuts[0], cuts[1] - cuts[0], 1 - cuts[1]]
        drawn = rng.choices(kinds, weights, k=MIXED)
        found = [rng.choice(kind.findings) for kind in drawn]
        stated = {s.cause: s for s in shares(found, [], 0.95)}
        inside = []
        for kind, weight in zip(kinds, weights, strict=True):
            rows = [stated[c] for c in kind.right if c in stated]
            low, high = sum(r.low for r in rows), sum(r.high for r in rows)
            inside.append(low <= weight <= (high if rows else 1 - 0.05 ** (1 / MIXED)))
        held, total, whole = held + sum(inside), total + 3, whole + all(inside)
    return {
        "runs": MIXTURES,
        "failures": MIXED,
        "share_held": held / total,
        "all": whole / MIXTURES,
    }


async def untouched(place: Ground) -> Diagnosis:
    """What the failures that nobody planted are said to fail for."""
    place.bench.peers = {k: a for k, a in place.attempts.items()}
    place.bench.doubts = await doubts_of(place.task, place.tools)
    return await diagnose(place.bench, place.failed, [place.bench.subject.candidate])


async def measure(each: int) -> dict[str, Any]:
    """Everything, as one object."""
    began = time.perf_counter()
    store = RunStore(KEPT)

    def rag(c: Candidate) -> bool:
        return c.technique == "rag" and not c.is_probe and c.prompt.shots.kind == "none"

    def near(c: Candidate) -> bool:
        return c.technique == "prompting" and c.prompt.shots.kind == "nearest"

    reads = await ground("policy-answers", rag, store)
    routes = await ground("ticket-routing", near, store)
    obeys, told = await told_reader(reads)
    planted = []
    samples = chunks(reads.solved, 5, each)
    samples[2] = chunks(reads.solved, 1, 2 * each)[0]  # few are broken by company
    gold = {i for e in samples[0] for i in e.context_ids}
    for kind, examples in zip(reading_breaks(sorted(gold)), samples, strict=True):
        planted.append(await plant(reads, kind, examples, store))
        _say(planted[-1])
    planted.append(await plant(obeys, OTHER_JOB, chunks(obeys.solved, 1, 2 * each)[0], told))
    _say(planted[-1])
    for kind, examples in zip(LABEL_BREAKS, chunks(routes.solved, 2, 2 * each), strict=True):
        planted.append(await plant(routes, kind, examples, store))
        _say(planted[-1])
    rest = {p.task.name: await untouched(p) for p in (reads, routes)}
    store.close()
    told.close()
    for place in (reads, routes):
        await place.tools.aclose()
    return {
        "seed": SEED,
        "each": each,
        "seconds": round(time.perf_counter() - began),
        "planted": [_plain(p) for p in planted],
        "mixtures": mixtures(planted),
        "untouched": {name: _rest(found) for name, found in rest.items()},
    }


def _plain(one: Planted) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "right": one.right,
        "planted": one.planted,
        "still_right": one.still_right,
        "named": dict(one.named),
        "hits": one.hits,
        "reader_hits": one.reader_hits,
        "threshold_hits": one.threshold_hits,
    }


def _rest(found: Diagnosis) -> dict[str, Any]:
    return {
        "failures": found.failures,
        "probed": found.probed,
        "named": {row.cause: row.count for row in found.causes},
        "net_share": {row.cause: round(row.share, 3) for row in found.causes},
        "by_chance": sum(
            placebo_alone(list(found.examples.values()), row.cause) for row in found.causes
        ),
    }


def _say(one: Planted) -> None:
    print(
        f"{one.kind}: {one.hits} of {one.planted}, {dict(one.named)}", file=sys.stderr, flush=True
    )


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        "| planted | right cause | failures | named rightly | model | thresholds | also named |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in result["planted"]:
        n = row["planted"]
        wrong = {c: k for c, k in row["named"].items() if c not in row["right"]}
        also = ", ".join(f"{c.replace('_', ' ')} {k}" for c, k in wrong.items()) or "–"
        right = " or ".join(c.replace("_", " ") for c in row["right"])
        hits = [f"{row[k]} of {n}" for k in ("hits", "reader_hits", "threshold_hits")]
        lines.append(f"| {row['kind']} | {right} | {n} | {' | '.join(hits)} | {also} |")
    n, sums = sum(r["planted"] for r in result["planted"]), {}
    for key in ("hits", "reader_hits", "threshold_hits"):
        sums[key] = sum(r[key] for r in result["planted"])
    lines.append(f"| all | | {n} | " + " | ".join(f"{s} of {n}" for s in sums.values()) + " | |")
    mixed = result["mixtures"]
    lines += [
        "",
        f"Mixtures of three causes ({mixed['runs']} of {mixed['failures']} failures): a share lies "
        f"within its 95 % interval in {mixed['share_held']:.1%} of cases, all three at once in "
        f"{mixed['all']:.1%}.",
        "",
        "Failures that nobody planted:",
        "",
    ]
    for name, row in result["untouched"].items():
        said = ", ".join(f"{c.replace('_', ' ')} {k}" for c, k in row["named"].items())
        lines.append(f"- {name}, {row['probed']} failures: {said}.")
    total = sum(row["probed"] for row in result["untouched"].values())
    chance = sum(row["by_chance"] for row in result["untouched"].values())
    lines += [
        "",
        "Whether these causes are there is not known; chance gives some failures one. Going by "
        f"what the placebos of the causes named flip alone, that is {chance} of {total} "
        f"({chance / total:.0%}).",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--each", type=int, default=12, help="solved examples broken of each kind")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, help="a Markdown file whose table is made anew")
    options = parser.parse_args()
    result = asyncio.run(measure(options.each))
    print(json.dumps(result, indent=1) if options.json else table(result))
    if options.write:
        text = options.write.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN)
        tail = rest.split(END)[1]
        said = f"{head}{BEGIN}\n\n{table(result)}\n\n{END}{tail}"
        options.write.write_text(said, encoding="utf-8")


if __name__ == "__main__":
    main()
