"""The port of the shelf: a first call that is put together, a model, and the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Protocol

from rung.behaviour.spec import SolverSpec
from rung.knowledge.citations import cite
from rung.knowledge.tools import Tool
from rung.models.base import ChatReply, ChatRequest
from rung.models.chain import Link
from rung.records import Answer, ModelUsage, Passage, Step, Usage
from rung.task.contract import Parsed


@dataclass(frozen=True)
class Asked:
    """One input on its way to a model."""

    request: ChatRequest
    passages: tuple[Passage, ...]
    contract: str
    """The form of the answer in words, for a repair."""
    seconds: float
    """Of this machine, for finding passages and shots."""
    before: tuple[ChatReply, ...] = ()
    """Of this model, on the way to the passages."""
    steps: tuple[Step, ...] = ()
    """On the way to the passages."""
    tools: Mapping[str, Tool] = field(default_factory=dict)
    """The task's, by name."""


class Way(Protocol):
    """Asks one model, as often as it takes. Awaited many times at once."""

    def __init__(self, spec: SolverSpec, head: object) -> None: ...

    async def answer(self, link: Link, asked: Asked) -> Answer:
        """Its answer, with what every call took, and its steps where it took any but asking.

        An invalid answer is an answer. Raises `ProviderError`.
        """
        ...


def answer_of(
    name: str,
    text: str,
    parsed: Parsed,
    replies: Sequence[ChatReply],
    asked: Asked,
    steps: tuple[Step, ...] = (),
) -> Answer:
    """An answer with what its calls took, all of them together."""
    replies, steps = [*asked.before, *replies], (*asked.steps, *steps)
    # Preparing a prompt belongs to the first call that it is sent with.
    took = [Usage(seconds=asked.seconds) + replies[0].usage, *(r.usage for r in replies[1:])]
    return Answer(
        text=text,
        value=parsed.value,
        valid=parsed.valid,
        problem=parsed.problem,
        finish=replies[-1].finish,
        passages=asked.passages,
        citations=cite(text, asked.passages) if asked.passages else (),
        usage=reduce(add, took),
        by_call=tuple(ModelUsage(model=name, usage=usage) for usage in took),
        model=name,
        calls=len(replies),
        cached_calls=sum(r.cached for r in replies),
        latency_s=asked.seconds
        + sum(r.latency_s for r in replies)
        + sum(step.seconds for step in steps),
        confidence=replies[-1].confidence,
        steps=steps,
    )
