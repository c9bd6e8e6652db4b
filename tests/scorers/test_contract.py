"""What every scorer of the shelf must do, whichever it is; a new one is tested by being listed."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rung.scorers import SHELF, Judge, Score, Scorer, gold_answer, scorer_for
from rung.task.types import TextOutput

from .tasks import GARBAGE, OUTPUTS, answer, task

CASES = [
    pytest.param(member.name, kind, id=f"{member.name}-{kind}")
    for member in SHELF
    for kind in sorted(member.kinds)
]
QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def judged(metric: str, kind: str, text: str) -> Score:
    own = task(kind, metric)
    return asyncio.run(scorer_for(own).score(own.train[0], answer(own.output, text)))


def test_names_are_unique_and_files_of_their_own() -> None:
    names = [member.name for member in SHELF]
    assert len(names) == len(set(names))
    assert [member.__module__ for member in SHELF] == [f"rung.scorers.{name}" for name in names]
    assert Judge.name not in names


@pytest.mark.parametrize("member", SHELF, ids=lambda member: member.name)
def test_member_is_described(member: type) -> None:
    assert member.__doc__ and member.kinds <= OUTPUTS.keys() and member.kinds
    own = task(sorted(member.kinds)[0], member.name)
    scorer: Scorer = scorer_for(own)
    assert scorer.name == member.name and scorer.version


@pytest.mark.parametrize(("metric", "kind"), CASES)
def test_gold_gets_full_marks(metric: str, kind: str) -> None:
    own = task(kind, metric)
    score = asyncio.run(scorer_for(own).score(own.train[0], gold_answer(own, own.train[0])))
    assert score.value == 1.0 and score.details["valid"] == 1.0 and score.reason is None


@pytest.mark.parametrize(("metric", "kind"), CASES)
def test_garbage_gets_less(metric: str, kind: str) -> None:
    score = judged(metric, kind, GARBAGE[kind])
    assert score.value is not None and score.value < 1


@pytest.mark.parametrize(("metric", "kind"), CASES)
def test_invalid_is_zero_and_says_why(metric: str, kind: str) -> None:
    score = judged(metric, kind, "")
    assert score.value == 0.0 and score.details["valid"] == 0.0 and score.reason


@pytest.mark.lengthy
@pytest.mark.parametrize(("metric", "kind"), CASES)
@QUICK
@given(text=st.text(max_size=60))
def test_any_text_gets_the_same_marks_twice(metric: str, kind: str, text: str) -> None:
    own = task(kind, metric)
    if kind == "text":
        own = task(kind, metric, output=TextOutput(max_words=40))
    elif kind == "sql":
        text = f"SELECT a FROM t WHERE b = '{text}'"
    scorer = scorer_for(own)
    once = asyncio.run(scorer.score(own.train[0], answer(own.output, text)))
    assert once == asyncio.run(scorer.score(own.train[0], answer(own.output, text)))
    assert once.value is not None and 0 <= once.value <= 1
    assert all(0 <= value <= 1 for value in once.details.values())
    if not scorer.graded:
        assert once.value in (0.0, 1.0)


TEXTS = [member.name for member in SHELF if "text" in member.kinds and member.name != "rules"]


@pytest.mark.parametrize("metric", TEXTS)
@QUICK
@given(gold=st.text(min_size=1, max_size=60).filter(str.strip))
def test_any_text_is_right_against_itself(metric: str, gold: str) -> None:
    own = task("text", metric, expected=gold, output=TextOutput())
    score = asyncio.run(scorer_for(own).score(own.train[0], gold_answer(own, own.train[0])))
    assert score.value == 1.0
