"""Which shots stand near a question, by each way of choosing them."""

from __future__ import annotations

import numpy as np
import pytest

from rung.behaviour.messages import Shot
from rung.behaviour.nearest import ShotPool
from rung.candidate import Shots

POOL = [
    Shot(input="play some jazz", answer="music"),
    Shot(input="play some jazz music", answer="music"),
    Shot(input="rain in Paris", answer="weather"),
    Shot(input="a table in Paris", answer="table"),
]
VECTORS = np.array([[1, 0, 0], [0.99, 0.14, 0], [0.6, 0, 0.8], [0, 0, 1]], dtype=np.float32)
ASKED = np.array([0.95, 0.05, 0.31], dtype=np.float32)


@pytest.mark.parametrize(
    ("choice", "text", "expected"),
    [
        ("meaning", "jazz", [0, 1, 2]),
        ("words", "a table in Paris tonight", [3, 2, 0]),
        ("both", "rain in Paris", [2, 3, 0]),
        ("diverse", "jazz", [0, 2, 1]),
        ("labels", "jazz", [0, 2, 3]),
    ],
)
def test_each_way_has_its_order(choice: str, text: str, expected: list[int]) -> None:
    shots = Shots.model_validate({"kind": "nearest", "k": 3, "choice": choice})
    found = ShotPool(POOL, VECTORS, shots).near(text, ASKED, None)
    assert [POOL.index(shot) for shot in found] == expected[::-1], "the nearest stands last"


@pytest.mark.parametrize("choice", ["meaning", "words", "both", "diverse", "labels"])
def test_a_question_is_not_its_own_shot_and_a_small_pool_is_shown_whole(choice: str) -> None:
    shots = Shots.model_validate({"kind": "nearest", "k": 8, "choice": choice})
    found = ShotPool(POOL, VECTORS, shots).near(POOL[0].input, ASKED, POOL[0].input)
    assert len(found) == 3 and POOL[0] not in found
