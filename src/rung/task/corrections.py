"""Answers that a person looked at: kept as they are, or corrected. The data files stay untouched.

    corrections.jsonl   one answer a line; `[task] corrections` names it, a line taken out undoes it

A line speaks of an input with a given answer, wherever the row stands now and whatever its id.
A row that came from traffic keeps what was answered before the correction as its `rejected`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rung.state import read_lines
from rung.task.contract import parse, render
from rung.task.examples import input_of
from rung.task.expected import GoldError, read_expected, row_expected
from rung.task.faults import Row, RowError
from rung.task.types import (
    Example,
    Frozen,
    JsonValue,
    MultiLabelOutput,
    Output,
    SchemaOutput,
    digest,
)

FILE = "corrections.jsonl"
REJECTED = "rejected"
"""In `meta` of an example: what was answered before a person said what is right."""


class Correction(Frozen):
    """What a person said of one row's answer."""

    id: str
    """The row's when it was looked at."""
    input: str | dict[str, JsonValue]
    was: JsonValue
    """The answer that the data file gives, as a row holds it."""
    expected: JsonValue
    """The right one; equal to `was` where the row is right."""
    who: str = ""

    @property
    def before(self) -> str:
        """What names the row as its file has it."""
        return digest([self.input, self.was])

    @property
    def after(self) -> str:
        """What names the row as it counts."""
        return digest([self.input, self.expected])


def read_corrections(path: Path) -> list[Correction]:
    """Those of a file, none where there is no file. Raises `UserError` for a damaged line."""
    return read_lines(path, Correction, "correct that line or take it out")


def corrected(rows: list[Row], output: Output, corrections: Sequence[Correction]) -> list[Row]:
    """The rows under Rung's own names with the answers that a person gave."""
    answers = {one.before: one.expected for one in corrections}
    return [_corrected(row, output, answers) for row in rows] if answers else rows


def _corrected(row: Row, output: Output, answers: dict[str, JsonValue]) -> Row:
    try:
        asked = input_of(row, row.data.get("input"), row.data)
        given = row_expected(read_expected(output, row.data.get("expected")))
    except (RowError, GoldError):
        return row  # whoever reads the row says what is wrong with it
    answer = answers.get(digest([asked, given]), given)
    return row if answer == given else row._replace(data={**row.data, "expected": answer})


def rejected(output: Output, example: Example) -> str | None:
    """What was answered instead, as a model writes it; None where nothing was, or it is right too.

    Rows of preference sets may hold it as a conversation, whose last turn is the answer.
    """
    given = example.meta.get(REJECTED)
    if isinstance(given, list) and given and isinstance(given[-1], dict):
        given = given[-1].get("content", given)
    if not isinstance(given, str):
        if not isinstance(output, SchemaOutput | MultiLabelOutput) or given is None:
            return None
        given = render(output, given)
    parsed = parse(output, given)  # two spellings of one answer are no pair
    text = render(output, parsed.value) if parsed.valid else given
    right = {render(output, one) for one in example.references}
    return text if text.strip() and text not in right else None


def looked_at(examples: Sequence[Example], corrections: Sequence[Correction]) -> tuple[str, ...]:
    """Ids of the examples whose answer a person confirmed or gave."""
    known = {one.after for one in corrections}
    return tuple(e.id for e in examples if digest([e.input, row_expected(e)]) in known)


def corrections_note(
    test: Sequence[Example], examples: Sequence[Example], corrections: Sequence[Correction]
) -> list[str]:
    """How many answers a person corrected, and what of the file fits no row any more."""
    changed = [one for one in corrections if one.was != one.expected]
    ids = looked_at(examples, changed)
    notes = []
    if ids:
        held = sum(e.id in set(ids) for e in test)
        notes.append(
            f"{len(ids)} answers are as a person corrected them in {FILE}, {held} of them in test"
        )
    names = {digest([e.input, row_expected(e)]) for e in examples}
    astray = [one for one in corrections if one.after not in names]
    if astray:
        notes.append(
            f"{FILE}: {len(astray)} lines fit no row any more, the first speaks of {astray[0].id!r}"
        )
    return notes


__all__ = [
    "FILE",
    "REJECTED",
    "Correction",
    "corrected",
    "corrections_note",
    "looked_at",
    "read_corrections",
    "rejected",
]
