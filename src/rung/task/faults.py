"""What is wrong with the rows of a file, said together: kinds, counts and where."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from rung.errors import UserError
from rung.task.types import JsonValue
from rung.task.wording import shown

_KINDS = 3
"""Kinds of mistakes that one message spells out."""
_PLACES = 5
_VALUES_SHOWN = 12
_VALUES = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[{\[].*[}\]]|\d+|\(.*\)")
"""What differs between two rows with the same mistake."""


class RowError(UserError):
    """One row that cannot be used."""

    def __init__(self, row: Row, problem: str, seen: JsonValue = None) -> None:
        super().__init__(f"{row.file} {row.place} {row.line}: {problem}")
        self.row, self.problem = row, problem
        self.seen = seen
        """The value that cannot be used, where it says more than the sentence about the first."""


class Row(NamedTuple):
    """One row and where it stands."""

    file: str
    line: int
    """Line in the file, or number of the row (see `place`), counted from 1."""
    data: dict[str, JsonValue]
    place: str = "line"
    """What `line` counts: `line`, or `row` where a file has no lines."""

    def error(self, problem: str, seen: JsonValue = None) -> RowError:
        """A `UserError` that names this row."""
        return RowError(self, problem, seen)


class Faults:
    """Collects the mistakes of a file's rows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kinds: dict[str, list[RowError]] = {}

    def add(self, error: RowError) -> None:
        """One more row that cannot be used."""
        self.kinds.setdefault(_VALUES.sub("", error.problem)[:60], []).append(error)

    def raise_any(self, total: int) -> None:
        """Raise one `UserError` for all of them; `total` is how many rows the file has."""
        if not self.kinds:
            return
        every = [error for kind in self.kinds.values() for error in kind]
        if len(every) == 1:
            raise every[0]
        ordered = sorted(self.kinds.values(), key=len, reverse=True)
        parts = [_said(kind) for kind in ordered[:_KINDS]]
        if len(ordered) > _KINDS:
            rest = sum(map(len, ordered[_KINDS:]))
            parts.append(f"and {rest} rows with {len(ordered) - _KINDS} other mistakes")
        raise UserError(
            f"{self.name}: {len(every)} of {total} rows cannot be used: " + " | ".join(parts)
        )


def _said(kind: list[RowError]) -> str:
    first = kind[0]
    if len(kind) == 1:
        return f"{first.row.place} {first.row.line}: {first.problem}"
    places = ", ".join(str(error.row.line) for error in kind[:_PLACES])
    more = ", …" if len(kind) > _PLACES else ""
    values = Counter(shown(error.seen) for error in kind if error.seen is not None)
    each = ", ".join(f"{value} ({count})" for value, count in values.most_common(_VALUES_SHOWN))
    rest = f" and {len(values) - _VALUES_SHOWN} more" if len(values) > _VALUES_SHOWN else ""
    every = f"; by value: {each}{rest}" if len(values) > 1 else ""
    return (
        f"{len(kind)} such as {first.row.place} {first.row.line}: {first.problem} "
        f"({first.row.place}s {places}{more}{every})"
    )
