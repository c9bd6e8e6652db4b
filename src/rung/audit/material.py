"""What the checks look at: the examples as they lie in the files, with their vectors.

Whatever several checks need is worked out once, when the first of them asks.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rung.audit import noise
from rung.audit.pairs import Twins, find_twins
from rung.diagnose.witnesses import Witness
from rung.errors import BudgetExceeded, ProviderError, UserError
from rung.models.base import Embedder, Vectors
from rung.task.contract import render
from rung.task.duplicates import normalised
from rung.task.splits import place
from rung.task.types import Example, LabelsOutput, SplitName, Task

MOST_EMBEDDED = 3_000
"""Examples that checks on vectors look at: beyond this many a random part is taken."""
EMBEDDED_CHARS = 600
"""Of an input, its first characters are embedded: what it is about stands there."""

SCORED = ("test", "examples")
"""Files whose examples a score is shown on: test as given, all where Rung draws the split."""


class Row(NamedTuple):
    """One example and the file it lies in."""

    example: Example
    part: str
    """`train`, `dev`, `test`, or `examples` where Rung splits one file."""


class Window(NamedTuple):
    """How much a model can read."""

    tokens: int
    measure: Callable[[str, str], int]
    """Tokens of a prompt: of a system and a user turn."""
    trains: bool = False
    """It can be tuned here."""


class Material:
    """One task as the checks see it."""

    def __init__(
        self,
        task: Task,
        windows: Mapping[str, Window] | None = None,
        witnesses: Sequence[Witness] = (),
        hosted: tuple[str, ...] = (),
        prompts: Sequence[str] = (),
    ) -> None:
        """`witnesses`: the candidates of a finished run of this very task.

        `prompts`: instructions of candidates beside the task's own.
        `hosted`: models to try, to tune and to judge with that read texts on another machine.
        """
        self.task = task
        self.windows = dict(windows or {})
        self.witnesses = tuple(witnesses)
        self.hosted = hosted
        self.prompts = tuple(prompts)
        self.vectors: Vectors | None = None
        """Of the rows in `embedded`, in that order; None where there is no embedder."""
        self.unembedded = "no embedder was given"
        """Why there are no vectors."""
        self.judge_against_people: str | None = None
        """What is known of the judge's agreement with people; empty where nobody marked any answer,
        None where no model judges."""
        self.unread = 0.0
        """Share of the letters of documents and inputs that the embedder cannot read."""

    @cached_property
    def parts(self) -> dict[str, tuple[Example, ...]]:
        """Examples by file; by split for tasks built in code."""
        if self.task.source is not None and self.task.source.examples:
            return dict(self.task.source.examples)
        names: tuple[SplitName, ...] = ("train", "dev", "test")
        return {name: self.task.split(name) for name in names if self.task.split(name)}

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every example of every file."""
        return tuple(Row(e, part) for part, examples in self.parts.items() for e in examples)

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Input texts of the rows."""
        return tuple(row.example.input_text() for row in self.rows)

    @cached_property
    def answer_texts(self) -> tuple[str, ...]:
        """Expected answers of the rows as a model would write them."""
        return tuple(render(self.task.output, row.example.expected) for row in self.rows)

    @cached_property
    def same_answer(self) -> tuple[str, ...]:
        """Expected answers of the rows in a form in which equal ones are equal texts."""
        return tuple(normalised(text) for text in self.answer_texts)

    @cached_property
    def split_of(self) -> dict[str, SplitName]:
        """The split that a climb uses an example in, by id; absent where it uses it nowhere."""
        names: tuple[SplitName, ...] = ("train", "dev", "test")
        return {e.id: name for name in names for e in self.task.split(name)}

    @cached_property
    def embedded(self) -> tuple[int, ...]:
        """Rows that have a vector: all, or a random part that hangs on the inputs alone."""
        if len(self.rows) <= MOST_EMBEDDED:
            return tuple(range(len(self.rows)))
        order = sorted(
            range(len(self.rows)), key=lambda i: (place(self.rows[i].example, 0), self.ids[i])
        )
        return tuple(sorted(order[:MOST_EMBEDDED]))

    async def embed(self, embedder: Embedder) -> None:
        """Fetch the vectors; an embedder that cannot be used is noted, not raised."""
        if not self.rows:
            self.unembedded = "there are no examples"
            return
        try:
            self.vectors = await embedder.embed(
                [self.inputs[i][:EMBEDDED_CHARS] for i in self.embedded]
            )
        except (UserError, ProviderError, BudgetExceeded) as problem:
            self.unembedded = f"the embedder cannot be used: {problem}"

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Ids of the rows."""
        return tuple(row.example.id for row in self.rows)

    @cached_property
    def twins(self) -> Twins:
        """Equal and nearly equal inputs among the rows."""
        return find_twins(self.inputs)

    @cached_property
    def noise(self) -> noise.Noise | None:
        """What the embedded rows' labels look like; None where it cannot be told."""
        if self.vectors is None or not isinstance(self.task.output, LabelsOutput):
            return None
        labels = np.array([self.same_answer[i] for i in self.embedded])
        estimate = noise.find(self.vectors, labels, self.task.climb.seed)
        sure = set(self.task.source.looked_at) if self.task.source is not None else set()
        if estimate is None or not sure:
            return estimate
        open_ones = np.array([self.ids[i] not in sure for i in self.embedded])
        return estimate._replace(suspect=estimate.suspect & open_ones)

    def most_suspicious(self, rows: list[int]) -> tuple[str, ...]:
        """Ids of those rows, each once, in that order."""
        return tuple(dict.fromkeys(self.ids[i] for i in rows))
