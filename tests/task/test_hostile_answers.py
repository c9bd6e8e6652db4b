"""Answers built to keep a parser busy are settled by counting."""

from __future__ import annotations

import time

import pytest

from rung.task.contract import parse, parse_sql
from rung.task.types import SqlOutput

DOUBLING = "WITH a0 AS (SELECT 1 AS x)"


def doubling(n: int, lead: str = "FROM") -> str:
    more = "".join(f", a{i + 1} AS (SELECT p.x {lead} a{i} p, /* , */ a{i} AS q)" for i in range(n))
    return f"{DOUBLING}{more} SELECT * FROM a{n}"


def test_tables_that_name_each_other_twice_are_not_planned() -> None:
    started = time.monotonic()
    found = parse(SqlOutput(database="x.sqlite"), doubling(40))
    assert not found.valid and "unfold into too many queries" in str(found.problem)
    assert time.monotonic() - started < 2
    assert parse(SqlOutput(database="x.sqlite"), doubling(5)).valid


def test_ordinary_common_tables_are_planned() -> None:
    query = (
        "WITH sales AS (SELECT day, sum(usd) AS usd FROM orders GROUP BY day), best AS (SELECT "
        "max(usd) AS usd FROM sales), worst(usd) AS (SELECT min(usd) FROM sales) SELECT sales.day, "
        "sales.usd FROM sales JOIN best ON sales.usd = best.usd, worst WHERE sales.usd > worst.usd"
    )
    assert parse(SqlOutput(database="x.sqlite"), query).valid


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("(", ")"),
        ("(SELECT ", ")"),
        ("CASE WHEN 1 THEN ", " ELSE 2 END"),
        ("abs(", ")"),
        ("CAST(", " AS INT)"),
        ("1 IN (SELECT 1 WHERE ", ")"),
        ("EXISTS (SELECT * FROM (SELECT ", "))"),
    ],
)
@pytest.mark.parametrize("depth", [25, 2_000])
def test_deep_nesting_is_settled_soon(opening: str, closing: str, depth: int) -> None:
    query = "SELECT " + opening * depth + "1" + closing * depth
    started = time.monotonic()
    parse(SqlOutput(database="x.sqlite"), query)
    parse_sql(query)
    assert time.monotonic() - started < 5
