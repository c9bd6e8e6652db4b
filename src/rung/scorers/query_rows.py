"""Which rows are right for a query, ties included: what ORDER BY leaves open is not held against.

Not a scorer. Ties are found by running the query once more with its sort keys as further columns
and without its LIMIT.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from rung.scorers.sqlite import MAX_ROWS, Connect, QueryError, Rows, run
from rung.task.contract import parse_sql

if TYPE_CHECKING:
    from sqlglot import exp

_MOST_ORDERS = 5040
"""Orders of columns tried, those of seven columns that are all alike."""
Row = tuple[Any, ...]


class ExpectedRows(NamedTuple):
    """The rows of the expected query, and the order they may come in."""

    rows: Rows
    groups: tuple[tuple[int, Counter[Row]], ...]
    """In order: how many rows come next, and the rows they may be, in any order."""

    def holds(self, rows: Rows) -> bool:
        """Whether these rows are right."""
        plain = [plain_row(row) for row in rows]
        if len(plain) != sum(size for size, _ in self.groups):
            return False
        start = 0
        for size, allowed in self.groups:
            if not Counter(plain[start : start + size]) <= allowed:
                return False
            start += size
        return True


def plain_row(row: Row) -> Row:
    """2 and 2.0 are the same number, and so are floats that differ beyond 12 digits."""
    return tuple(float(f"{cell:.12g}") if isinstance(cell, float) else cell for cell in row)


def expected_rows(connect: Connect, query: str) -> ExpectedRows:
    """Run the expected query; raises `QueryError` where it fails."""
    query = query.strip().rstrip("; \t\n")
    rows = run(connect, query)
    plain = [plain_row(row) for row in rows]
    trees = parse_sql(query)
    if not trees or not trees[0].args.get("order"):
        return ExpectedRows(rows, ((len(plain), Counter(plain)),))
    return ExpectedRows(
        rows, _tied(connect, trees[0], plain) or tuple((1, Counter((row,))) for row in plain)
    )


def _tied(
    connect: Connect, tree: exp.Expr, rows: list[Row]
) -> tuple[tuple[int, Counter[Row]], ...] | None:
    """The rows in groups of equal sort keys; None where the keys cannot be read."""
    keyed = _with_keys(connect, tree)
    skipped, most = _number(tree, "offset", 0), _number(tree, "limit", MAX_ROWS)
    if keyed is None or skipped is None or most is None or not rows:
        return None
    width = len(rows[0])
    groups: list[tuple[int, Counter[Row]]] = []
    place = 0
    while place < len(keyed):
        key = keyed[place][width:]
        end = place
        while end < len(keyed) and keyed[end][width:] == key:
            end += 1
        size = min(end, skipped + most) - max(place, skipped)
        if size > 0:
            groups.append((size, Counter(row[:width] for row in keyed[place:end])))
        place = end
    tied = ExpectedRows([], tuple(groups))
    return tied.groups if tied.holds(list(rows)) else None


def _with_keys(connect: Connect, tree: exp.Expr) -> list[Row] | None:
    """All rows of a query in its order, with its sort keys behind their own columns."""
    from sqlglot import exp

    if not isinstance(tree, exp.Select) or tree.args.get("distinct"):
        return None
    plain = tree.copy()
    named = {one.alias_or_name.lower(): one.unalias() for one in plain.selects}
    keys = []
    for ordered in plain.args["order"].expressions:
        key = ordered.this
        if isinstance(key, exp.Literal) and key.is_int and 1 <= int(key.this) <= len(plain.selects):
            key = plain.selects[int(key.this) - 1].unalias()
        elif isinstance(key, exp.Column) and not key.table and key.name.lower() in named:
            key = named[key.name.lower()]
        keys.append(key.copy())
    if any(isinstance(key, exp.Star) for key in keys):
        return None
    plain.set("limit", None)
    plain.set("offset", None)
    with_keys = plain.select(*(exp.alias_(key, f"rung_key_{n}") for n, key in enumerate(keys)))
    try:
        return [plain_row(row) for row in run(connect, with_keys.sql(dialect="sqlite"))]
    except QueryError:
        return None


def _number(tree: exp.Expr, name: str, otherwise: int) -> int | None:
    """The number after LIMIT or OFFSET; None where it is no plain number."""
    clause = tree.args.get(name)
    if clause is None:
        return otherwise
    text = clause.expression.sql() if clause.expression is not None else ""
    return int(text) if text.isdigit() else None


def decided_by_a_tie(connect: Connect, query: str) -> bool:
    """Whether LIMIT cuts through rows that nothing tells apart, in the query or inside it.

    Inner queries that stand by themselves are looked at too; raises `QueryError` where the query
    fails.
    """
    from sqlglot import exp

    run(connect, query)
    for tree in (parse_sql(query) or ())[:1]:
        for select in tree.find_all(exp.Select):
            if select.args.get("limit") is not None and _cut_through(connect, select):
                return True
    return False


def _cut_through(connect: Connect, select: exp.Select) -> bool:
    """Whether more rows might have come, as good as the last that did."""
    try:
        kept = len(run(connect, select.sql(dialect="sqlite")))
        skipped = _number(select, "offset", 0)
        if select.args.get("order") is None:
            whole = select.copy()
            whole.set("limit", None)
            whole.set("offset", None)
            rows = run(connect, whole.sql(dialect="sqlite"))
            return kept > 0 and len(rows) > kept and len(set(map(plain_row, rows))) > 1
        keyed = _with_keys(connect, select)
    except QueryError:  # it needs the query around it
        return False
    if not keyed or not kept or skipped is None:
        return False
    width = len(keyed[0]) - len(select.args["order"].expressions)
    for cut in (skipped, skipped + kept):
        if 0 < cut < len(keyed) and keyed[cut - 1][width:] == keyed[cut][width:]:
            key = keyed[cut][width:]
            if len({row[:width] for row in keyed if row[width:] == key}) > 1:
                return True
    return False


def column_orders(rows: Rows, gold: Rows) -> Iterator[Rows]:
    """The rows with their columns in each order in which every column holds what gold's does."""
    if len(rows) != len(gold) or len(rows[0]) != len(gold[0]):
        return
    given = [Counter(column) for column in zip(*map(plain_row, rows), strict=True)]
    wanted = [Counter(column) for column in zip(*map(plain_row, gold), strict=True)]
    fits = [[n for n, column in enumerate(given) if column == one] for one in wanted]
    orders = _assignments(fits, ())
    for _, order in zip(range(_MOST_ORDERS), orders, strict=False):
        yield [tuple(row[n] for n in order) for row in rows]


def _assignments(fits: list[list[int]], taken: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if len(taken) == len(fits):
        yield taken
        return
    for column in fits[len(taken)]:
        if column not in taken:
            yield from _assignments(fits, (*taken, column))
