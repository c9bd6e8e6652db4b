"""The figures of single scorers, against hand counts and against the libraries of their makers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.errors import ProviderError, UserError
from rung.models.base import ChatReply, ChatRequest
from rung.records import Answer, Usage
from rung.scorers import Judge, Score, grade_gold, macro_f1, scorer_for
from rung.scorers.exact_match import ExactMatch
from rung.scorers.field_f1 import FieldF1, fields
from rung.scorers.judge import fill, prompt_version, read_verdict
from rung.task.types import Example, SchemaOutput, SqlOutput, Target, TextOutput

from .tasks import SCRIPT, answer, task


def judge(metric: str, kind: str, expected: Any, text: str, **parts: Any) -> Score:
    own = task(kind, metric, expected, **parts)
    return asyncio.run(scorer_for(own).score(own.train[0], answer(own.output, text)))


FREE = {"output": TextOutput()}
ANY_JSON = {"output": SchemaOutput(json_schema={})}


def test_macro_f1() -> None:
    assert macro_f1([]) is None
    assert macro_f1([("a", "a"), ("b", "b")]) == 1.0
    pairs = [("a", "a"), ("a", "b"), ("b", "b"), ("c", None)]
    assert macro_f1(pairs) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


@pytest.mark.slow
def test_macro_f1_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    gold, said = list("aabbccdda"), list("abbbcacdz")
    mine = macro_f1(zip(gold, said, strict=True))
    assert mine == pytest.approx(metrics.f1_score(gold, said, average="macro", zero_division=0))


@pytest.mark.parametrize(
    ("expected", "said", "value"),
    [
        ("The Green Line", "green line.", 1),
        ("in 1994", "1994", 0),
        ("the", "the", 1),
        ("the", "a", 0),
        ("«Émile»", "émile", 1),
    ],
)
def test_exact_match_of_text(expected: str, said: str, value: float) -> None:
    assert judge("exact_match", "text", expected, said, **FREE).value == value


@pytest.mark.parametrize(
    ("expected", "said", "value"),
    [
        ({"a": 1, "b": [1, 2]}, '{"b": [1.0, 2], "a": 1}', 1),
        ({"a": 1}, '{"a": true}', 0),
        ({"a": [1, 2]}, '{"a": [2, 1]}', 0),
        ({"a": "x  y"}, '{"a": "x y "}', 1),
        ({"a": None}, "{}", 0),
        ({"a": 0.30000000000000004}, '{"a": 0.3}', 1),
        ({"a": 0.3}, '{"a": 0.31}', 0),
        ({"a": 1e3}, '{"a": 1000}', 1),
        ({"a": 1}, '{"a": "1"}', 0),
        ({"a": "cafe\u0301"}, '{"a": "caf\u00e9"}', 1),
        ({"a": 10**20}, '{"a": 100000000000000000001}', 0),
    ],
)
def test_exact_match_of_json(expected: Any, said: str, value: float) -> None:
    assert judge("exact_match", "schema", expected, said, **ANY_JSON).value == value


def test_exact_match_of_sql() -> None:
    assert judge("exact_match", "sql", "SELECT a\n FROM t;", "SELECT a FROM t").value == 1
    assert judge("exact_match", "sql", "SELECT a FROM t", "SELECT b FROM t").value == 0
    assert judge("exact_match", "sql", "select a from t", "SELECT a FROM t; -- all").value == 1
    assert judge("exact_match", "sql", "SELECT 'a  b'", "SELECT 'a b'").value == 0


@pytest.mark.parametrize(
    ("expected", "said", "value"),
    [
        ("green chloroplast lineage", "the green lineage", 0.8),
        ("World War II", "It was World War II", 0.75),
        ("a b", "c", 0),
        ("one one two", "one", 0.5),
    ],
)
def test_token_f1(expected: str, said: str, value: float) -> None:
    score = judge("token_f1", "text", expected, said, **FREE)
    assert score.value == pytest.approx(value)
    assert score.details == {"valid": 1.0, "exact_match": 0.0}


@pytest.mark.parametrize(
    ("expected", "said", "value"),
    [
        ("30 days", "You have 30 days.", 1),
        ("30 days", "You have 130 days", 0),
        ("30 days", "30 working days", 0),
        ("?", "what ?", 0),
        ("?", "?", 1),
    ],
)
def test_contains(expected: str, said: str, value: float) -> None:
    assert judge("contains", "text", expected, said, **FREE).value == value


PERSON = {"text": "Jeff", "type": "PER"}
PLACE = {"text": "Oslo", "type": "LOC"}


@pytest.mark.parametrize(
    ("expected", "said", "value"),
    [
        ([PERSON, PLACE], [PLACE, PERSON], 1),
        ([PERSON, PERSON], [PERSON], 2 / 3),
        ([PERSON], [{"text": "Jeff", "type": "LOC"}], 0),
        ([], [], 1),
        ([], [PERSON], 0),
        ({"intent": "x", "slots": {"city": "Oslo"}}, {"intent": "x", "slots": {}}, 2 / 3),
        ({"intent": "x", "slots": {"city": "Oslo"}}, {"slots": {"intent": "x"}}, 0),
        ({"a": 1, "b": None}, {"a": 1.0}, 1),
        ({"a": 1}, {"a": "1"}, 0),
        ({"a": True}, {"a": 1}, 0),
        ({"a": ["x", "y"]}, {"a": ["y", "z"]}, 0.5),
        ({"a": 0.1 + 0.2}, {"a": 0.3}, 1),
        ({"a": "cafe\u0301"}, {"a": "caf\u00e9"}, 1),
    ],
)
def test_field_f1(expected: Any, said: Any, value: float) -> None:
    import json

    score = judge("field_f1", "schema", expected, json.dumps(said), **ANY_JSON)
    assert score.value == pytest.approx(value)


def test_a_large_number_has_two_spellings() -> None:
    example = Example(id="1", input="i", expected={"a": 10**30})
    for scorer in (FieldF1(), ExactMatch("schema")):
        assert scorer.compare(example, Answer(text="", value={"a": 1e30})).value == 1.0


def test_fields_of_odd_names_are_told_apart() -> None:
    assert set(fields({"a.b": 1})).isdisjoint(fields({"a": {"b": 1}}))


ENGLISH = st.lists(
    st.sampled_from(["the", "cat", "sat", "on", "a", "mat", "it's", "30", "days"]), min_size=1
).map(" ".join)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(ENGLISH, ENGLISH)
def test_rouge_l_is_that_of_rouge_score(gold: str, said: str) -> None:
    rouge = pytest.importorskip("rouge_score.rouge_scorer", reason="rouge-score is not installed")
    theirs = rouge.RougeScorer(["rougeL"]).score(gold, said)["rougeL"].fmeasure
    assert judge("rouge_l", "text", gold, said, **FREE).value == pytest.approx(theirs)


def test_rouge_l_reads_other_scripts() -> None:
    assert judge("rouge_l", "text", "список всех файлов", "список файлов", **FREE).value == 0.8


def test_chrf_is_that_of_sacrebleu() -> None:
    sacrebleu = pytest.importorskip("sacrebleu", reason="sacrebleu is not installed")
    gold, said = "List all files of a folder:", "Lists the files in a folder:"
    theirs = sacrebleu.sentence_chrf(said, [gold]).score / 100
    assert judge("chrf", "text", gold, said, **FREE).value == pytest.approx(theirs)


def test_rules_name_what_is_broken() -> None:
    score = judge("rules", "text", None, "List all files")
    assert score.value == 0.0 and score.reason == "broken: ends_with_colon"
    assert score.details == {
        "valid": 0.0, "rules_kept": 0.5, "rule:max_words": 1.0, "rule:ends_with_colon": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "said", "value"),
    [
        ("SELECT a FROM t", "SELECT a FROM t ORDER BY b DESC", 1),
        ("SELECT a FROM t ORDER BY a", "SELECT a FROM t ORDER BY a DESC", 0),
        ("SELECT a FROM t", "SELECT DISTINCT a FROM t", 0),
        ("SELECT sum(a) FROM t", "SELECT 5.0", 1),
        ("SELECT a, b FROM t", "SELECT b, a FROM t", 0),
        ("SELECT a FROM t", "SELECT nope FROM t", 0),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a)", "SELECT a FROM t ORDER BY a DESC", 1),
        ("SELECT a FROM t; -- all", "SELECT a FROM t -- all of them\n;", 1),
    ],
)  # fmt: skip
def test_execution(expected: str, said: str, value: float) -> None:
    assert judge("execution", "sql", expected, said).value == value


@pytest.mark.parametrize(
    "query",
    [
        "WITH a AS (SELECT load_extension('x')) SELECT * FROM a",
        "SELECT * FROM pragma_table_info('t')",
        "SELECT random()",
        "SELECT zeroblob(100000000)",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r",
    ],
)
def test_queries_are_bounded(query: str) -> None:
    score = judge("execution", "sql", None, query)
    assert score.value == 0.0 and score.details["runs"] == 0.0
    assert (score.reason or "").startswith("the query fails: ")


def test_a_query_without_end_is_stopped(monkeypatch) -> None:
    monkeypatch.setattr("rung.scorers.sqlite.MAX_STEPS", 100_000)
    endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT count(*) FROM r"
    score = judge("execution", "sql", None, endless)
    assert score.value == 0.0
    assert score.reason == "the query fails: stopped after 100,000 steps"


def test_execution_on_rows_and_files(tmp_path) -> None:
    import sqlite3

    own = Example(
        id="e1",
        input="x",
        expected="SELECT a FROM t",
        meta={"ddl": "CREATE TABLE t (a, b)", "rows": [[1, 2], [3, 4]]},
    )
    rows = SqlOutput(script_field="ddl", rows_field="rows")
    score = judge("execution", "sql", None, "SELECT b - 1 FROM t", output=rows, train=(own,))
    assert score.value == 1.0
    (tmp_path / "a.sql").write_text(SCRIPT)
    with sqlite3.connect(tmp_path / "a.sqlite") as connection:
        connection.executescript(SCRIPT)
    for name in ("a.sql", "a.sqlite"):
        place = {"output": SqlOutput(database=name), "root": tmp_path}
        assert judge("execution", "sql", "SELECT a FROM t", "SELECT a FROM t", **place).value == 1
    before = (tmp_path / "a.sqlite").read_bytes()
    version = scorer_for(task("sql", "execution", **place)).version
    assert (tmp_path / "a.sqlite").read_bytes() == before and len(version) == 14


async def test_all_gold_queries_that_fail_are_told_at_once() -> None:
    rows = [
        Example(id=f"e{n}", input="x", expected=f"SELECT c{n} FROM t", meta={"ddl": SCRIPT})
        for n in range(5)
    ]
    with pytest.raises(UserError) as seen:
        await grade_gold(task("sql", "execution", train=tuple(rows)))
    said = str(seen.value)
    assert said.startswith("5 of 5 gold answers") and said.count("no such column") == 3
    assert "'SELECT c2 FROM t'" in said and "; and 2 more; correct" in said


@pytest.mark.parametrize(
    ("meta", "expected", "sentence"),
    [
        (
            {"ddl": SCRIPT},
            "SELECT z FROM t",
            "the expected query 'SELECT z FROM t' fails: no such column: z; correct the examples",
        ),
        ({}, "SELECT 1", "field 'ddl', named in [output] sql, must hold a CREATE/INSERT script"),
        ({"ddl": "CREATE"}, "SELECT 1", "fails: the script cannot be run: incomplete input"),
        ({"ddl": "ATTACH 'x' AS y"}, "SELECT 1", "the script cannot be run: not authorized"),
    ],
)
async def test_a_failing_gold_query_is_the_users(meta, expected, sentence: str) -> None:
    example = Example(id="e1", input="x", expected=expected, meta=meta)
    with pytest.raises(UserError) as seen:
        await grade_gold(task("sql", "execution", train=(example,)))
    assert sentence in str(seen.value)


def test_a_function_is_a_scorer() -> None:
    def half(expected: Any, said: str) -> float:
        return 0.5 if said == expected else 0.0

    own = task("text", expected="a", output=TextOutput(), scorer=half)
    scorer = scorer_for(own)
    assert (scorer.name, scorer.graded, len(scorer.version)) == ("half", True, 12)
    assert asyncio.run(scorer.score(own.train[0], answer(own.output, "a"))).value == 0.5
    assert asyncio.run(scorer.score(own.train[0], answer(own.output, ""))).value == 0.0
    with pytest.raises(UserError, match=r"1 of 1 gold .* under 'half': first example 'e1' \(train"):
        asyncio.run(grade_gold(own))


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda expected, said: 3, "returned 3.0; it must be within 0 and 1"),
        (lambda expected, said: float("nan"), "returned nan; it must be within 0 and 1"),
        (lambda expected, said: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda expected, said: None, "raised TypeError"),
    ],
)
def test_a_function_that_fails_is_unscored(function, reason: str) -> None:
    score = judge("", "text", None, "a:", scorer=function)
    assert score.value is None and reason in (score.reason or "")


class FixedJudge:
    """Says one thing, or fails."""

    name = identity = "test/judge"
    context_window, constrains, trains = 8192, False, False

    def __init__(self, text: str | ProviderError) -> None:
        self.text = text
        self.requests: list[ChatRequest] = []

    async def reply(self, request: ChatRequest) -> ChatReply:
        self.requests.append(request)
        if isinstance(self.text, ProviderError):
            raise self.text
        return ChatReply(text=self.text, usage=Usage())

    def count_tokens(self, messages: Any) -> int:
        return 0

    async def aclose(self) -> None: ...


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ('{"reason": "same", "verdict": "correct"}', 1.0),
        ('```json\n{"reason": "other", "verdict": "wrong"}\n```', 0.0),
        ('{"verdict": "correct"}', None),
        ('{"reason": "", "verdict": "Correct"}', None),
        ('{"reason": "", "verdict": ["correct"]}', None),
        ("correct", None),
        ("[" * 100_000, None),
        (ProviderError("overloaded", status=529), None),
    ],
)
async def test_judge(reply: str | ProviderError, value: float | None) -> None:
    own = task("text", "judge")
    model = FixedJudge(reply)
    scorer = scorer_for(own, judge=model)
    score = await scorer.score(own.train[0], answer(own.output, "See {{expected}}:"))
    assert score.value == value and score.reason
    (request,) = model.requests
    prompt = request.messages[0].content
    assert "See {{expected}}:" in prompt and "the input" in prompt and "Do it." in prompt
    assert scorer.version == f"{prompt_version()}:test/judge"
    await grade_gold(own)
    assert len(model.requests) == 1


async def test_judge_is_not_asked_about_an_invalid_answer() -> None:
    own, model = task("text", "judge"), FixedJudge("")
    assert (await Judge(model, "x").score(own.train[0], answer(own.output, ""))).value == 0.0
    assert not model.requests


def test_filling_happens_once() -> None:
    assert fill("{{a}} {{b}}", a="{{b}}", b="x") == "{{b}} x"
    assert read_verdict("").value is None


MISTAKES = [
    ("labels", "acuracy", "unknown metric 'acuracy' in [target]; did you mean 'accuracy'?"),
    ("labels", "macro_f1", "is a figure of a whole set and has no score per example to decide on"),
    (
        "labels",
        "field_f1",
        "cannot judge an [output] of 'labels'; take one of: accuracy, exact_match, judge",
    ),
    ("text", "judge", "needs a model that judges; name it in [models], such as judge ="),
]


@pytest.mark.parametrize(("kind", "metric", "sentence"), MISTAKES)
def test_mistakes(kind: str, metric: str, sentence: str) -> None:
    with pytest.raises(UserError) as seen:
        scorer_for(task(kind, metric))
    assert sentence in str(seen.value)


def test_rules_need_rules() -> None:
    with pytest.raises(UserError, match=r"metric 'rules' in .target. needs rules to keep"):
        scorer_for(task("text", "rules", output=TextOutput()))


def test_a_database_that_has_gone(tmp_path) -> None:
    with pytest.raises(UserError, match=r"shop\.sqlite: cannot be read"):
        scorer_for(
            task("sql", "execution", output=SqlOutput(database="shop.sqlite"), root=tmp_path)
        )


async def test_gold_that_breaks_the_rules_is_named() -> None:
    good = Example(id="g", input="x", expected="Fine:")
    bad = Example(id="b", input="y", expected="No colon")
    with pytest.raises(UserError) as seen:
        await grade_gold(task("text", "rules", train=(good,), test=(bad, good)))
    assert str(seen.value) == (
        "1 of 3 gold answers do not score full marks under 'rules': first example 'b' (test), "
        "expected 'No colon': broken: ends_with_colon; correct the examples, the [output] or the "
        "metric"
    )


async def test_gold_of_every_kind_is_graded() -> None:
    for kind in ("labels", "schema", "text", "sql"):
        await grade_gold(task(kind, target=Target(metric="exact_match", score=1)))
