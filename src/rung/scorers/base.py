"""The port of the shelf: what a scorer is and what it says."""

from abc import ABC, abstractmethod
from typing import Protocol, Self

from pydantic import Field

from rung.records import MARKER, Answer
from rung.task.types import Example, Frozen, JsonValue, Task


class Score(Frozen):
    """What a scorer says about one answer."""

    value: float | None = Field(ge=0, le=1)
    """In [0, 1]; None where the scorer could not judge: unscored, which is not wrong."""
    details: dict[str, float] = Field(default_factory=dict)
    """Secondary measures in [0, 1]; always `valid`, save where unscored."""
    reason: str | None = None
    """Why not full marks, or why unscored, in one sentence."""


class Scorer(Protocol):
    """Judges one answer to one example."""

    name: str
    """The metric's name in `rung.toml`."""
    version: str
    """Changes whenever a score may."""
    graded: bool
    """False where every value is 0 or 1."""

    async def score(self, example: Example, answer: Answer) -> Score:
        """Judge one answer; an invalid one scores 0 with the detail `valid` 0."""
        ...


class ComparingScorer(ABC):
    """A scorer that compares a valid answer with what was expected; most of the shelf."""

    name: str
    version: str = "1"
    graded: bool = False
    kinds: frozenset[str]
    """The kinds of output it judges."""

    @classmethod
    def for_task(cls, task: Task) -> Self:
        """The scorer of one task; `UserError` where the task lacks what it needs."""
        return cls()

    async def score(self, example: Example, answer: Answer) -> Score:
        """Judge one answer; an invalid one scores 0 with the detail `valid` 0."""
        if not answer.valid:
            return Score(value=0.0, details={"valid": 0.0}, reason=answer.problem)
        return self.compare(example, answer)

    def compare(self, example: Example, answer: Answer) -> Score:
        """Judge one valid answer: the best that any right answer gives, each measure by itself.

        So do SQuAD's script and sacreBLEU's sentence scores with several references.
        """
        if not example.alternatives:
            return self.against(example.expected, example, answer)
        scores = [self.against(gold, example, answer) for gold in example.references]
        best = max(scores, key=lambda score: score.value or 0.0)
        names = dict.fromkeys(name for score in scores for name in score.details)
        details = {name: max(score.details.get(name, 0.0) for score in scores) for name in names}
        return best.model_copy(update={"details": details})

    @abstractmethod
    def against(self, gold: JsonValue, example: Example, answer: Answer) -> Score:
        """Judge one valid answer against one right answer of the example."""


class TextScorer(ComparingScorer):
    """A scorer of free text, which may have no answer."""

    kinds: frozenset[str] = frozenset({"text"})

    def against(self, gold: JsonValue, example: Example, answer: Answer) -> Score:
        """Where there is no answer, or none is given, only both at once is right (SQuAD 2.0)."""
        right, text = str(gold).strip(), said(answer, str(gold))
        if right and text:
            return self.texts(right, text)
        reason = "an answer was expected" if right else "there is no answer, and one was given"
        same = float(right == text)
        return marks(same, None if same else reason, exact_match=same)

    @abstractmethod
    def texts(self, gold: str, text: str) -> Score:
        """Judge one text against another; neither is empty."""


def marks(value: float, reason: str | None = None, **details: float) -> Score:
    """The score of a valid answer, rounding errors beyond [0, 1] cut off."""
    return Score(
        value=min(1.0, max(0.0, float(value))), details={"valid": 1.0, **details}, reason=reason
    )


def answer_text(answer: Answer) -> str:
    """What a valid answer says as text."""
    return answer.value if isinstance(answer.value, str) else answer.text.strip()


def said(answer: Answer, gold: str) -> str:
    """What it says, without the passages that it names, unless what is right names some too."""
    text = answer_text(answer)
    if not answer.passages or MARKER.search(gold):
        return text
    return MARKER.sub("", text).strip() or text
