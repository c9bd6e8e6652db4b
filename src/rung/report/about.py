"""What it takes to check or repeat a run, and what should make a reader careful."""

import json
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from rung.climbing.judging import agreement_sentence, corrected_sentence, read_calibration
from rung.climbing.people import JUDGE_MARK
from rung.economics.pricing import PriceBook, Rates
from rung.errors import RungError
from rung.money import rate
from rung.project import ProjectFolder
from rung.records.results import CandidateResult, Measured
from rung.report.reading import FinishedRun
from rung.report.rows import price_book
from rung.report.words import number
from rung.task.types import Task

ENDED = {
    None: "yes",
    "budget": "no: the budget ran out",
    "interrupted": "no: the climb was interrupted",
}
MEASURED = ("pass", "drop", "undecided", "hopeless")
"""States of a candidate that was asked as far as it was worth: a probe and a break-off are not."""
FEW = 50
"""Test examples below which an interval at a score of 0.8 is wider than 0.2 (Clopper-Pearson)."""


class PriceRow(NamedTuple):
    """One model's price and where it comes from."""

    model: str
    price: str
    source: str
    url: str
    checked: str
    stale: bool


class Prior(NamedTuple):
    """What the framework expected before anything was measured."""

    expected: str
    because: str
    sources: str
    measured: str
    """The technique of the choice; empty where nothing is certified."""
    agrees: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class About:
    """The end of the report."""

    facts: tuple[tuple[str, str], ...]
    prices: tuple[PriceRow, ...]
    versions: tuple[tuple[str, str], ...]
    hashes: tuple[tuple[str, str], ...]
    candidates: tuple[tuple[str, str], ...]
    command: str


def about(run: FinishedRun, task: Task | None) -> About:
    """Versions, seed, hashes, prices with their date, the command."""
    result = run.result
    book = price_book(result)
    facts = [
        ("run", result.run),
        ("started", result.started or "not recorded"),
        ("seed", str(result.seed)),
        ("task fingerprint", result.fingerprint),
        ("examples", ", ".join(f"{n} {name}" for name, n in result.sizes.items())),
        ("prices of", str(book.on) if book else "not recorded"),
        ("test split", result.ledger or "not recorded"),
        ("finished", ENDED[result.verdict.stopped] if result.finished else ENDED["interrupted"]),
    ]
    folder = task.root.name if task is not None and task.root is not None else "DIR"
    return About(
        facts=tuple(facts),
        prices=tuple(_price(model, rates, book) for model, rates in book.rates.items())
        if book
        else (),
        versions=tuple(result.versions.items()),
        hashes=tuple(run.hashes.items()),
        candidates=tuple(
            (r.key, json.dumps(r.candidate.model_dump(mode="json"), indent=1, ensure_ascii=False))
            for r in result.candidates
        ),
        command=shlex.join(["rung", "climb", folder, *result.arguments]),
    )


def _price(model: str, rates: Rates, book: PriceBook) -> PriceRow:
    if rates.tokens:
        first = rates.tokens[0]
        price = f"{rate(first.input)} in, {rate(first.output)} out per 1M tokens"
        price += f" ({len(rates.tokens)} tiers)" if len(rates.tokens) > 1 else ""
    elif rates.machine_usd_per_hour is not None:
        price = f"{rate(rates.machine_usd_per_hour)} a machine hour"
    else:
        price = "–"
    source = rates.source
    return PriceRow(
        model,
        price,
        source.what,
        source.url if source.url.startswith("https://") else "",
        str(source.checked) if source.checked else "your own figure",
        source.stale(book.on),
    )


def flags(run: FinishedRun, task: Task | None) -> list[str]:
    """What should make a reader careful: the run's notes, and what its figures show."""
    result = run.result
    notes = list(result.notes)
    if not result.finished:
        notes.append("The climb was interrupted: this is what was known then. Run it again.")
    elif result.verdict.stopped == "budget":
        notes.append("The budget ran out: candidates that were not reached may be good enough.")
    tests = result.sizes.get("test", 0)
    if tests < FEW:
        notes.append(f"Only {tests} test examples: intervals are wide.")
    notes += _rows_flags(run)
    notes += _judge(run, task)
    if run.doubt:
        notes.append(f"What is served of this run is {run.doubt}.")
    book = price_book(result)
    if book is None:
        notes.append("The run kept no prices: costs cannot be traced.")
    else:
        notes += [f"Price older than 90 days on the day of the run: {s}." for s in book.stale()]
    if run.unreadable:
        notes.append(f"{run.unreadable} recorded attempts could not be read and are left out.")
    notes += run.problems
    if task is not None and task.fingerprint() != result.fingerprint:
        notes.append("The task's files have changed since this run: texts may not be those asked.")
    if task is None:
        notes.append("Shown without the task's files: no inputs and expected answers.")
    return notes


def _judge(run: FinishedRun, task: Task | None) -> list[str]:
    """What the judge's marks are worth; a warning where nobody marked any."""
    if run.result.metric != "judge":
        return []
    folder = ProjectFolder(task.root).folder if task and task.root else None
    known = folder and read_calibration(folder, run.result.versions.get("scorer"))
    if not known:
        return []  # a flag of the audit says so
    names = {row.key for row in run.result.candidates if row.test is not None}
    if run.result.marked:
        return [agreement_sentence(known), *map(_by_both, _tested(run))]
    scores: dict[str, list[float]] = {}
    for one in run.attempts:
        if one.candidate in names and one.split == "test" and one.score is not None:
            scores.setdefault(one.candidate, []).append(one.score)
    each = (corrected_sentence(known, name, marks) for name, marks in scores.items())
    return [agreement_sentence(known), *(one for one in each if one is not None)]


def _tested(run: FinishedRun) -> list[tuple[str, Measured]]:
    return [(run.label(row), row.test) for row in run.result.candidates if row.test is not None]


def _by_both(tested: tuple[str, Measured]) -> str:
    name, seen = tested
    own = number(seen.details.get(JUDGE_MARK))
    return f"{name}: {own} by the judge's own mark, {number(seen.value)} as people would mark it."


def _rows_flags(run: FinishedRun) -> list[str]:
    missing, skipped = [], []
    for row in run.result.candidates:
        score = row.score
        if score is not None and score.errors + score.unscored:
            counts = f"{score.errors} without an answer, {score.unscored} unscored"
            missing.append(f"{run.label(row)}: {counts} on {score.split}")
        if row.state == "skipped":
            skipped.append(f"{run.label(row)} was skipped: {row.reason}")
    if missing:
        each = "; ".join(missing)
        skipped.insert(0, f"Examples that are in no score, and not counted as wrong. {each}.")
    return skipped


def prior(run: FinishedRun, task: Task | None) -> Prior | None:
    """The framework's expectation from what the task file says, beside what was measured."""
    if task is None:
        return None
    from rung.decide.advise import advise
    from rung.decide.rules.answers import answers_of

    started = run.result.started
    day = (datetime.fromisoformat(started) if started else datetime.now(UTC)).date()
    try:
        advice = advise(answers_of(task), day)
    except (RungError, ValueError):
        return None  # a prior is a courtesy: a task it cannot read still has its measurement
    choice = run.row(run.result.verdict.choice)
    return Prior(
        advice.expected,
        advice.because.says,
        "; ".join(advice.because.sources),
        choice.technique if choice else "",
        _beside(run, choice, advice.expected),
        tuple(reason.says for reason in advice.flags),
    )


def _beside(run: FinishedRun, choice: CandidateResult | None, expected: str) -> str:
    """What was measured beside what was expected; only what was measured can be overruled."""
    if choice is None:
        return "Nothing that was measured speaks for or against what was expected."
    enough = f"{run.label(choice)} is enough"
    if choice.technique == expected:
        return f"{enough}, as expected."
    if any(row.technique == expected and row.state in MEASURED for row in run.result.candidates):
        return f"{enough}: the measurement overrules what was expected."
    return f"{enough}; what was expected was not measured."
