"""The bounds hold: no single answer, however chosen, scores above them."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Callable
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.audit import repeats
from rung.audit.pairs import find_twins
from rung.audit.repeated import METRICS
from rung.records import Answer
from rung.scorers import SHELF
from rung.scorers.contains import Contains
from rung.scorers.field_f1 import FieldF1
from rung.scorers.rouge_l import RougeL
from rung.scorers.rules import Rules
from rung.scorers.sample_f1 import SampleF1
from rung.scorers.token_f1 import TokenF1
from rung.task.types import Example

Judge = Callable[[Any, Any], float]
texts = st.lists(st.sampled_from("klmno"), min_size=1, max_size=6).map(" ".join)
groups = st.lists(texts, min_size=2, max_size=6)


def by(scorer: Any) -> Judge:
    def judged(said: Any, gold: Any) -> float:
        text = said if isinstance(said, str) else json.dumps(said)
        example = Example(id="x", input="x", expected=gold)
        return float(scorer.compare(example, Answer(text=text, value=said)).value)

    return judged


def same(said: Any, gold: Any) -> float:
    return float(said == gold)


JUDGES: dict[repeats.Metric, tuple[Judge, ...]] = {
    "same": (same,),
    "bag": (by(TokenF1()),),
    "sequence": (by(RougeL()),),
}


@settings(max_examples=150, deadline=None)
@given(group=groups, said=texts)
def test_no_answer_beats_the_bound_of_its_group(group: list[str], said: str) -> None:
    for metric, judges in JUDGES.items():
        for judge in judges:
            bound = repeats.best_single(
                range(len(group)), metric, lambda a, b, judge=judge: judge(group[a], group[b])
            )
            for answer in (said, *group):
                assert fmean(judge(answer, one) for one in group) <= bound + 1e-9


@settings(max_examples=150, deadline=None)
@given(group=groups, said=texts)
def test_no_answer_beats_the_root_of_the_agreement_where_that_is_proven(
    group: list[str], said: str
) -> None:
    # The answers to one input as their own population: two draws may be the same one.
    for judge in (same, by(TokenF1())):
        agreement = fmean(judge(a, b) for a, b in itertools.product(group, repeat=2))
        for answer in (said, *group):
            assert fmean(judge(answer, one) for one in group) <= math.sqrt(agreement) + 1e-9


def test_fields_of_json_are_bound_as_bags_are() -> None:
    judge, draw = by(FieldF1()), random.Random(3)
    for _ in range(300):
        group = [{k: draw.randrange(3) for k in draw.sample("abcd", 3)} for _ in range(3)]
        bound = repeats.best_single(range(3), "bag", lambda a, b, g=group: judge(g[a], g[b]))
        said = {k: draw.randrange(3) for k in draw.sample("abcd", 3)}
        for answer in (said, *group):
            assert fmean(judge(answer, one) for one in group) <= bound + 1e-9


def test_sets_of_labels_are_bound_as_bags_are() -> None:
    judge, draw = by(SampleF1()), random.Random(4)
    for _ in range(300):
        group = [draw.sample("abcd", draw.randrange(4)) for _ in range(3)]
        bound = repeats.best_single(range(3), "bag", lambda a, b, g=group: judge(g[a], g[b]))
        for answer in (draw.sample("abcd", draw.randrange(4)), *group):
            assert fmean(judge(answer, one) for one in group) <= bound + 1e-9


def test_every_scorer_of_the_shelf_is_bound_or_left_out_on_purpose() -> None:
    assert set(SHELF) == {*METRICS, Contains, Rules}


@pytest.mark.parametrize(("rate", "size"), [(0.05, 2), (0.2, 2), (0.1, 4)])
def test_the_estimate_finds_the_share_of_right_answers(rate: float, size: int) -> None:
    draw = random.Random(f"{rate}:{size}")
    rows = [draw.random() if draw.random() < rate else 0.0 for _ in range(4000 * size)]
    groups = [tuple(range(i, i + size)) for i in range(0, len(rows), size)]
    units = [repeats.Unit(g, tuple(itertools.combinations(g, 2)), equal=True) for g in groups]
    seen = [repeats.agreement(u, lambda a, b: float(rows[a] == rows[b])) for u in units]
    value, low, high, _ = repeats.estimate(seen)
    assert abs(value - (1 - rate)) < 0.015 and low <= 1 - rate <= high


def test_the_interval_covers_the_truth_with_few_inputs() -> None:
    draw, missed = random.Random(1), 0
    for _ in range(300):
        pairs = [[draw.random() < 0.1 for _ in range(2)] for _ in range(20)]
        _, low, high, _ = repeats.estimate([float(not any(pair)) for pair in pairs])
        missed += not low <= 0.9 <= high
    # 5 % of 300 are 15; beyond 27 has a chance below 0.1 %.
    assert missed <= 27


TEXTS = (
    "On which of our shelves does the blue pump of the harbour lie?",
    "on which of our shelves does the blue pump of the harbour lie",
    "On which of our shelves does the blue pump of the harbor lie?",
    "On which of our shelves does the blue pipe of the harbour lie?",
    "For how many months in a year is pump 4711 of the harbour kept?",
    "For how many months in a year is pump 4712 of the harbour kept?",
    "On which of our shelves does the blue pump of the harbour lie?",
)


def test_units_join_what_is_equal_and_what_says_the_same() -> None:
    ids = [f"e{i}" for i in range(len(TEXTS))]
    twins = find_twins(TEXTS)
    (unit,) = repeats.units(twins, TEXTS, ids, set(range(len(TEXTS))), seed=0)
    assert set(unit.rows) == {0, 1, 2, 6} and not unit.equal
    (unit,) = repeats.units(twins, TEXTS, ids, {0, 1, 4, 5}, seed=0)
    assert unit.rows == (0, 1) and unit.equal
    assert repeats.units(twins, TEXTS, ids, {0, 3, 4, 5}, seed=0) == []
    # The same example in two files is one.
    assert repeats.units(twins, TEXTS, ["e0"] * len(TEXTS), {0, 1, 6}, seed=0) == []
