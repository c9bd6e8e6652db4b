"""Judged answers as examples, and the next version of the data with them.

Only what a person approved or corrected becomes an example: a model that learns its own unreviewed
answers learns its own mistakes. Which split an example goes to hangs on how it came to be judged.
Answers drawn at random may be tested on; answers that were picked because they looked bad would
make a test that is harder than the traffic, so they are learnt from only.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from rung.errors import UserError
from rung.loop.harvest.versions import Splits, Version, hash_of, write_version
from rung.task.contract import parse, render
from rung.task.corrections import REJECTED
from rung.task.duplicates import normalised
from rung.task.load import load_task
from rung.task.types import Example, Frozen, JsonValue, SplitName, Task, digest
from rung.traffic import Judged, Query, open_store

RANDOM = "random"
"""The reason under which a request was drawn at random."""
ID_CHARS = 12
TestPolicy = Literal["keep", "fresh"]
HELD_OUT: tuple[SplitName, ...] = ("dev", "test")


class Harvested(Frozen):
    """What was made of the judged answers."""

    folder: str
    version: Version
    corrected: int
    approved: int
    left_out: dict[str, int]
    """Judged answers that became no example, by why."""
    unreviewed: int
    """Answers nobody judged: never used."""
    new: bool = True
    """False where the data in use hold all of it already."""


class _Made(NamedTuple):
    examples: list[Example]
    drawn: set[str]
    """Ids of those that were drawn at random."""
    left_out: Counter[str]


def build(
    folder: str | Path,
    log: str | None = None,
    *,
    reasons: Mapping[str, Sequence[str]] | None = None,
    unreviewed: bool = False,
    test: TestPolicy = "keep",
) -> Harvested:
    """The next version of the data of the task in `folder`.

    `reasons` says of request ids why they were queued. With `test="fresh"` the new test split is
    the answers drawn at random, and only those; `keep` leaves dev and test as they are. Raises
    `UserError` where nothing was judged, or where unreviewed answers are asked for.
    """
    if unreviewed:
        raise UserError(
            "answers that nobody reviewed are never made into examples: a model that learns them "
            "learns its own mistakes; review them (`rung review`) and harvest again"
        )
    task = load_task(folder, whole=True)
    root = task.root or Path(folder)
    store = open_store(log or root, create=False)
    try:
        judged = list(store.judged(Query(reviewed=True)))
        waiting = store.count(Query(reviewed=False))
    finally:
        store.close()
    made = _examples(task, judged, reasons or {})
    old: Splits = {s: task.split(s) for s in ("train", "dev", "test")}
    new, left_out = _placed(task, made, test)
    if not made.examples:
        raise UserError(
            f"none of the {len(judged)} judged answers can become an example "
            f"({_listed(left_out) or 'nothing was judged'}): approve or correct some, with "
            "`rung review` or POST /v1/feedback"
        )
    origins = Counter(
        e.meta["harvest"]["origin"] for split in new.values() for e in split if _is_new(e, old)
    )
    place, version = write_version(root, new, old, origins, task.notes)
    return Harvested(
        folder=str(place),
        version=version,
        corrected=origins["corrected"],
        approved=origins["approved"],
        left_out=dict(left_out),
        unreviewed=waiting,
        new=version.hash != hash_of(old),
    )


def _is_new(example: Example, old: Splits) -> bool:
    return "harvest" in example.meta and all(example not in split for split in old.values())


def _examples(task: Task, judged: Iterable[Judged], reasons: Mapping[str, Sequence[str]]) -> _Made:
    """Approved and corrected answers as examples; the newest judgement of an input counts."""
    by_input: dict[str, Example] = {}
    drawn: set[str] = set()
    left_out: Counter[str] = Counter()
    for one in sorted(judged, key=_judged_at):
        expected, why = _expected(task, one)
        if why is not None:
            left_out[why] += 1
            continue
        example = _example(task, one, expected, reasons)
        place = normalised(example.input_text())
        if place in by_input:
            left_out["judged again later"] += 1
        by_input[place] = example
        if RANDOM in reasons.get(one.record.id, ()):
            drawn.add(example.id)
    return _Made(list(by_input.values()), drawn, left_out)


def _judged_at(one: Judged) -> datetime:
    assert one.feedback is not None
    return one.feedback.at


def _expected(task: Task, one: Judged) -> tuple[JsonValue, str | None]:
    """The answer to learn, or why there is none."""
    feedback, answer = one.feedback, one.record.answer
    assert feedback is not None
    if feedback.verdict == "wrong":
        return None, "wrong, and nobody said what is right"
    value = feedback.corrected
    if feedback.verdict == "right":
        if answer is None or not answer.valid:
            return None, "approved, though there is no valid answer"
        value = answer.value
    parsed = parse(task.output, render(task.output, value))
    if not parsed.valid:
        return None, "against the output of today's task"
    return parsed.value, None


def _example(
    task: Task, one: Judged, expected: JsonValue, reasons: Mapping[str, Sequence[str]]
) -> Example:
    """With its provenance in `meta`, which no model is asked with, and what was corrected."""
    record, feedback = one
    assert feedback is not None
    origin = "corrected" if feedback.verdict == "corrected" else "approved"
    provenance = {
        "origin": origin,
        "request": record.id,
        "asked": record.at.isoformat(),
        "candidate": record.candidate,
        "solver": record.solver,
        "feedback": feedback.id,
        "who": feedback.who,
        "source": feedback.source,
        "judged": feedback.at.isoformat(),
        "reasons": list(reasons.get(record.id, ())),
        "redacted": record.redacted,
    }
    meta: dict[str, JsonValue] = {"harvest": provenance}
    if origin == "corrected" and (answer := record.answer) is not None:
        meta[REJECTED] = render(task.output, answer.value) if answer.valid else answer.text
    return Example(
        id=f"h-{digest([record.input, expected])[:ID_CHARS]}",
        input=record.input,
        expected=expected,
        meta=meta,
    )


def _placed(task: Task, made: _Made, test: TestPolicy) -> tuple[Splits, Counter[str]]:
    """Old examples where they were, new ones where they may be."""
    left_out = Counter(made.left_out)
    parts: dict[SplitName, dict[str, Example]] = {
        s: {normalised(e.input_text()): e for e in task.split(s)} for s in ("train", "dev", "test")
    }
    fresh: dict[str, Example] = {}
    for example in made.examples:
        place = normalised(example.input_text())
        if test == "fresh" and example.id in made.drawn:
            fresh[place] = example
            continue
        held_out = [s for s in HELD_OUT if place in parts[s]]
        if held_out:
            there = parts[held_out[0]][place]
            same = _accepts(task, there, example)
            left_out[
                f"stands in {held_out[0]} already" + ("" if same else ", with another answer")
            ] += 1
            continue
        known = parts["train"].get(place)
        if known is not None:
            if _accepts(task, known, example):
                left_out["stands in train already"] += 1
                continue
            # The same example with another answer: the newest human judgement counts.
            example = example.model_copy(update={"id": known.id})
        parts["train"][place] = example
    if test == "fresh":
        if not fresh:
            raise UserError(
                "a fresh test needs answers that were drawn at random and judged: review those "
                f"that `rung harvest` queued as {RANDOM!r}"
            )
        parts["test"] = fresh
        for split in ("train", "dev"):
            parts[split] = {k: e for k, e in parts[split].items() if k not in fresh}
    return {s: list(rows.values()) for s, rows in parts.items()}, left_out


def _accepts(task: Task, known: Example, example: Example) -> bool:
    """Whether a known example holds this one's answer for right already."""
    answer = render(task.output, example.expected)
    return any(render(task.output, one) == answer for one in known.references)


def _listed(counts: Counter[str]) -> str:
    return "; ".join(f"{n} {why}" for why, n in counts.most_common())
