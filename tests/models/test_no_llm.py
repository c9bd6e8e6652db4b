"""The linear head: what it reads and how tightly it is held is chosen; it tells rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rung.models.no_llm import Linear, fit_label_model, load_label_model
from rung.models.no_llm_choice import DEFAULT_C, FEWEST, Letters, logistic
from rung.models.no_llm_sets import fit_set_model

RNG = np.random.default_rng(5)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def clouds(n, labels, spread, noise=0.0):
    """Vectors around a centre for each label, some labels drawn anew."""
    centres = np.random.default_rng(1).normal(size=(labels, 12))
    of = RNG.integers(labels, size=n)
    vectors = unit(centres[of] + spread * RNG.normal(size=(n, 12)))
    told = np.where(RNG.random(n) < noise, RNG.integers(labels, size=n), of)
    return vectors, [f"l{i}" for i in told]


def words(labels, n):
    """Texts whose spelling tells the label, beside vectors that tell nothing."""
    of = RNG.integers(labels, size=n)
    texts = [f"order {'abcdefgh'[i] * 4}-{RNG.integers(99)}" for i in of]
    return unit(RNG.normal(size=(n, 12))), texts, [f"l{i}" for i in of]


def test_letters_are_read_where_the_embedding_does_not_tell():
    vectors, texts, labels = words(4, 160)
    model = Linear.fit(vectors[:100], texts[:100], labels[:100])
    told = model.predict(vectors[100:], texts[100:])
    assert model.head.letters is not None
    assert np.mean([a == b for (a, _), b in zip(told, labels[100:], strict=True)]) > 0.95


def test_noisy_labels_are_held_tighter_than_clean_ones():
    clean, noisy = (clouds(240, 4, 0.6, noise) for noise in (0.0, 0.5))
    same = [""] * 240
    strengths = [Linear.fit(v, same, y).head.c for v, y in (clean, noisy)]
    assert strengths[1] < strengths[0]


def test_confidence_is_the_rate_of_right_answers():
    vectors, labels = clouds(900, 5, 0.9, 0.2)
    texts = [""] * 900
    model = Linear.fit(vectors[:300], texts[:300], labels[:300])
    told = model.predict(vectors[300:], texts[300:])
    right = [a == b for (a, _), b in zip(told, labels[300:], strict=True)]
    assert abs(np.mean([c for _, c in told]) - np.mean(right)) < 0.06


@pytest.mark.parametrize("several", [False, True])
def test_what_is_saved_answers_as_what_was_fitted(tmp_path: Path, several):
    vectors, texts, labels = words(3, 80)
    if several:
        model = fit_set_model(
            "no-llm/linear", vectors, texts, [[y] for y in labels], sorted(set(labels))
        )
    else:
        model = fit_label_model("no-llm/linear", vectors, texts, labels)
    model.save(tmp_path / "m.npz")
    assert load_label_model(tmp_path / "m.npz").predict(vectors, texts) == model.predict(
        vectors, texts
    )


@pytest.mark.parametrize("labels", [["a", "b"] * 3, ["a"] * 60 + ["b"], ["a", "b"] * 30])
def test_few_rows_one_rare_label_and_empty_texts_are_fitted(labels):
    vectors = unit(RNG.normal(size=(len(labels), 6)))
    model = Linear.fit(vectors, [""] * len(labels), labels)
    assert {label for label, _ in model.predict(vectors, [""] * len(labels))} <= set(labels)
    assert model.head.letters is None and (len(labels) >= FEWEST or model.head.temperature == 1.0)


def test_texts_without_shared_letters_have_none():
    assert Letters.fit(["a", "!", ""]) is None and Letters.fit([]) is None


def test_of_two_labels_few_rows_are_as_sure_as_scikit_learn_is():
    draw = np.random.default_rng(5)
    vectors = draw.normal(size=(12, 4)).astype(np.float32)
    labels = ["amber", "birch"] * 6
    told = logistic(vectors, np.array(labels), DEFAULT_C).predict_proba(vectors).max(axis=1)
    model = Linear.fit(vectors, [""] * 12, labels)
    assert [share for _, share in model.predict(vectors)] == pytest.approx(told, abs=1e-5)
