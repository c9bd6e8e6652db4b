"""Suspects on vectors whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from rung.audit import noise


def blobs(seed: int, n: int = 200, labels: int = 4, spread: float = 0.35) -> tuple[np.ndarray, ...]:
    draw = np.random.default_rng(seed)
    centres = np.linalg.qr(draw.standard_normal((32, labels)))[0].T
    y = np.arange(n) % labels
    x = centres[y] + spread * draw.standard_normal((n, 32)) / np.sqrt(32) * 3
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit.astype(np.float32), np.array([f"l{k}" for k in y])


def spoiled(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    wrong = np.zeros(len(labels), dtype=bool)
    wrong[draw.choice(len(labels), round(share * len(labels)), replace=False)] = True
    changed = labels.copy()
    for i in np.flatnonzero(wrong):
        changed[i] = f"l{(int(labels[i][1:]) + draw.integers(1, 4)) % 4}"
    return changed, wrong


@pytest.mark.parametrize("share", [0.05, 0.15])
def test_the_ceiling_covers_and_the_list_leads(share: float, seed: int = 1) -> None:
    x, y = blobs(seed)
    changed, wrong = spoiled(y, share, seed)
    found = noise.find(x, changed, seed)
    assert found is not None and found.informed
    estimate, low, high, n = found.share(np.ones(len(y), dtype=bool))
    assert low <= share <= high and low <= estimate <= high and n == len(y)
    first = found.order()[: wrong.sum()]
    assert wrong[first].mean() >= 0.8
    assert all(found.better[i] == y[i] for i in first[: len(first) // 2] if wrong[i])


def test_what_cannot_be_judged_is_not() -> None:
    x, y = blobs(3)
    assert noise.find(x, np.array(["same"] * len(y)), 0) is None
    rare = y.copy()
    rare[:3] = "rare"
    found = noise.find(x, rare, 0)
    assert found is not None and not found.judged[:3].any() and not found.suspect[:3].any()
    draw = np.random.default_rng(0)
    blind = noise.find(x, draw.permutation(y), 0)
    assert blind is not None and not blind.informed and not blind.suspect.any()


@pytest.mark.slow
def test_the_same_data_gives_the_same_suspects_in_any_order_of_names() -> None:
    x, y = blobs(4)
    changed, _ = spoiled(y, 0.1, 4)
    first, second = noise.find(x, changed, 0), noise.find(x, changed, 0)
    assert first is not None and second is not None
    assert (first.suspect == second.suspect).all() and first.hits == second.hits
