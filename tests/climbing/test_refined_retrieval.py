"""A serious climb takes the passages under which the answer is read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from climbing.tasks import fact_task
from rung.behaviour.refiners.retrieval import ROOM, RetrievalRefiner
from rung.candidate import Candidate, Context
from rung.knowledge.finding import Looked
from rung.records import Answer, Attempt, Usage
from rung.task.types import Example, Task

START = Candidate(
    model="scripted/m", context=Context(kind="retrieved", k=1, chunk_chars=600, search="lexical")
)


class Told:
    """Answers stand at a place that depends on the cut; a reader needs three passages."""

    can_write = False

    def __init__(self, task: Task, known: bool) -> None:
        climb = task.climb.model_copy(update={"effort": "serious"})
        self.task = task.model_copy(update={"test": (), "climb": climb})
        self.left, self.known, self.looks = 500, known, 0

    def cost(self, candidate: Candidate, examples: Sequence[Example]) -> int:
        return len(examples)

    async def look(self, candidate: Candidate) -> list[Looked]:
        self.looks += 1
        best = candidate.context.cut == "heading"
        words = [(0 if best else 9, 2.0), (1, 1.0)]
        return [Looked(frozenset({0}), words, [])] * 12 if self.known else []

    async def ask(self, candidate: Candidate, examples: Sequence[Example]) -> list[Attempt]:
        self.left -= len(examples)
        context = candidate.context
        right = context.k >= 3 and (context.cut == "heading" or not self.known)
        answer = Answer(value="", text="", usage=Usage(input_tokens=1, output_tokens=1))
        return [
            Attempt(
                candidate=candidate.key,
                split="dev",
                example_id=e.id,
                answer=answer,
                score=float(right),
            )
            for e in examples
        ]

    async def write(self, messages: object) -> str:
        raise AssertionError


def refined(known: bool) -> tuple[Context, Told]:
    trial = Told(fact_task(), known)
    assert RetrievalRefiner().serves(START, trial.task)
    return asyncio.run(RetrievalRefiner().refine(START, trial)).best.context, trial


def test_the_cut_that_finds_answers_and_as_many_passages_as_the_reader_needs() -> None:
    context, _ = refined(known=True)
    assert (context.cut, context.chunk_chars, context.k) == ("heading", 1200, 3)
    assert context.chunk_chars < ROOM and context.search == "lexical"


def test_where_nobody_knows_the_cut_stays_and_the_numbers_are_raced() -> None:
    context, trial = refined(known=False)
    assert trial.looks == 1
    assert (context.cut, context.chunk_chars, context.k) == ("size", 600, 3)


def test_it_serves_only_what_is_retrieved() -> None:
    task = Told(fact_task(), True).task
    assert not RetrievalRefiner().serves(Candidate(model="scripted/m"), task)
    gold = START.model_copy(update={"context": Context(kind="gold")})
    assert not RetrievalRefiner().serves(gold, task)
