"""Which solved examples are shown, and how: as the solver itself would be asked them."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from rung.behaviour.base import Ask, Fitted, Fitting, Slot
from rung.behaviour.messages import Shot, user_turn
from rung.behaviour.nearest import CHOICES, ShotPool
from rung.candidate import Candidate
from rung.knowledge.contexts import Knowledge, Question
from rung.models.base import Vectors
from rung.models.metered import prompted
from rung.task.contract import render
from rung.task.types import Example, Task

TRIED = 10
"""Examples looked at for each shot that should have its answer among its passages."""
VECTORS = "shots.npy"


class ShownShots(Slot):
    """Solved training examples: the same for each question, or the nearest to it."""

    part = "shot_vectors"

    @staticmethod
    def filled(candidate: Candidate) -> bool:
        """Some are shown."""
        return candidate.prompt.shots.shown

    @staticmethod
    def words(candidate: Candidate) -> str:
        """Such as "5 nearest examples"."""
        shots = candidate.prompt.shots
        return f"{shots.k} {shots.kind} examples{CHOICES[shots.choice]}"

    @classmethod
    async def fit(cls, candidate: Candidate, fitting: Fitting) -> Fitted:
        """The shots, and their vectors where the nearest are taken."""
        so_far = fitting.solver
        asking = Question("", chat=so_far.chat, tools=fitting.tools)
        shots = await choose_shots(candidate, fitting.task, so_far.knowledge, asking)
        vectors = None
        if candidate.prompt.shots.chosen_by_input:
            assert fitting.embedder is not None
            vectors, _ = await fitting.embedder.embed_metered(
                prompted(fitting.embedder, "text", [s.input for s in shots])
            )
        return Fitted(held=vectors, spec={"shots": shots})

    async def apply(self, ask: Ask) -> Ask:
        """Those to show."""
        shots, without = self.spec.candidate.prompt.shots, ask.without
        if not shots.chosen_by_input:
            kept = [s for s in self.spec.shots if without is None or not s.shows(without)]
            return replace(ask, shots=kept)
        assert self.embedder is not None
        vectors, seconds = await self.embedder.embed_metered(
            prompted(self.embedder, "text", [ask.text])
        )
        started = time.perf_counter()
        chosen = self._pool.near(ask.text, vectors[0], without)
        took = ask.seconds + seconds[0] + time.perf_counter() - started
        return replace(ask, shots=chosen, seconds=took)

    @cached_property
    def _pool(self) -> ShotPool:
        assert self.held is not None
        return ShotPool(self.spec.shots, self.held, self.spec.candidate.prompt.shots)

    def save(self, folder: Path) -> None:
        """The vectors."""
        if self.held is not None:
            np.save(folder / VECTORS, self.held, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Vectors | None:
        """The vectors."""
        path = folder / VECTORS
        return np.load(path, allow_pickle=False) if path.exists() else None


async def choose_shots(
    candidate: Candidate, task: Task, knowledge: Knowledge, asking: Question
) -> tuple[Shot, ...]:
    """The fixed shots, or the whole pool that the nearest are taken from.

    Fixed shots of a retrieving candidate carry their own passages, so that they show how to read
    them; those whose passages hold the answer come first. `asking` is with whom and what a
    question is asked.
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
        asked = Question.of(example.input)._replace(chat=asking.chat, tools=asking.tools)
        passages = await knowledge.beside_shot(asked)
        shot = _shot(task, example, user_turn(text, passages, candidate.prompt))
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
