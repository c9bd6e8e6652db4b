"""Which solved examples are shown, and how: as the solver itself would be asked them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from rung.behaviour.messages import Shot, user_turn
from rung.candidate import Candidate
from rung.knowledge.contexts import Knowledge
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
