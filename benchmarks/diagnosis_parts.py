"""What `diagnosis.py` breaks, and the two naive readers that it is compared with."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rung.candidate import Shots
from rung.diagnose import Case, Cause
from rung.knowledge.contexts.searched import Retrieved
from rung.knowledge.stages import Hunt
from rung.knowledge.words import words
from rung.models.base import ChatModel, ChatRequest, Message
from rung.records import Attempt, Passage
from rung.solver import Solver
from rung.task.contract import render
from rung.task.types import Example, LabelsOutput, Task

DISTRACTORS = 7
CUT_TOKENS = 3


@dataclass(frozen=True)
class Break:
    """One way to break a solved example, and the causes that are right to name."""

    name: str
    right: frozenset[Cause]
    solver: Callable[[Solver, random.Random], Solver]
    example: Callable[[Example, Task, random.Random], Example] = lambda e, *_: e
    metric: str | None = None
    """Another scorer, where the convention of the output changes."""


class Blind:
    """A retriever that lacks some documents, or finds anything but what is asked for."""

    def __init__(self, inner: Any, drop: frozenset[str], shuffled: random.Random | None) -> None:
        self.passages = tuple(p for p in inner.passages if p.document_id not in drop)
        self.context = inner.context
        self._inner, self._shuffled = inner, shuffled

    async def search_metered(self, query: str, k: int, *_: Any) -> Hunt:
        """At most `k` passages; nothing is timed here."""
        return Hunt(query, k, passages=await self.search(query, k))

    async def search(self, query: str, k: int) -> tuple[Passage, ...]:
        """At most `k` passages."""
        if self._shuffled is not None:
            seed = f"{self._shuffled.random()}{query}"
            return tuple(random.Random(seed).sample(self.passages, k))
        found = await self._inner.search(query, k + 20)
        kept = {(p.document_id, p.start) for p in self.passages}
        return tuple(p for p in found if (p.document_id, p.start) in kept)[:k]


class Drowning:
    """A retriever that hides what it found among passages of other documents."""

    def __init__(self, inner: Any) -> None:
        self.passages, self.context, self._inner = inner.passages, inner.context, inner

    async def search_metered(self, query: str, k: int, *_: Any) -> Hunt:
        """As `search`; nothing is timed here."""
        return Hunt(query, k, passages=await self.search(query, k))

    async def search(self, query: str, k: int) -> tuple[Passage, ...]:
        """What was found, in the middle of `DISTRACTORS` others."""
        found = await self._inner.search(query, k)
        rng = random.Random(query)
        known = {p.document_id for p in found}
        noise = rng.sample([p for p in self.passages if p.document_id not in known], DISTRACTORS)
        half = DISTRACTORS // 2
        return (*noise[:half], *found, *noise[half:])


def _with_retriever(solver: Solver, retriever: Any) -> Solver:
    return Solver(
        solver.spec,
        replace(solver.parts, knowledge=Retrieved(solver.candidate.context, retriever)),
    )


def no_document(gold: Sequence[str]) -> Callable[[Solver, random.Random], Solver]:
    """The index lacks the documents that hold the answers."""

    def change(solver: Solver, _: random.Random) -> Solver:
        return _with_retriever(solver, Blind(solver.knowledge.retriever, frozenset(gold), None))

    return change


def shuffled_index(solver: Solver, rng: random.Random) -> Solver:
    """Search returns passages at random."""
    return _with_retriever(solver, Blind(solver.knowledge.retriever, frozenset(), rng))


def drowned(solver: Solver, _: random.Random) -> Solver:
    """The right passage stands among seven others."""
    return _with_retriever(solver, Drowning(solver.knowledge.retriever))


def prompted(**changes: Any) -> Callable[[Solver, random.Random], Solver]:
    """Another prompt."""

    def change(solver: Solver, _: random.Random) -> Solver:
        prompt = solver.candidate.prompt.model_copy(update=changes)
        candidate = solver.candidate.model_copy(update={"prompt": prompt})
        return Solver(solver.spec.model_copy(update={"candidate": candidate}), solver.parts)

    return change


def as_it_is(solver: Solver, _: random.Random) -> Solver:
    """The solver is not touched."""
    return solver


def flipped_label(example: Example, task: Task, rng: random.Random) -> Example:
    """The expected label is another one."""
    assert isinstance(task.output, LabelsOutput)
    others = [label for label in task.output.labels if label != example.expected]
    return example.model_copy(update={"expected": rng.choice(others)})


def by_thresholds(case: Case, task: Task) -> Cause:
    """Metric thresholds, as RAG evaluation tools have them: context recall and faithfulness.

    Recall: share of the expected words among the passages; faithfulness: share of the answer's
    words among the passages. Below 0.5 the retriever, or the generator, is blamed.
    """
    answer = case.attempt.answer
    if answer is None:
        return "errored"
    if not answer.valid:
        return "wrong_format"
    if not answer.passages:
        return "missing_knowledge" if task.documents else "wrong_behaviour"
    read = {w.text for p in answer.passages for w in words(p.text)}
    expected = [w.text for w in words(render(task.output, case.example.expected))]
    said = [w.text for w in words(answer.text)]
    if sum(w in read for w in expected) < 0.5 * len(expected):
        return "retrieval_miss"
    faithful = not said or sum(w in read for w in said) >= 0.5 * len(said)
    return "lost_among_distractors" if faithful else "context_ignored"


async def by_reading(model: ChatModel, case: Case, causes: Sequence[Cause]) -> Cause:
    """A model reads the transcript and names one of the causes."""
    answer = case.attempt.answer
    passages = "\n".join(p.text[:300] for p in answer.passages[:3]) if answer else ""
    said = answer.text[:300] if answer else "no answer"
    text = (
        f"Input: {case.example.input_text()[:500]}\nPassages given: {passages or 'none'}\n"
        f"Expected answer: {case.example.expected}\nAnswer given: {said}"
    )
    asked = "An answer was wrong. Why? Choose one: " + ", ".join(causes) + "."
    reply = await model.reply(
        ChatRequest(
            messages=(
                Message(role="system", content=asked),
                Message(role="user", content=text),
            ),
            max_tokens=16,
            choices=tuple(causes),
        )
    )
    return reply.text  # type: ignore[return-value]


def without_shots(solver: Solver, _: random.Random) -> Solver:
    """The same prompt without its solved examples."""
    prompt = solver.candidate.prompt.model_copy(update={"shots": Shots()})
    candidate = solver.candidate.model_copy(update={"prompt": prompt})
    spec = solver.spec.model_copy(update={"candidate": candidate, "shots": ()})
    return Solver(spec, solver.parts)


def rescored(attempts: dict[str, Attempt], examples: Sequence[Example]) -> dict[str, Attempt]:
    """A witness's attempts, those at `examples` judged against their labels (exact match)."""
    wanted = {e.id: e.expected for e in examples}
    found = dict(attempts)
    for place, one in attempts.items():
        if place in wanted and one.answer is not None:
            right = float(one.answer.value == wanted[place])
            found[place] = one.model_copy(update={"score": right})
    return found
