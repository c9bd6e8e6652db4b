"""Execution: a SQL answer returns what the expected query returns, on a real SQLite database.

Rows are compared as Spider's test suites compare them (Zhong, Yu and Klein 2020, `result_eq`): as a
bag, in order only where the expected query has ORDER BY, names of columns never. `result_eq` takes
columns in any order, as `column_order = false` does here; by default they have theirs, as in BIRD's
script (Li et al. 2023), which compares sets, so that neither order nor repeated rows count. Other
than both, rows that a tie leaves in any order are right in any order. A wrong query that happens to
return the right rows is right here: rows that tell right queries from near misses are the data's
business.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Self

from rung.errors import UserError
from rung.records import Answer
from rung.scorers.base import ComparingScorer, Score, answer_text, marks
from rung.scorers.query_rows import ExpectedRows, column_orders, decided_by_a_tie, expected_rows
from rung.scorers.sqlite import QueryError, Rows, from_file, from_script, run
from rung.task.types import Example, JsonValue, SqlOutput, Task
from rung.task.wording import listed, shown

_VERSION = "2"


class Execution(ComparingScorer):
    """1 where both queries return the same rows, else 0."""

    name = "execution"
    kinds = frozenset({"sql"})

    def __init__(
        self, database: Callable[[Example], Connection], version: str, column_order: bool = True
    ) -> None:
        self.version = version
        self._database = database
        self._column_order = column_order

    @classmethod
    def for_task(cls, task: Task) -> Self:
        """Takes the database from the task's output, or each example's own script."""
        output = task.output
        assert isinstance(output, SqlOutput)  # by `kinds`
        if output.database is None:
            return cls(partial(_own_script, output), _VERSION, output.column_order)
        path = (task.root or Path()) / output.database
        try:
            content = path.read_bytes()
        except OSError as problem:
            raise UserError(f"{output.database}: cannot be read ({problem.strerror})") from None
        version = f"{_VERSION}:{hashlib.sha256(content).hexdigest()[:12]}"
        if path.suffix != ".sql":
            return cls(lambda _: from_file(path), version, output.column_order)
        script = content.decode("utf-8")
        return cls(lambda _: from_script(script), version, output.column_order)

    async def score(self, example: Example, answer: Answer) -> Score:
        """Runs in a thread: a query may take seconds."""
        if not answer.valid:
            return await super().score(example, answer)
        return await asyncio.to_thread(self.compare, example, answer)

    def against(self, gold: JsonValue, example: Example, answer: Answer) -> Score:
        """Both queries on the same data, each on a fresh connection."""
        connect = partial(self._database, example)
        try:
            right = expected_rows(connect, str(gold))
        except QueryError as problem:
            raise UserError(
                f"example {example.id!r}: the expected query {shown(str(gold))} fails: "
                f"{problem}; correct the query or the database"
            ) from None
        try:
            given = run(connect, answer_text(answer))
        except QueryError as problem:
            return marks(0.0, f"the query fails: {problem}", runs=0.0)
        same = any(right.holds(rows) for rows in self._readings(given, right))
        reason = None if same else f"{_size(given)} instead of {_size(right.rows)}, or other values"
        return marks(float(same), reason, runs=1.0)

    def decided_by_a_tie(self, example: Example) -> bool:
        """Whether the expected query could return other rows; `QueryError` where it fails."""
        return decided_by_a_tie(partial(self._database, example), str(example.expected))

    def _readings(self, rows: Rows, right: ExpectedRows) -> Iterator[Rows]:
        """The answer's rows, with their columns in every order that may fit where none counts."""
        if self._column_order or not rows or not right.rows:
            yield rows
            return
        yield from column_orders(rows, right.rows)


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


def _size(rows: Rows) -> str:
    return f"{len(rows)} rows of {len(rows[0])} columns" if rows else "no rows"
