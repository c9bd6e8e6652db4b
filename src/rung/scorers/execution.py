"""Execution: a SQL answer returns what the expected query returns, on a real SQLite database.

The order of rows counts only where the expected query has ORDER BY; names of columns never count.
A wrong query that happens to return the right rows is right here: rows that tell right queries
from near misses are the data's business.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Self

from rung.errors import UserError
from rung.records import Answer
from rung.scorers.base import ComparingScorer, Score, answer_text, marks
from rung.scorers.sqlite import QueryError, Rows, from_file, from_script, run
from rung.task.contract import parse_sql
from rung.task.types import Example, SqlOutput, Task
from rung.task.wording import listed, shown


class Execution(ComparingScorer):
    """1 where both queries return the same rows, else 0."""

    name = "execution"
    kinds = frozenset({"sql"})

    def __init__(self, database: Callable[[Example], Connection], version: str) -> None:
        self.version = version
        self._database = database

    @classmethod
    def for_task(cls, task: Task) -> Self:
        """Takes the database from the task's output, or each example's own script."""
        output = task.output
        assert isinstance(output, SqlOutput)  # by `kinds`
        if output.database is None:
            return cls(partial(_own_script, output), "1")
        path = (task.root or Path()) / output.database
        try:
            content = path.read_bytes()
        except OSError as problem:
            raise UserError(f"{output.database}: cannot be read ({problem.strerror})") from None
        version = f"1:{hashlib.sha256(content).hexdigest()[:12]}"
        if path.suffix != ".sql":
            return cls(lambda _: from_file(path), version)
        script = content.decode("utf-8")
        return cls(lambda _: from_script(script), version)

    async def score(self, example: Example, answer: Answer) -> Score:
        """Runs in a thread: a query may take seconds."""
        if not answer.valid:
            return await super().score(example, answer)
        return await asyncio.to_thread(self.compare, example, answer)

    def compare(self, example: Example, answer: Answer) -> Score:
        """Both queries on the same data, each on a fresh connection."""
        connect = partial(self._database, example)
        gold_query = str(example.expected).strip().rstrip(";")
        try:
            gold = run(connect, gold_query)
        except QueryError as problem:
            raise UserError(
                f"example {example.id!r}: the expected query {shown(gold_query)} fails: "
                f"{problem}; correct the query or the database"
            ) from None
        try:
            said = run(connect, answer_text(answer))
        except QueryError as problem:
            return marks(0.0, f"the query fails: {problem}", runs=0.0)
        same = _same(said, gold, ordered=_has_order(gold_query))
        reason = None if same else f"{_size(said)} instead of {_size(gold)}, or other values"
        return marks(float(same), reason, runs=1.0)


def _own_script(output: SqlOutput, example: Example) -> Connection:
    """The example's own small database, from its `meta`."""
    script = _meta(example, output.script_field, str)
    rows = None if output.rows_field is None else _meta(example, output.rows_field, list)
    return from_script(script, rows)


def _meta(example: Example, field: str | None, kind: type) -> Any:
    value = example.meta.get(field or "")
    if not isinstance(value, kind):
        seen = listed(example.meta) if value is None else shown(value)
        what = "a CREATE/INSERT script" if kind is str else "a list of rows"
        raise UserError(
            f"example {example.id!r}: field {field!r}, named in [output] sql, must hold {what}; "
            f"seen: {seen or 'no fields'}"
        )
    return value


def _has_order(query: str) -> bool:
    """Whether the query itself, not one inside it, has ORDER BY."""
    trees = parse_sql(query)
    return bool(trees and trees[0].args.get("order"))


def _same(said: Rows, gold: Rows, ordered: bool) -> bool:
    a, b = [_plain(row) for row in said], [_plain(row) for row in gold]
    return a == b if ordered else Counter(a) == Counter(b)


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """2 and 2.0 are the same number, and so are floats that differ beyond 9 digits."""
    return tuple(float(f"{cell:.9g}") if isinstance(cell, float) else cell for cell in row)


def _size(rows: Rows) -> str:
    return f"{len(rows)} rows of {len(rows[0])} columns" if rows else "no rows"
