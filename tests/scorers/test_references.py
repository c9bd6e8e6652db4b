"""Each metric on the cases that its reference itself publishes, with the values printed there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rung.records import Answer
from rung.scorers import macro_f1, micro_f1
from rung.scorers.chrf import Chrf
from rung.scorers.exact_match import ExactMatch
from rung.scorers.execution import Execution
from rung.scorers.rouge_l import RougeL
from rung.scorers.sample_f1 import SampleF1
from rung.scorers.sqlite import from_script
from rung.scorers.token_f1 import TokenF1
from rung.task.json_schema import schema_problem
from rung.task.types import Example


def value(scorer: Any, said: Any, *golds: Any) -> float:
    example = Example(id="1", input="q", expected=golds[0], alternatives=golds[1:])
    answer = Answer(text=said if isinstance(said, str) else json.dumps(said), value=said)
    score: float = scorer.compare(example, answer).value
    return score


@pytest.mark.parametrize(
    ("said", "golds", "exact", "f1"),
    [
        # Hugging Face `evaluate`, cards of its metrics `squad` and `squad_v2` (the official script)
        ("1976", ["1976"], 1, 1),
        ("1999", ["1976"], 0, 0),
        ("Beyonce", ["Beyoncé and Bruno Mars"], 0, 0),
        ("climate change", ["climate change"], 1, 1),
        # Rajpurkar et al. 2016, figure 1 and section 2: answers of the passage on precipitation
        ("gravity", ["gravity"], 1, 1),
        ("within a cloud", ["within a cloud"], 1, 1),
        # by the script's rules: case, articles, punctuation, the best of several
        ("The Denver Broncos!", ["Denver Broncos", "the Broncos"], 1, 1),
        ("Broncos", ["Carolina Panthers", "Denver Broncos"], 0, 2 / 3),
    ],
)
def test_squad(said: str, golds: list[str], exact: float, f1: float) -> None:
    assert value(ExactMatch(), said, *golds) == exact
    assert value(TokenF1(), said, *golds) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("gold", "said", "f1"),
    [
        # google-research/rouge, rouge_scorer_test.py
        ("testing one two", "testing one", 4 / 5),
        ("testing one two", "testing two", 4 / 5),
        ("testing one two", "testing", 1 / 2),
        ("w1 w2 w3 w4 w5", "/", 0),
        # Lin 2004, section 3.1: ROUGE-L of three candidates
        ("police killed the gunman", "police kill the gunman", 0.75),
        ("police killed the gunman", "the gunman kill police", 0.5),
        ("police killed the gunman", "the gunman police killed", 0.5),
    ],
)
def test_rouge(gold: str, said: str, f1: float) -> None:
    assert value(RougeL(), said, gold) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("said", "gold", "percent"),
    [
        # sacreBLEU, test/test_chrf.py: sentences, with a smoothing that moves the fourth digit
        (
            "Co nás nejvíc trápí, protože lékaři si vybírají, kdo bude žít a kdo zemře.",
            "Nejvíce smutní jsme z toho, že musíme rozhodovat o tom, kdo bude žít a kdo zemře.",
            39.14078509,
        ),
        (
            "Nebo prostě nemají vybavení, které by jim pomohlo, uvedli lékaři.",
            "A někdy nemáme ani potřebný materiál, abychom jim pomohli, popsali lékaři.",
            31.22557079,
        ),
        (
            "Lapali po dechu, jejich životy skončily dřív, než skutečně začaly.",
            "Lapali po dechu a pak jejich život skončil - dřív, než skutečně mohl začít, "
            "připomněli.",
            57.15704367,
        ),
        # the same file, without smoothing; beta does not matter where both sides are the same
        ("a", "a", 100.0),
        ("a b c", "abc", 100.0),
        ("abcdefg", "hijklmnop", 0.0),
    ],
)
def test_chrf(said: str, gold: str, percent: float) -> None:
    assert 100 * value(Chrf(), said, gold) == pytest.approx(percent, abs=1e-3)


def test_scikit_learn() -> None:
    """The examples of the pages of `accuracy_score` and `f1_score`."""
    gold, said = [0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1]
    macro = macro_f1((str(a), str(b)) for a, b in zip(gold, said, strict=True))
    assert macro == pytest.approx(0.26666, abs=1e-4)
    truth = [[0, 0, 0], [1, 1, 1], [0, 1, 1]]
    found = [[0, 0, 0], [1, 1, 1], [1, 1, 0]]
    sets = [
        ([str(i) for i in range(3) if row[i]], [str(i) for i in range(3) if other[i]])
        for row, other in zip(truth, found, strict=True)
    ]
    assert [value(SampleF1(), b, a) for a, b in sets] == pytest.approx([1, 1, 0.5])
    assert micro_f1(sets) == pytest.approx(0.8)


ROWS = "create table t(a int, b text); insert into t values (1,'x'),(2,'y'),(2,'y'),(NULL,'z')"


def _database(_: Example) -> Any:
    return from_script(ROWS)


@pytest.mark.parametrize(
    ("gold", "said", "spider", "bird"),
    [  # as `result_eq` of Spider's test suites and the set of BIRD's script have it
        ("select a from t", "select a from t order by a desc", True, True),
        ("select a from t order by a", "select a from t order by a desc", False, True),
        ("select b from t", "select distinct b from t", False, True),
        ("select a, b from t", "select b, a from t", True, False),
        ("select a from t where a > 5", "select b from t where a > 6", True, True),
        ("select a from t", "select a from t where a is not null", False, False),
        ("select count(*) from t", "select 4.0", True, True),
        ("select count(*) from t", "select '4'", False, False),
    ],
)
def test_rows_beside_spider_and_bird(gold: str, said: str, spider: bool, bird: bool) -> None:
    """Spider's is that of `column_order = false`; with the columns in their order, both's."""
    free, plain = Execution(_database, "v", False), Execution(_database, "v")
    assert value(free, said, gold) == spider
    assert value(plain, said, gold) == (spider and bird)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [  # the JSON Schema Test Suite's own groups (draft 2020-12), one value of each side
        ({"prefixItems": [{"type": "integer"}, {"type": "string"}]}, [1, "foo"], ["foo", 1]),
        ({"$defs": {"a": {"type": "integer"}}, "$ref": "#/$defs/a"}, 1, "a"),
        ({"multipleOf": 0.0001}, 0.0075, 0.00751),
        ({"multipleOf": 0.01}, 4.02, 4.025),
        ({"dependentRequired": {"bar": ["foo"]}}, {"foo": 1, "bar": 2}, {"bar": 2}),
        ({"if": {"exclusiveMaximum": 0}, "then": {"minimum": -10}}, -1, -100),
        ({"contains": {"minimum": 5}, "minContains": 2}, [5, 6], [5, 1]),
        ({"uniqueItems": True}, [1, True], [1, 1.0]),
        ({"const": False}, False, 0),
        ({"enum": [[True]]}, [True], [1]),
        ({"maxLength": 2}, "\U0001f4a9\U0001f4a9", "foo"),
        ({"patternProperties": {"f.*o": {"type": "integer"}}}, {"foo": 1}, {"foo": "bar"}),
        ({"unevaluatedProperties": False, "properties": {"a": {}}}, {"a": 1}, {"b": 1}),
        ({"not": {"type": "integer"}}, "foo", 1),
    ],
)
def test_json_schema(schema: dict[str, Any], good: Any, bad: Any) -> None:
    assert schema_problem(schema, good) is None and schema_problem(schema, bad) is not None
