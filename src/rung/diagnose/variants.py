"""The solver under diagnosis with one thing changed; what it learnt stays as it is."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rung.candidate import Candidate, Shots
from rung.solver import Solver, Workshop, fit
from rung.task.contract import render
from rung.task.types import (
    Example,
    LabelsOutput,
    MultiLabelOutput,
    SchemaOutput,
    SqlOutput,
    Task,
    digest,
)

SHOTS = 5
NEUTRAL = "Here is your task. Please read it and do it."
"""Changes nothing: the placebo of other words."""

EXPLICIT = {
    "labels": "Read the text and decide which one of the listed labels describes it best. Compare "
    "it with every label before you decide. Reply with that label alone, exactly as it is written.",
    "multilabel": "Read the text and decide for every one of the listed labels whether it applies. "
    "Reply with a JSON array of those that do, exactly as they are written, and nothing else.",
    "schema": "Read the text and put what it says into the fields of the JSON object. Copy values "
    "word for word, leave out what the text does not say. Reply with the JSON alone.",
    "sql": "Read the question and write the one SQLite query that answers it, using only tables "
    "and columns that are there. Reply with the query alone.",
    "text": "Read the text, and the numbered passages where there are any. Find out what is asked "
    "for exactly and reply with that alone: the exact words, figure or name, and no explanation.",
}
"""An explicit instruction for each kind of output: what is asked, from what, in what form."""


def with_prompt(solver: Solver, **changes: Any) -> Solver:
    """The same solver with another prompt; shots, index and adapter stay."""
    prompt = solver.candidate.prompt.model_copy(update=changes)
    candidate = solver.candidate.model_copy(update={"prompt": prompt})
    return Solver(solver.spec.model_copy(update={"candidate": candidate}), solver.parts)


async def with_shots(solver: Solver, task: Task, workshop: Workshop) -> Solver:
    """The same solver that is shown the nearest training examples."""
    prompt = solver.candidate.prompt.model_copy(
        update={"shots": Shots(kind="nearest", k=min(SHOTS, len(task.train)))}
    )
    shown = Candidate(model=solver.candidate.model, prompt=prompt, embedder=task.models.embedder)
    donor = await fit(shown, task, workshop)
    spec = solver.spec.model_copy(
        update={
            "candidate": solver.candidate.model_copy(
                update={"prompt": prompt, "embedder": task.models.embedder}
            ),
            "shots": donor.spec.shots,
        }
    )
    parts = replace(
        solver.parts, embedder=donor.parts.embedder, shot_vectors=donor.parts.shot_vectors
    )
    return Solver(spec, parts)


def with_foreign_answers(shown: Solver, example: Example, task: Task) -> Solver:
    """The same shots with the answers of other training examples: form without convention."""
    shots = shown.spec.shots
    rng = random.Random(f"{task.climb.seed}:{example.id}")
    answers = [shot.answer for shot in shots]
    right = render(task.output, example.expected)
    others = [answer for answer in answers if answer != right] or answers
    foreign = tuple(shot.model_copy(update={"answer": rng.choice(others)}) for shot in shots)
    return Solver(shown.spec.model_copy(update={"shots": foreign}), shown.parts)


def explicit_instruction(task: Task) -> str:
    """The generic instruction for the task's kind of output."""
    match task.output:
        case LabelsOutput() | MultiLabelOutput() | SchemaOutput() | SqlOutput():
            return EXPLICIT[task.output.kind]
        case _:
            return EXPLICIT["text"]


def neutral_instruction(solver: Solver) -> str:
    """The solver's own instruction behind a sentence that says nothing."""
    own = solver.candidate.prompt.instruction or solver.spec.instruction
    return f"{NEUTRAL} {own}"


def identity(solver: Solver, extra: Sequence[Any]) -> str:
    """Short content hash of an arm: the same question under the same name."""
    spec = solver.spec
    shots = [shot.model_dump() for shot in spec.shots]
    return digest([spec.candidate.digest, spec.instruction, shots, list(extra)])[:8]
