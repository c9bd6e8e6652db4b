"""What happened, as plain data: usage, passages, answers, attempts, red flags."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Literal

from pydantic import Field

from rung.task.types import Frozen, JsonValue, SplitName

Finish = Literal["stop", "length", "refused"]
PassedOn = Literal["invalid", "refused", "unsure", "outage"]
"""Why a further model took part. outage: one of the two did not answer, so the other's answer
stands alone; only a server does that, and nothing was measured so."""
Severity = Literal["info", "warn", "block"]
"""info: worth knowing. warn: read the result with it in mind. block: the data cannot carry the
decision, and a climb stops unless it is told to go on."""


class Usage(Frozen):
    """What a call used. Tokens as the model reports them; seconds of compute on this machine."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    """Part of `input_tokens` that was read from a prompt cache."""
    cache_write_tokens: int = 0
    seconds: float = 0.0
    """Seconds of this whole machine (processor time over cores); a batch's are shared out by
    tokens."""
    gpu_seconds: float = 0.0
    """Seconds of this machine's GPU, in place of those of its processors."""
    estimated: bool = False
    """Tokens that nobody counted, or counts that do not add up: the dearer reading was taken."""

    @property
    def computed(self) -> float:
        """Seconds on this machine, whatever of it computed."""
        return self.seconds + self.gpu_seconds

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            seconds=self.seconds + other.seconds,
            gpu_seconds=self.gpu_seconds + other.gpu_seconds,
            estimated=self.estimated or other.estimated,
        )


class ModelUsage(Frozen):
    """What one call used, and the model that was asked: the one whose prices hold."""

    model: str
    usage: Usage


class Passage(Frozen):
    """A retrievable piece of a document, with its place in it."""

    document_id: str
    title: str = ""
    text: str
    start: int = 0
    """Offset of `text` in the document, in characters."""
    score: float = 0.0
    meta: dict[str, JsonValue] = Field(default_factory=dict)
    """Of its document."""

    def __hash__(self) -> int:  # of its own, since `meta` has none
        return hash((self.document_id, self.start, self.text))


class Step(Frozen):
    """What a solver did on the way to an answer beside asking its model, such as a tool's use."""

    name: str
    given: str = ""
    got: str = ""
    seconds: float = 0.0
    """Of waiting for it."""
    at: str = ""
    """When it was called (ISO 8601), where that matters to what it said."""
    usd: float = 0.0


MARKER = re.compile(
    r"[\[【［]\^?(?:passages? |sources? )?(\d{1,3}(?:\s*[,;，、–-]\s*\d{1,3})*)[\]】］]",
    re.IGNORECASE,
)
"""Names passages in an answer, counted from 1: [1], [1, 3], [1-3], 【2】, [^1], [Passage 2]."""


class Answer(Frozen):
    """What a solver says to one input."""

    text: str
    value: JsonValue = None
    """Parsed by the output contract: a label, an object, or the text; None when invalid."""
    valid: bool = True
    problem: str | None = None
    """Why it is not valid, in one sentence."""
    finish: Finish = "stop"
    passages: tuple[Passage, ...] = ()
    """What the model was given to know, in the order given."""
    citations: tuple[int, ...] = ()
    """Indices into `passages` that the answer rests on."""
    usage: Usage = Usage()
    """Of all calls together."""
    by_call: tuple[ModelUsage, ...] = ()
    """`usage` call by call, in order. Empty in files written before it was kept: all of it is then
    the candidate's own model's."""
    model: str | None = None
    """Whose words these are; None in files written before it was kept."""
    fallback: PassedOn | None = None
    """Why the candidate's fallback took part; None where it did not."""
    calls: int = 0
    cached_calls: int = 0
    latency_s: float = 0.0
    confidence: float | None = None
    """In [0, 1] where the candidate knows it (no-llm, constrained labels)."""
    steps: tuple[Step, ...] = ()
    """On the way to it, in order; empty where a model was only asked."""

    @property
    def passed_on(self) -> PassedOn | None:
        """Why the own model's answer did not stand alone."""
        return self.fallback

    def after_passing(self, why: PassedOn) -> Answer:
        """The same, said to have come by a further model."""
        return self.model_copy(update={"fallback": why})

    def usd(self, price: Callable[[Usage, str], Decimal], model: str) -> Decimal:
        """USD: each call by itself, at the prices of the model that was asked, and each step.

        `price` is USD of one call of a model; `model` stands in where calls were not kept apart.
        """
        calls = self.by_call or (ModelUsage(model=model, usage=self.usage),)
        paid = sum((price(call.usage, call.model) for call in calls), Decimal(0))
        return paid + sum((Decimal(str(step.usd)) for step in self.steps), Decimal(0))


class Attempt(Frozen):
    """One answer to one example. Exactly one of scored, unscored, errored."""

    candidate: str
    """The candidate's key."""
    split: SplitName
    example_id: str
    answer: Answer | None = None
    score: float | None = None
    details: dict[str, float] = Field(default_factory=dict)
    """Secondary measures in [0, 1], such as `valid` or `exact_match`."""
    error: str | None = None
    error_is_final: bool = False
    """The call can never succeed (such as a prompt beyond the window): counts as 0 for a PASS."""
    cost_usd: float = 0.0

    @property
    def state(self) -> Literal["scored", "unscored", "errored"]:
        """Errored: no answer. Unscored: an answer that no scorer could judge."""
        if self.error is not None:
            return "errored"
        return "unscored" if self.score is None else "scored"


class Flag(Frozen):
    """A red flag of the audit: what was measured, against which threshold, and what to do."""

    id: str
    """Such as `label-noise`; the same fault has the same id in every task."""
    severity: Severity
    figure: float | int | None = None
    """What was measured; None where a statement of the task is the fault."""
    threshold: float | int | None = None
    source: str = ""
    """Where the threshold comes from: a document's title or a reference."""
    text: str
    """One sentence with the figure; never an example's own words."""
    advice: str
    examples: tuple[str, ...] = ()
    """Ids of examples or documents, most suspicious first."""
    counts: dict[str, int] = Field(default_factory=dict)
    """What the figure is made of, by kind, the commonest first; empty where it has no kinds."""
