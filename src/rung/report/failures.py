"""What the failures look like: counts and signs that the answers themselves carry.

Signs, not causes: only a probe that changes one thing proves a cause.
"""

from collections import Counter
from dataclasses import dataclass

from rung.records import Attempt
from rung.records.results import CandidateResult
from rung.report.examples_data import outcome
from rung.report.part_rows import PartRow, part_rows, watched
from rung.report.reading import FinishedRun
from rung.report.rows import places
from rung.report.words import score_text
from rung.scorers.parts import confusions
from rung.task.types import Example, LabelsOutput, SplitName, Task

OUTCOMES = {"r": "right", "p": "partly", "w": "wrong", "u": "unscored", "e": "no answer"}
BAR = 320.0
MOST_CONFUSIONS = 8


@dataclass(frozen=True)
class Piece:
    """A part of a bar."""

    outcome: str
    count: int
    x: float
    width: float


@dataclass(frozen=True)
class Signs:
    """What the answers of one candidate on one split show."""

    place: str
    label: str
    row: CandidateResult
    split: SplitName
    n: int
    pieces: tuple[Piece, ...]
    invalid: int
    cut_short: int
    missed: int | None
    """Failures whose passages held no gold document; None where nothing is retrieved."""
    misread: int | None
    """Failures although a gold document was among the passages."""


@dataclass(frozen=True)
class Failures:
    """The section on failures."""

    signs: tuple[Signs, ...]
    parts: tuple[PartRow, ...]
    """By label or field, of `confused`."""
    confusions: tuple[tuple[str, str, int], ...]
    """(expected, answered, how often), of `confused`."""
    confused: str
    nobody: int
    """Examples that no candidate got right, of those that every tested one was asked."""
    everybody: int
    common: int
    probes: tuple[str, ...]


def failures(run: FinishedRun, task: Task | None) -> Failures:
    """Read the failures off the dev attempts: what test answers look like stays unseen."""
    by: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in run.attempts:
        by.setdefault((attempt.candidate, attempt.split), []).append(attempt)
    examples = _by_id(task)
    named = places(run.result)
    signs = []
    for one in run.result.candidates:
        made = by.get((one.key, "dev"), [])
        if made:
            signs.append(_signs(one, f"{named[one.key]}: {run.label(one)}", "dev", made, examples))
    row = watched(run.result)
    mixed = _confusions(by.get((row.key, "dev"), []), examples, task) if row else ()
    nobody, everybody, common = _agreement(run)
    return Failures(
        signs=tuple(signs),
        parts=part_rows(row.dev) if row else (),
        confusions=mixed,
        confused=run.label(row) if row else "",
        nobody=nobody,
        everybody=everybody,
        common=common,
        probes=tuple(_probes(run)),
    )


def _by_id(task: Task | None) -> dict[tuple[str, str], Example]:
    if task is None:
        return {}
    return {("test", e.id): e for e in task.test} | {("dev", e.id): e for e in task.dev}


def _signs(
    row: CandidateResult,
    name: str,
    split: SplitName,
    made: list[Attempt],
    examples: dict[tuple[str, str], Example],
) -> Signs:
    counts = Counter(outcome(one) for one in made)
    answered = [one.answer for one in made if one.answer is not None]
    failed = [one for one in made if outcome(one) in "pw" and one.answer is not None]
    reading = row.candidate.context.traits.searches
    gold = [(one, examples.get((split, one.example_id))) for one in failed]
    known = [(one, e) for one, e in gold if e is not None and e.context_ids]
    signs = [
        any(p.document_id in e.context_ids for p in one.answer.passages)
        for one, e in known
        if one.answer is not None
    ]
    return Signs(
        place=name.partition(": ")[0],
        label=name.partition(": ")[2],
        row=row,
        split=split,
        n=len(made),
        pieces=_pieces(counts, len(made)),
        invalid=sum(not a.valid for a in answered),
        cut_short=sum(a.finish == "length" for a in answered),
        missed=signs.count(False) if reading and known else None,
        misread=signs.count(True) if reading and known else None,
    )


def _pieces(counts: Counter[str], total: int) -> tuple[Piece, ...]:
    pieces, x = [], 0.0
    for name in OUTCOMES:
        width = BAR * counts[name] / total
        if counts[name]:
            pieces.append(Piece(name, counts[name], round(x, 2), round(width, 2)))
        x += width
    return tuple(pieces)


def _confusions(
    made: list[Attempt], examples: dict[tuple[str, str], Example], task: Task | None
) -> tuple[tuple[str, str, int], ...]:
    """Which label was taken for which, most often first."""
    if task is None or not isinstance(task.output, LabelsOutput):
        return ()
    pairs = confusions(
        (example, one.answer.value)
        for one in made
        if one.answer is not None
        and one.answer.valid
        and (example := examples.get((one.split, one.example_id))) is not None
    )
    ranked = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    return tuple((a, b, n) for (a, b), n in ranked[:MOST_CONFUSIONS])


def _agreement(run: FinishedRun) -> tuple[int, int, int]:
    """Of the dev examples that every tested candidate was asked: none right, all right, all."""
    tested = {r.key for r in run.result.candidates if r.test is not None}
    seen: dict[str, dict[str, bool]] = {}
    for one in run.attempts:
        if one.split == "dev" and one.candidate in tested:
            seen.setdefault(one.example_id, {})[one.candidate] = outcome(one) == "r"
    common = [rights for rights in seen.values() if len(rights) == len(tested)]
    nobody = sum(not any(rights.values()) for rights in common)
    return nobody, sum(all(rights.values()) for rights in common), len(common)


def _probes(run: FinishedRun) -> list[str]:
    """What an intervention showed, on dev, beside the same model without it."""
    rows = run.result.candidates
    lines = []
    for probe in rows:
        if not probe.candidate.is_probe or probe.dev is None or probe.dev.value is None:
            continue
        beside = [
            f"{run.label(r)} {score_text(r.dev)}"
            for r in rows
            if r.key != probe.key
            and r.candidate.models == probe.candidate.models
            and r.candidate.weights == probe.candidate.weights
            and r.candidate.prompt == probe.candidate.prompt
            and r.dev is not None
            and r.dev.value is not None
        ]
        lines.append(
            f"Given the gold passages, {probe.model} scores {score_text(probe.dev)} on "
            f"{probe.dev.n} dev examples"
            + (f"; beside it, on dev: {'; '.join(beside)}." if beside else ".")
        )
    return lines
