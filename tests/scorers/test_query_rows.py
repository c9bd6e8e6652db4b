"""Which rows a query may return, ties and columns included."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from rung.audit.checks.ties import check
from rung.audit.material import Material
from rung.scorers import scorer_for
from rung.scorers.query_rows import decided_by_a_tie, expected_rows
from rung.scorers.sqlite import from_script
from rung.task.contract import parse
from rung.task.types import SqlOutput

from .tasks import answer, task

SCRIPT = """CREATE TABLE t (a, b, c);
INSERT INTO t VALUES (1, 'x', 5), (2, 'y', 5), (3, 'z', 7), (4, 'w', 5)"""
DATABASE = partial(from_script, SCRIPT)


@pytest.mark.parametrize(
    ("query", "rows", "right"),
    [
        ("SELECT b FROM t ORDER BY c LIMIT 1", "y", True),
        ("SELECT b FROM t ORDER BY c LIMIT 1", "z", False),
        ("SELECT b FROM t ORDER BY c LIMIT 2", "yw", True),
        ("SELECT b FROM t ORDER BY c LIMIT 2", "yy", False),
        ("SELECT b FROM t ORDER BY c LIMIT 2 OFFSET 2", "xz", True),
        ("SELECT b FROM t ORDER BY c DESC", "zwyx", True),
        ("SELECT b FROM t ORDER BY c DESC", "wzyx", False),
        ("SELECT b, c AS d FROM t ORDER BY d DESC LIMIT 1", [("z", 7)], True),
        ("SELECT b, c FROM t ORDER BY 2, 1", [("w", 5), ("x", 5), ("y", 5), ("z", 7)], True),
        ("SELECT b, c FROM t ORDER BY 2, 1", [("x", 5), ("w", 5), ("y", 5), ("z", 7)], False),
        ("SELECT a FROM t UNION SELECT c FROM t ORDER BY 1 LIMIT 2", [(1,), (2,)], True),
    ],
)
def test_a_tie_may_come_in_any_order(query: str, rows: object, right: bool) -> None:
    assert expected_rows(DATABASE, query).holds([tuple(row) for row in rows]) is right


@pytest.mark.parametrize(
    ("query", "tied"),
    [
        ("SELECT b FROM t ORDER BY c LIMIT 1", True),
        ("SELECT b FROM t ORDER BY c LIMIT 1 OFFSET 2", True),
        ("SELECT c FROM t ORDER BY c LIMIT 1", False),
        ("SELECT b FROM t ORDER BY c DESC LIMIT 1", False),
        ("SELECT b FROM t ORDER BY c DESC", False),
        ("SELECT b FROM t LIMIT 2", True),
        ("SELECT max(a) FROM t LIMIT 1", False),
        ("SELECT c, count(*) AS n FROM t GROUP BY c ORDER BY n DESC LIMIT 1", False),
        ("SELECT b FROM t WHERE a = (SELECT a FROM t ORDER BY c LIMIT 1)", True),
        ("WITH q AS (SELECT a FROM t ORDER BY c LIMIT 2) SELECT sum(a) FROM q", True),
        ("SELECT a FROM t WHERE c = (SELECT c FROM t ORDER BY c LIMIT 1)", False),
    ],
)
def test_golds_that_a_tie_decides(query: str, tied: bool) -> None:
    assert decided_by_a_tie(DATABASE, query) is tied


def test_the_audit_names_them(tmp_path) -> None:
    own = task("sql", "execution", "SELECT b FROM t ORDER BY a LIMIT 1")
    (tmp_path / "t.sql").write_text(SCRIPT)
    output = SqlOutput(database="t.sql")
    own = own.model_copy(update={"output": output, "root": tmp_path})
    assert check(Material(own)).flags == ()
    (one,) = own.train
    tied = one.model_copy(update={"expected": "SELECT b FROM t ORDER BY c LIMIT 1"})
    (flag,) = check(Material(own.model_copy(update={"train": (tied,)}))).flags
    assert flag.id == "ties" and flag.examples == ("e1",)
    assert check(Material(task("text"))).skipped


@pytest.mark.parametrize(
    ("said", "any_order"),
    [
        ("SELECT c, a FROM t", 1.0),
        ("SELECT c, c FROM t", 0.0),
        ("SELECT a FROM t", 0.0),
        ("SELECT c, 5 - a FROM t", 0.0),
    ],
)
def test_the_order_of_columns_is_a_setting(said: str, any_order: float) -> None:
    for strict, value in ((True, 0.0), (False, any_order)):
        output = SqlOutput(script_field="ddl", column_order=strict)
        own = task("sql", "execution", "SELECT a, c FROM t", output=output)
        (one,) = own.train
        one = one.model_copy(update={"meta": {"ddl": SCRIPT}})
        score = asyncio.run(scorer_for(own).score(one, answer(output, said)))
        assert score.value == value


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("SELECT 1; -- done", True),
        ("SELECT 1 /* x */;", True),
        ("```sql\nSELECT 1;\n-- why\n-- and how\n```", True),
        ("SELECT ';' -- ;", True),
        ("SELECT 1; SELECT 2", False),
        ("SELECT 1; DROP TABLE t -- done", False),
        ("-- only a comment", False),
    ],
)
def test_a_comment_after_the_query_is_no_statement(text: str, valid: bool) -> None:
    assert parse(SqlOutput(script_field="ddl"), text).valid is valid
