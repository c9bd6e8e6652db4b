"""Ordinary use: how often what users really do certifies a candidate just below the target.

Every scenario goes through the climb's own ledger, units and designs; `before` is what a count kept
split by split, rows taken one by one and a t-test would have certified on the same scores.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from decision_parts.report import Goal, Report
from rung.climbing.certify import in_order, plan_design
from rung.climbing.ledger import TestLedger
from rung.decide.claims import said_of
from rung.errors import UserError
from rung.evidence import binomial_interval, sequential
from rung.evidence.count_design import CountDesign
from rung.evidence.wealth_design import WealthDesign
from rung.evidence.weights import LAST
from rung.task.splits import How, split_one
from rung.task.types import Example, LabelsOutput, Target, Task

SEED = 1301
ALPHA, TARGET, MEAN = 0.05, 0.80, 0.79
LABELS = LabelsOutput(labels=("a", "b"))
Tables = np.ndarray
"""Scores, shape (replicates, rows)."""


def row(number: int, text: str | None = None, **meta: str) -> Example:
    """Row `number`; its input is like no other one's."""
    word = np.base_repr(number * 7919 + 104729, 36)
    words = text or f"{word} {word[::-1]} asks for {number}"
    return Example(id=f"e{number}", input=words, expected="a", meta=meta)


def a_task(rows: Sequence[Example], root: Path, confidence: float = 1 - ALPHA) -> Task:
    return Task(
        name="t",
        instruction="x",
        output=LABELS,
        target=Target(metric="accuracy", score=TARGET, confidence=confidence),
        test=tuple(rows),
        root=root,
    )


def passes(task: Task, rows: Sequence[list[Example]], alpha: float, scores: Tables) -> np.ndarray:
    """Which replicates pass: the climb's design on the units' mean scores, in the fixed order."""
    design = plan_design(task, len(rows), alpha, graded=False)
    units = np.stack(
        [scores[:, [int(e.id[1:]) for e in unit]].mean(axis=1) for unit in rows], axis=1
    )
    return crossed(design, units)


def crossed(design: CountDesign | WealthDesign, scores: Tables) -> np.ndarray:
    """Which replicates pass when everything is asked, whatever was to be left before."""
    if isinstance(design, WealthDesign):
        looks = np.array(design.looks_within(scores.shape[1]))
        return design.crossings(scores, looks)[0].any(axis=1)
    looks = np.array(design.looks)
    right = scores.cumsum(axis=1)[:, looks - 1]
    return (right >= np.array(design.upper)).any(axis=1)


def climbs(tasks: Sequence[Task], scores: Sequence[Tables]) -> np.ndarray:
    """Whether any of several climbs, one after the other, certifies; each has its own candidate."""
    found = np.zeros(len(scores[0]), dtype=bool)
    for number, (task, table) in enumerate(zip(tasks, scores, strict=True)):
        ledger = TestLedger((task.root or Path()) / ".rung", task, ())
        ledger.learnt(task.dev)
        try:
            alpha = ledger.alpha(f"candidate {number}", LAST)
        except UserError:
            continue
        found |= passes(task, in_order(task, ledger.rows), alpha, table)
    return found


def one_by_one(tasks: Sequence[Task], scores: Sequence[Tables]) -> np.ndarray:
    """As `climbs` with a ledger that starts anew each time, and every row a unit."""
    found = np.zeros(len(scores[0]), dtype=bool)
    for task, table in zip(tasks, scores, strict=True):
        alone = task.model_copy(update={"cluster": "id"})
        rows = [[e] for e in sorted(alone.test, key=lambda e: e.id)]
        found |= passes(alone, rows, LAST * ALPHA, table)
    return found


Scenario = tuple[list[Task], list[Tables]]


def draws(rng: np.random.Generator, shape: tuple[int, int]) -> Tables:
    return (rng.random(shape) < MEAN).astype(float)


def growing(
    times: int, more: int, anew: bool
) -> Callable[[np.random.Generator, int, Path], Scenario]:
    """More examples from climb to climb; `anew`: a new candidate each time, else the same."""

    def make(rng: np.random.Generator, size: int, root: Path) -> Scenario:
        most = 200 + times * more
        rows = [row(i) for i in range(most)]
        same = draws(rng, (size, most))
        tables = [draws(rng, (size, most)) if anew else same for _ in range(times)]
        return [a_task(rows[: 200 + i * more], root) for i in range(times)], tables

    return make


def seeds(times: int) -> Callable[[np.random.Generator, int, Path], Scenario]:
    def make(rng: np.random.Generator, size: int, root: Path) -> Scenario:
        rows = [row(i) for i in range(600)]
        table = draws(rng, (size, 600))
        tests = [split_one(rows, How(LABELS, seed)).test for seed in range(times)]
        return [a_task(test, root) for test in tests], [table] * times

    return make


def candidates(times: int) -> Callable[[np.random.Generator, int, Path], Scenario]:
    """`.rung` is deleted between the climbs: the ledger does not stand in it."""

    def make(rng: np.random.Generator, size: int, root: Path) -> Scenario:
        task = a_task([row(i) for i in range(200)], root)
        return [task] * times, [draws(rng, (size, 200)) for _ in range(times)]

    return make


def repeats(copies: int) -> Callable[[np.random.Generator, int, Path], Scenario]:
    def make(rng: np.random.Generator, size: int, root: Path) -> Scenario:
        rows = [row(i, row(i // copies).input_text() + "?" * (i % copies)) for i in range(200)]
        table = np.repeat(draws(rng, (size, -(-200 // copies))), copies, axis=1)[:, :200]
        return [a_task(rows, root)], [table]

    return make


def nearly(copies: int) -> Callable[[np.random.Generator, int, Path], Scenario]:
    """Rows that are another's with a word more."""
    words = [
        "alpha",
        "bravo",
        "cedar",
        "delta",
        "eagle",
        "forest",
        "garden",
        "harbour",
        "island",
        "jungle",
        "kettle",
        "lemon",
    ]

    def make(rng: np.random.Generator, size: int, root: Path) -> Scenario:
        rows = [row(i, _like(i // copies) + f" {words[i % copies]}") for i in range(200)]
        table = np.repeat(draws(rng, (size, -(-200 // copies))), copies, axis=1)[:, :200]
        return [a_task(rows, root)], [table]

    return make


def _like(number: int) -> str:
    """A long input that shares no words with another number's."""
    draw = np.random.default_rng(number)
    return " ".join(np.base_repr(int(n), 36).lower() for n in draw.integers(10**8, 10**9, 20))


def talks(members: int, correlation: float) -> Callable[[np.random.Generator, int, Path], Scenario]:
    def make(rng: np.random.Generator, size: int, root: Path) -> Scenario:
        spread = (1 - correlation) / correlation
        chances = rng.beta(MEAN * spread, (1 - MEAN) * spread, (size, 400 // members))
        table = (rng.random((size, 400)) < np.repeat(chances, members, axis=1)).astype(float)
        rows = [row(i, None, talk=f"t{i // members}") for i in range(400)]
        return [a_task(rows, root)], [table]

    return make


def dev_known(times: int, **how: float) -> Callable[[np.random.Generator, int, Path], Scenario]:
    """Another seed, or another size of the test split; whoever climbs next knows what was dev."""

    def make(rng: np.random.Generator, size: int, root: Path) -> Scenario:
        rows, table = [row(i) for i in range(600)], draws(rng, (size, 600))
        tasks, tables = [], []
        for number in range(times):
            test = 0.3 + how.get("step", 0.0) * number
            parts = split_one(rows, How(LABELS, 0 if how else number, test=test))
            tasks.append(a_task(parts.test, root).model_copy(update={"dev": parts.dev}))
            tables.append(table.copy())
            table[:, [int(e.id[1:]) for e in parts.dev]] = 1.0
        return tasks, tables

    return make


def dev_tested(rng: np.random.Generator, size: int, root: Path) -> Scenario:
    """The best of twenty prompts on dev, which is the test file of the next climb."""
    rows = [row(i) for i in range(400)]
    first = a_task(rows[200:], root).model_copy(update={"dev": tuple(rows[:200])})
    tried = (rng.random((20, size, 200)) < MEAN).astype(float)
    best = np.take_along_axis(tried, tried.mean(axis=2).argmax(axis=0)[None, :, None], axis=0)[0]
    tables = [draws(rng, (size, 400)), np.hstack([best, draws(rng, (size, 200))])]
    return [first, a_task(rows[:200], root)], tables


def reworded(times: int) -> Callable[[np.random.Generator, int, Path], Scenario]:
    """Every input is put into other words before each climb; ids and answers stay."""

    def make(rng: np.random.Generator, size: int, root: Path) -> Scenario:
        rows = [
            [row(i, f"{row(i).input_text()} {'please ' * n}") for i in range(200)]
            for n in range(times)
        ]
        return [a_task(own, root) for own in rows], [draws(rng, (size, 200)) for _ in rows]

    return make


SCENARIOS = {
    "ten climbs, one more example each": growing(10, 1, anew=True),
    "one candidate, twenty climbs, 50 more examples each": growing(20, 50, anew=False),
    "ten seeds": seeds(10),
    "thirty seeds": seeds(30),
    "ten candidates, .rung deleted between": candidates(10),
    "every test row twice": repeats(2),
    "every test row ten times": repeats(10),
    "every test row twice, but for a word": nearly(2),
    "every test row ten times, but for a word": nearly(10),
    "talks of ten that nobody declared, ICC .3": talks(10, 0.3),
    "talks of four that nobody declared, ICC .3": talks(4, 0.3),
    "five seeds, what was dev is known": dev_known(5),
    "[split] test grows five times, what was dev is known": dev_known(5, step=0.1),
    "the best of twenty on dev, then dev is the test file": dev_tested,
    "ten candidates, every row reworded between": reworded(10),
}

LAWS = (
    ((0.0, 0.9, 1.0), (0.01, 0.95, 0.04), 0.90, 200),
    ((0.0, 0.9, 1.0), (0.01, 0.95, 0.04), 0.90, 300),
    ((0.0, 0.5, 1.0), (0.04, 0.02, 0.94), 0.951, 200),
    ((0.0, 0.8, 1.0), (0.02, 0.88, 0.10), 0.805, 100),
    ((0.0, 0.95, 1.0), (0.005, 0.9, 0.095), 0.951, 300),
)
"""Values, chances, a target just above the mean, and a size."""


def run(replicates: int) -> Report:
    """The scenarios; about a minute at 2,000 replicates."""
    report = Report(
        "ordinary",
        f"ordinary use with candidates of {MEAN} at target {TARGET}, alpha {ALPHA}: false passes",
        SEED,
        {"replicates": replicates},
    )
    for place, (name, make) in enumerate(SCENARIOS.items()):
        rng = np.random.default_rng([SEED, place])
        with tempfile.TemporaryDirectory() as work:
            tasks, tables = make(rng, replicates, Path(work))
            before, after = one_by_one(tasks, tables), climbs(tasks, tables)
        _add(report, name, int(before.sum()), int(after.sum()), replicates, ALPHA)
    _confidence(report, replicates)
    _shown(report, replicates)
    _suite(report, replicates)
    _graded(report, replicates)
    return report


def _add(report: Report, name: str, before: int, after: int, n: int, alpha: float) -> None:
    upper = binomial_interval(after, n, 0.90).high
    report.rows.append(
        {"scenario": name, "before": before / n, "after": after / n, "upper 95 %": upper}
    )
    report.goals.append(Goal.at_most(f"upper limit, {name}", upper, alpha))


def _confidence(report: Report, size: int) -> None:
    """Certified at 95 %, then asked for 99 %: what is printed as 99 % errs in 1 %."""
    rng = np.random.default_rng([SEED, 100])
    table = draws(rng, (size, 200))
    rows = [row(i) for i in range(200)]
    with tempfile.TemporaryDirectory() as work:
        root = Path(work)
        tasks = [a_task(rows, root), *(a_task(rows, root, c) for c in (0.99, 0.99))]
        climbs(tasks[:1], [table])
        after = climbs(tasks[1:], [table, draws(rng, (size, 200))])
    before = one_by_one(tasks[1:], [table, table])
    _add(report, "99 % asked after 95 %", int(before.sum()), int(after.sum()), size, 0.01)


def _shown(report: Report, size: int) -> None:
    """Ten failures of the test split pasted into the prompt: right on those rows from then on."""
    rng = np.random.default_rng([SEED, 101])
    table = draws(rng, (size, 200))
    pasted = table.copy()
    for scores in pasted:
        scores[np.flatnonzero(scores == 0.0)[:10]] = 1.0
    with tempfile.TemporaryDirectory() as work:
        task = a_task([row(i) for i in range(200)], Path(work))
        TestLedger(Path(work), task, ()).show()
        after = climbs([task], [pasted])
    before = one_by_one([task], [pasted])
    _add(report, "ten shown failures pasted", int(before.sum()), int(after.sum()), size, ALPHA)


def _suite(report: Report, size: int) -> None:
    """`--mode suite`: before, its PASS was printed as one of traffic."""
    rng = np.random.default_rng([SEED, 102])
    table = draws(rng, (size, 200))
    design = sequential(TARGET, LAST * ALPHA, 200, 25, mode="suite")
    found = crossed(design, table)
    wrong = found & (table.mean(axis=1) < TARGET)
    claims_traffic = "confidence" in said_of("suite", None, 1 - ALPHA, 200)
    after = int((found if claims_traffic else wrong).sum())
    _add(report, "suite: a PASS is no traffic certificate", int(found.sum()), after, size, ALPHA)


def _graded(report: Report, size: int) -> None:
    """Graded scores just below the target, everything asked; before: a t-test at the last look."""
    for place, (values, chances, target, n) in enumerate(LAWS):
        rng = np.random.default_rng([SEED, 200 + place])
        table = rng.choice(values, p=chances, size=(size, n))
        alpha = 0.01
        after = crossed(sequential(target, alpha, n, 25, graded=True), table)
        spread = table.std(axis=1, ddof=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            score = (table.mean(axis=1) - target) / (spread / np.sqrt(n))
        before = score >= student.ppf(1 - alpha, n - 1)
        name = f"graded {values} with {chances}, target {target}, N {n}"
        _add(report, name, int(before.sum()), int(after.sum()), size, alpha)
