"""Which solved examples stand near a question: by meaning, by words, by both, unlike each other."""

from collections.abc import Sequence
from functools import cached_property
from itertools import count

import numpy as np
from numpy.typing import NDArray

from rung.behaviour.messages import Shot
from rung.candidate import Shots
from rung.knowledge.fusion import fuse
from rung.knowledge.lexical import LexicalIndex
from rung.models.base import Vectors

CHOICES = {
    "meaning": "",
    "words": " by words",
    "both": " by meaning and words",
    "diverse": ", unlike each other",
    "labels": ", one a label",
}
"""How shots are chosen, as a description has it after their number."""


class ShotPool:
    """Solved examples of which those near a question are shown."""

    AMONG = 50
    """Nearest ones among which unlike ones are looked for."""
    NEARNESS = 0.7
    """Weight of being near the question beside being unlike what is shown already (MMR, Carbonell
    and Goldstein 1998)."""

    def __init__(self, pool: Sequence[Shot], vectors: Vectors, shots: Shots) -> None:
        self.pool, self.vectors, self.shots = pool, vectors, shots

    def near(self, text: str, vector: NDArray[np.float32], without: str | None) -> list[Shot]:
        """The shots for a question, the nearest last: beside what it resembles.

        None of the input `without`.
        """
        similarity = self.vectors @ vector
        order = [
            i
            for i in self._ranked(text, similarity)
            if without is None or not self.pool[i].shows(without)
        ]
        k = self.shots.k
        if self.shots.choice == "diverse":
            chosen = self._unlike(order[: self.AMONG], similarity, k)
        elif self.shots.choice == "labels":
            chosen = self._one_an_answer(order, k)
        else:
            chosen = order[:k]
        return [self.pool[i] for i in reversed(chosen)]

    def _ranked(self, text: str, similarity: NDArray[np.float32]) -> list[int]:
        by_meaning: list[int] = np.argsort(-similarity, kind="stable").tolist()
        if self.shots.choice not in ("words", "both"):
            return by_meaning
        by_words = [i for i, _ in self._index.search(text, len(self.pool))]
        if self.shots.choice == "words":
            return list(dict.fromkeys([*by_words, *by_meaning]))
        return [i for i, _ in fuse([by_meaning, by_words], len(self.pool))]

    @cached_property
    def _index(self) -> LexicalIndex:
        return LexicalIndex([shot.input for shot in self.pool])

    def _unlike(self, order: Sequence[int], similarity: NDArray[np.float32], k: int) -> list[int]:
        left, chosen = list(order), list[int]()
        while left and len(chosen) < k:
            gains = [
                self.NEARNESS * float(similarity[i])
                - (1 - self.NEARNESS)
                * max((float(self.vectors[i] @ self.vectors[j]) for j in chosen), default=0.0)
                for i in left
            ]
            chosen.append(left.pop(int(np.argmax(gains))))
        return chosen

    def _one_an_answer(self, order: Sequence[int], k: int) -> list[int]:
        counts: dict[str, count[int]] = {}
        turns = [next(counts.setdefault(self.pool[i].answer, count())) for i in order]
        return [i for _, _, i in sorted(zip(turns, count(), order, strict=False))][:k]
