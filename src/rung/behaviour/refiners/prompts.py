"""Refiners of a prompt's slots: its shots, the label head, its contract, its reasoning."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from rung.behaviour.messages import ROOM_TO_THINK
from rung.behaviour.refiners.base import Refined, Trial
from rung.behaviour.refiners.racing import can_race, race
from rung.candidate import Candidate, Shots
from rung.task.types import LabelsOutput, MultiLabelOutput, SchemaOutput, Task

NUMBERS = (3, 5, 8, 12)
"""Shots that are compared; as many as the rung begins with are always among them."""


@dataclass(frozen=True)
class PromptRefiner:
    """Races every variant that differs from the start in one slot of the prompt."""

    variants: Callable[[Candidate, Task], Sequence[Candidate]]

    def serves(self, start: Candidate, task: Task) -> bool:
        """See `Refiner`."""
        return can_race(start, task) and bool(self.variants(start, task))

    async def refine(self, start: Candidate, trial: Trial) -> Refined:
        """See `Refiner`."""
        return await race(start, self.variants(start, trial.task), trial)


def _with(start: Candidate, **changes: Any) -> Candidate:
    return start.model_copy(update={"prompt": start.prompt.model_copy(update=changes)})


def shots(start: Candidate, task: Task) -> list[Candidate]:
    """Other numbers of shots and, where each question has its own, other ways to choose them."""
    now = start.prompt.shots
    if not now.shown:
        return []
    numbers = sorted({k for k in (*NUMBERS, now.k) if k <= len(task.train)})
    ways: Sequence[str] = get_args(Shots.model_fields["choice"].annotation)
    if not now.chosen_by_input:
        ways = (now.choice,)
    elif not isinstance(task.output, LabelsOutput):
        ways = [way for way in ways if way != "labels"]
    return [
        _with(start, shots=now.model_copy(update={"k": k, "choice": way}))
        for way in ways
        for k in numbers
        if (k, way) != (now.k, now.choice)
    ]


def head(start: Candidate, task: Task) -> list[Candidate]:
    """The labels scored as wholes, with a head fitted on train."""
    labels = isinstance(task.output, LabelsOutput) and len(task.train) > 1
    if not labels or start.prompt.head or start.prompt.reasoning or start.context.traits.reads:
        return []
    return [_with(start, head=True)]


def contract(start: Candidate, task: Task) -> list[Candidate]:
    """The form of the answer described, enforced, or both."""
    prompt = start.prompt
    if not isinstance(task.output, LabelsOutput | MultiLabelOutput | SchemaOutput):
        return []
    if prompt.reasoning:
        return []
    ways = [(False, True)] if prompt.head else [(False, True), (True, False), (True, True)]
    return [
        _with(start, contract=described, constrained=enforced)
        for described, enforced in ways
        if (described, enforced) != (prompt.contract, prompt.constrained)
    ]


def reasoning(start: Candidate, task: Task) -> list[Candidate]:
    """Steps before the answer; and what most of several such answers say."""
    prompt = start.prompt
    if prompt.reasoning or prompt.head:
        return []
    room = prompt.max_output_tokens + ROOM_TO_THINK
    steps = _with(start, reasoning=True, max_output_tokens=room)
    return [steps, steps.model_copy(update={"way": "vote"})]
