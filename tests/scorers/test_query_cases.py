"""Queries that a person would call right or wrong, on one small database."""

from __future__ import annotations

from typing import Any

import pytest

from rung.records import Answer
from rung.scorers.execution import Execution
from rung.scorers.sqlite import from_script
from rung.task.contract import parse
from rung.task.types import Example, SqlOutput

SCRIPT = """CREATE TABLE t (a INT, b TEXT, c REAL);
INSERT INTO t VALUES (1, 'x', 0.1), (2, 'y', 0.2), (2, 'z', NULL), (3, 'x', 0.30000000000000004),
  (NULL, 'q', 1.0);
CREATE TABLE u (a INT, d TEXT); INSERT INTO u VALUES (1, 'one'), (2, 'two'), (2, 'deux');
CREATE TABLE "Order Items" (id INT, "unit price" REAL); INSERT INTO "Order Items" VALUES (1, 2.5);
"""
RIGHT = [
    ("select a from t", "select a from t;"),
    ("select a from t", "select a from t; -- done"),
    ("select a from t", "/* x */ select a from t /* y */"),
    ("select a from t", "Here it is:\n```sql\nselect a from t;\n```\nThis works."),
    ("select a from t", "SELECT a FROM t ORDER BY a"),
    ("select b from t order by a", "select b from t order by a, b desc"),
    ("select b from t where a is not null order by a limit 2",
     "select b from t where a is not null order by a, b desc limit 2"),
    ("select count(*) from t", "select 5.0"),
    ("select sum(c) from t", "select 1.6"),
    ("select 0.1 + 0.2", "select 0.3"),
    ("select -0.0", "select 0"),
    ("select true", "select 1"),
    ("select 1e308 * 10", "select 9e999"),
    ("select max(a) m from t", "select a from t order by a desc limit 1"),
    ("select b, count(*) from t group by b", "select b, count(b) n from t group by 1 order by 2"),
    ('select "unit price" from "Order Items"', "select [unit price] from [Order Items]"),
    ('select "unit price" from "Order Items"', "select `unit price` from `Order Items`"),
    ("select t.a, u.d from t join u on t.a = u.a", "select t.a, u.d from u, t where t.a = u.a"),
    ("select a from t", "with x as (select * from t) select a from x"),
    ("select a from t order by a nulls last", "select a from t order by a is null, a"),
]  # fmt: skip
WRONG = [
    ("select a from t order by a", "select a from t order by a desc"),
    ("select a, b from t", "select b, a from t"),
    ("select distinct b from t", "select b from t"),
    ("select count(*) from t", "select '5'"),
    ("select a from t where c is null", "select a from t where c = NULL"),
    ("select null", "select ''"),
    ("select null", "select 0"),
    ("select x'61'", "select 'a'"),
    ("select 'a '", "select 'a'"),
    ("select 123456789012.0", "select 123456789013.0"),
    ("select a from t", "select a from t; select a from t"),
    ("select a from t", "select a from t; drop table t"),
    ("select a from t", "drop table t"),
    ("select a from t", "with recursive r(n) as (select 1 union all select n + 1 from r) "
     "select n from r"),
]  # fmt: skip


def _database(_: Example) -> Any:
    return from_script(SCRIPT)


@pytest.mark.parametrize(
    ("gold", "said", "right"), [*((*p, True) for p in RIGHT), *((*p, False) for p in WRONG)]
)
async def test_an_expert_would_sign(gold: str, said: str, right: bool) -> None:
    output = SqlOutput(database="x.sql")
    read = parse(output, said)
    answer = Answer(text=said, value=read.value, valid=read.valid, problem=read.problem)
    example = Example(id="1", input="q", expected=gold)
    score = await Execution(_database, "v").score(example, answer)
    assert score.value == float(right), score.reason
