"""Which solved examples are shown, and how: as the solver itself would be asked them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from itertools import count

import numpy as np
from numpy.typing import NDArray

from rung.behaviour.messages import Shot, user_turn
from rung.candidate import Candidate, Shots
from rung.knowledge.contexts import Knowledge
from rung.knowledge.fusion import fuse
from rung.knowledge.lexical import LexicalIndex
from rung.models.base import Vectors
from rung.task.contract import render
from rung.task.types import Example, Task

TRIED = 10
"""Examples looked at for each shot that should have its answer among its passages."""


async def choose_shots(candidate: Candidate, task: Task, knowledge: Knowledge) -> tuple[Shot, ...]:
    """The fixed shots, or the whole pool that the nearest are taken from.

    Fixed shots of a retrieving candidate carry their own passages, so that they show how to read
    them; those whose passages hold the answer come first.
    """
    shots = candidate.prompt.shots
    if not shots.shown:
        return ()
    if shots.chosen_by_input:
        return tuple(_shot(task, e, e.input_text()) for e in task.train)
    if not candidate.context.traits.searches:
        return tuple(_shot(task, e, e.input_text()) for e in in_turn(task, shots.k))
    shown: list[Shot] = []
    spare: list[Shot] = []
    for example in in_turn(task, shots.k * TRIED):
        text = example.input_text()
        passages = await knowledge.beside_shot(text)
        shot = _shot(task, example, user_turn(text, passages))
        held = any(shot.answer.casefold() in p.text.casefold() for p in passages)
        (shown if held else spare).append(shot)
        if len(shown) == shots.k:
            break
    return tuple([*shown, *spare][: shots.k])


def in_turn(task: Task, k: int) -> Sequence[Example]:
    """`k` training examples in content-hash order, every expected answer once before any twice.

    For labels this shows as many labels as fit; for free answers it is a seeded random choice.
    """

    def order(example: Example) -> str:
        return hashlib.sha256(f"{task.climb.seed}:{example.id}".encode()).hexdigest()

    seen: dict[str, int] = {}
    ranked: list[tuple[int, str, Example]] = []
    for example in sorted(task.train, key=order):
        answer = render(task.output, example.expected)
        seen[answer] = seen.get(answer, -1) + 1
        ranked.append((seen[answer], order(example), example))
    ranked.sort(key=lambda row: row[:2])
    return [example for _, _, example in ranked[:k]]


def _shot(task: Task, example: Example, asked: str) -> Shot:
    return Shot(input=asked, answer=render(task.output, example.expected))


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
