"""What a probe gives a failure to read: the passages that hold the answer, and as much that does
not."""

import random
from collections.abc import Sequence

from rung.candidate import Context
from rung.knowledge.chunking import chunk
from rung.knowledge.gold import gold_passages
from rung.records import Passage
from rung.task.expected import answer_texts
from rung.task.types import Example, LabelsOutput, Task

MOST_GOLD = 2
"""An answer that a border cuts stands in two passages."""
LOOKED_AT = 40
"""Passages among which a placebo of about the same length is sought."""


class Library:
    """The task's documents cut into passages."""

    def __init__(self, task: Task, context: Context) -> None:
        self.task = task
        cut = (context.chunk_chars, context.cut)
        self.passages = chunk(task.documents, *cut) if task.documents else ()

    def gold(self, example: Example) -> tuple[Passage, ...]:
        """The passages that hold the answer; none where nobody can know them."""
        if not example.context_ids and isinstance(self.task.output, LabelsOutput):
            return ()  # a label's words stand in many passages and prove nothing
        expected = answer_texts(self.task.output, example)
        passages = gold_passages(example, self.task.documents, self.passages, expected)
        return tuple(passages[:MOST_GOLD])

    def irrelevant(self, example: Example, like: Sequence[Passage]) -> tuple[Passage, ...]:
        """As many passages of about the same length from other documents: the placebo.

        None of them holds the answer. The choice is seeded by the example.
        """
        expected = answer_texts(self.task.output, example)
        holders = {p.document_id for p in like} | set(example.context_ids)
        if not isinstance(self.task.output, LabelsOutput):
            holding = gold_passages(
                example.model_copy(update={"context_ids": ()}),
                self.task.documents,
                self.passages,
                expected,
            )
            holders |= {p.document_id for p in holding}
        others = [p for p in self.passages if p.document_id not in holders]
        rng = random.Random(f"{self.task.climb.seed}:{example.id}")
        chosen: list[Passage] = []
        for wanted in like:
            some = rng.sample(others, min(LOOKED_AT, len(others)))
            left = [p for p in some if p not in chosen]
            if left:
                chosen.append(min(left, key=lambda p: abs(len(p.text) - len(wanted.text))))
        return tuple(chosen)


def same_place(one: Passage, other: Passage) -> bool:
    """Whether two passages of one document overlap."""
    return (
        one.document_id == other.document_id
        and one.start < other.start + len(other.text)
        and other.start < one.start + len(one.text)
    )


def held(gold: Sequence[Passage], given: Sequence[Passage]) -> bool:
    """Whether a passage that holds the answer was among those given."""
    return any(same_place(g, p) for g in gold for p in given)
