"""What an import gives: the files of a task, and what could not be brought along."""

import json
from collections.abc import Iterable

from rung.task.types import Frozen, JsonValue


class Imported(Frozen):
    """The files of a task, and what could not be brought along."""

    files: dict[str, str]
    notes: tuple[str, ...]
    unready: str = ""
    """What a person has to add before the task can be used; empty where it can be."""
    columns: tuple[str, ...] = ()
    """Columns of the rows, where which of them is the answer was guessed."""


def lines(rows: Iterable[JsonValue]) -> str:
    """Rows as JSONL."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
