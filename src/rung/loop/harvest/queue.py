"""Which answers to label first, and why.

A request is queued for what it shows: negative feedback, an answer that is not valid, another rung
that answers otherwise, an answer less sure than nearly all measured ones, an input far from every
example. Beside those, some are drawn at random: they alone say how good the answers are.
"""

import json
import os
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rung.errors import StoreError
from rung.loop.harvest.build import RANDOM
from rung.models.base import Embedder, Vectors
from rung.project import ProjectFolder
from rung.records import Answer
from rung.solver import Solver
from rung.state import read_lines
from rung.task.contract import render
from rung.task.duplicates import groups, normalised
from rung.task.types import Frozen, JsonValue, Task, render_input
from rung.traffic import Judged

QUEUE_FILE = "harvest.jsonl"
WEIGHTS = {
    "negative feedback": 8.0,
    "not valid": 4.0,
    "rungs disagree": 3.0,
    "unsure": 2.0,
    "far from every example": 1.0,
    RANDOM: 0.0,
}
"""What is worth more stands first; reasons add up."""
UNSURE_SHARE = 0.1
"""Of the measured answers: a confidence below this share of them is unsure."""
FAR_SHARE = 0.05
"""Of the examples: farther from the next example than all but this share of them is far."""
RANDOM_SHARE = 0.2
"""Of the queue, at least: drawn at random."""


class Queued(Frozen):
    """A line of the file."""

    request: str
    reasons: tuple[str, ...]


class Wanted(Frozen):
    """A request worth labelling, and why."""

    request: str
    reasons: tuple[str, ...]
    details: tuple[str, ...] = ()
    """A sentence for each reason, with its figure."""
    worth: float
    input: str | dict[str, JsonValue]
    answer: JsonValue = None
    """What was answered; None where it was not valid."""


class Queue(Frozen):
    """What to label, best first, and what was left out."""

    wanted: tuple[Wanted, ...]
    seen: int
    """Requests looked at: answered, and without a final judgement."""
    duplicates: int
    """Left out because their input nearly repeats an example or a queued one."""
    thresholds: dict[str, float]
    """Confidence below which an answer is unsure, distance above which an input is far."""
    spent_usd: float = 0.0
    """At a hosted embedder and at the rungs that were asked."""


@dataclass
class Measures:
    """What the queue is judged by; each may be missing, and its reason then never appears."""

    confidences: Sequence[float] = ()
    """Of the winner's measured answers."""
    embedder: Embedder | None = None
    others: Sequence[Solver] = ()
    """Other rungs, asked the same inputs."""


async def queue(
    task: Task, traffic: Iterable[Judged], measures: Measures, *, size: int = 100, seed: int = 0
) -> Queue:
    """At most `size` requests. Those approved or corrected are done with and left out."""
    rows = [j for j in traffic if j.record.answer is not None and not _settled(j)]
    texts = [render_input(j.record.input) for j in rows]
    reasons: list[dict[str, str]] = [{} for _ in rows]
    _plain_reasons(rows, reasons)
    unsure = _unsure(rows, reasons, measures.confidences)
    far = await _far(task, texts, reasons, measures.embedder)
    await _disagree(task, rows, reasons, measures.others)
    free = _without_duplicates(task, texts, reasons)
    chosen = _chosen(free, reasons, size, seed)
    thresholds = {}
    if unsure is not None:
        thresholds["confidence"] = unsure
    if far is not None:
        thresholds["distance"] = far
    return Queue(
        wanted=tuple(_wanted(task, rows[i], reasons[i]) for i in chosen),
        seen=len(rows),
        duplicates=len(rows) - len(free),
        thresholds=thresholds,
    )


def _settled(one: Judged) -> bool:
    return one.feedback is not None and one.feedback.verdict != "wrong"


def _plain_reasons(rows: Sequence[Judged], reasons: list[dict[str, str]]) -> None:
    for (record, feedback), why in zip(rows, reasons, strict=True):
        if feedback is not None and feedback.verdict == "wrong":
            why["negative feedback"] = feedback.note or f"judged wrong by {feedback.who}"
        if record.answer is not None and not record.answer.valid:
            why["not valid"] = record.answer.problem or "the answer is not valid"


def _unsure(
    rows: Sequence[Judged], reasons: list[dict[str, str]], measured: Sequence[float]
) -> float | None:
    if not measured:
        return None
    level = float(np.quantile(measured, UNSURE_SHARE))
    for one, why in zip(rows, reasons, strict=True):
        confidence = one.record.answer.confidence if one.record.answer else None
        if confidence is not None and confidence < level:
            why["unsure"] = (
                f"confidence {confidence:.2f}, below {level:.2f}: less than in "
                f"{1 - UNSURE_SHARE:.0%} of the measured answers"
            )
    return level


async def _far(
    task: Task, texts: Sequence[str], reasons: list[dict[str, str]], embedder: Embedder | None
) -> float | None:
    known = [e.input_text() for e in (*task.train, *task.dev, *task.test)]
    if embedder is None or len(known) < 2 or not texts:
        return None
    vectors = await embedder.embed(known)
    level = float(np.quantile(_nearest(vectors, vectors, own=True), 1 - FAR_SHARE))
    distances = _nearest(await embedder.embed(list(texts)), vectors)
    for distance, why in zip(distances, reasons, strict=True):
        if distance > level:
            why["far from every example"] = (
                f"cosine distance {distance:.2f} to the next example, above {level:.2f}: farther "
                f"than {1 - FAR_SHARE:.0%} of the examples from one another"
            )
    return level


def _nearest(vectors: Vectors, others: Vectors, *, own: bool = False) -> Vectors:
    """Cosine distance of each row to its nearest in `others`, itself left out where `own`."""
    similar = vectors @ others.T
    if own:
        np.fill_diagonal(similar, -1.0)
    nearest: Vectors = 1.0 - similar.max(axis=1)
    return nearest


async def _disagree(
    task: Task, rows: Sequence[Judged], reasons: list[dict[str, str]], others: Sequence[Solver]
) -> None:
    for other in others:
        await other.prepare([j.record.input for j in rows])
        for one, why in zip(rows, reasons, strict=True):
            served = one.record.answer
            if served is None or not served.valid:
                continue
            second = await other.answer(one.record.input)
            if second.valid and _text(task, second) != _text(task, served):
                why["rungs disagree"] = f"{other.candidate.key} says {_text(task, second)[:80]!r}"


def _text(task: Task, answer: Answer) -> str:
    return normalised(render(task.output, answer.value))


def _without_duplicates(
    task: Task, texts: Sequence[str], reasons: Sequence[Mapping[str, str]]
) -> list[int]:
    """Indices best first, without those that nearly repeat an example or a better one."""
    order = sorted(range(len(texts)), key=lambda i: (-_worth(reasons[i]), i))
    known = [e.input_text() for e in (*task.train, *task.dev, *task.test)]
    roots = groups([*known, *(texts[i] for i in order)])
    taken = set(roots[: len(known)])
    free = []
    for place, index in enumerate(order):
        root = roots[len(known) + place]
        if root not in taken:
            taken.add(root)
            free.append(index)
    return free


def _chosen(free: Sequence[int], reasons: list[dict[str, str]], size: int, seed: int) -> list[int]:
    """The most telling ones, and a random draw out of all, whatever they show.

    Where few are telling, the draw fills the queue: a larger draw is as random as a small one.
    """
    telling = [i for i in free if _worth(reasons[i]) > 0]
    drawn = max(round(size * RANDOM_SHARE), size - len(telling))
    by_chance = set(random.Random(seed).sample(list(free), min(len(free), drawn)))
    for index in by_chance:
        reasons[index][RANDOM] = "drawn at random, to say how good the answers are"
    rest = [i for i in telling if i not in by_chance]
    kept = by_chance | set(rest[: max(0, size - len(by_chance))])
    return [i for i in free if i in kept]


def _worth(reasons: Mapping[str, str]) -> float:
    return sum(WEIGHTS[r] for r in reasons)


def _wanted(task: Task, one: Judged, reasons: Mapping[str, str]) -> Wanted:
    answer = one.record.answer
    assert answer is not None
    return Wanted(
        request=one.record.id,
        reasons=tuple(reasons),
        details=tuple(reasons.values()),
        worth=_worth(reasons),
        input=one.record.input,
        answer=answer.value,
    )


def keep_reasons(root: Path, queue: Queue) -> Path:
    """Add the queue to what was queued before: why a request was judged decides its split.

    A request keeps the reasons of its first queueing: later ones knew what it had shown.
    """
    path = ProjectFolder(root).folder / QUEUE_FILE
    known = queued(root)
    rows = [{"request": w.request, "reasons": w.reasons} for w in queue.wanted]
    new = [json.dumps(row) + "\n" for row in rows if row["request"] not in known]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(new))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"{path} could not be written ({error.strerror or error})") from error
    return path


def queued(root: Path) -> dict[str, tuple[str, ...]]:
    """Reasons by request id, of every queue so far."""
    path = ProjectFolder(root).folder / QUEUE_FILE
    if not path.exists():
        return {}
    cure = "delete it, then nothing counts as drawn at random"
    return {row.request: row.reasons for row in read_lines(path, Queued, cure)}
