"""Inputs without answers: what a teacher labels for a smaller model."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rung.task.columns import Columns, mapped
from rung.task.duplicates import groups, normalised
from rung.task.examples import input_of
from rung.task.faults import Faults, RowError
from rung.task.rows import read_table
from rung.task.types import Example, JsonValue, digest, render_input

MOST = 1_000
"""Inputs that are kept, in hash order: each costs an answer of the teacher."""
Input = str | dict[str, JsonValue]


class Unlabelled(NamedTuple):
    """The inputs of a file that no labelled row nearly repeats."""

    inputs: tuple[Input, ...] = ()
    notes: tuple[str, ...] = ()


def as_example(value: Input) -> Example:
    """An input as the row that a teacher is asked: its id comes of its content."""
    return Example(id=f"taught-{digest(value)[:12]}", input=value, expected="")


def read_unlabelled(
    path: Path, name: str, columns: Columns | None, labelled: Sequence[Example]
) -> Unlabelled:
    """Rows of `input`; whatever else stands in them is left, an answer too.

    Those near a labelled row are taken out: an answer that a teacher gives to a test example
    would be learnt by whoever is tested on it.
    """
    table = read_table(path, name)
    only = None if columns is None or columns.input is None else Columns(input=columns.input)
    faults, inputs = Faults(name), dict[str, Input]()
    for row in table.rows:
        data = row.data if only is None else mapped(row, only).data
        try:
            value = input_of(row, data.get("input"), data)
        except RowError as error:
            faults.add(error)
            continue
        inputs.setdefault(normalised(render_input(value)), value)
    faults.raise_any(len(table.rows))
    fresh = _apart(list(inputs.values()), labelled)
    kept = sorted(fresh, key=digest)[:MOST]
    notes = list(table.notes)
    if len(kept) < len(table.rows):
        notes.append(
            f"{name}: {len(kept)} of {len(table.rows)} unlabelled inputs are used; left out are "
            f"repeated ones, those that a labelled row nearly repeats, and what exceeds {MOST:,}"
        )
    return Unlabelled(tuple(kept), tuple(notes))


def _apart(inputs: Sequence[Input], labelled: Sequence[Example]) -> list[Input]:
    texts = [*(e.input_text() for e in labelled), *map(render_input, inputs)]
    group = groups(texts)
    taken = set(group[: len(labelled)])
    return [one for one, g in zip(inputs, group[len(labelled) :], strict=True) if g not in taken]
