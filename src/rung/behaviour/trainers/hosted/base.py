"""The port of the providers: what a hosted tuner does with an order.

An order has a tag, made of its content. Whatever is created at a provider carries the tag, so that
an order whose answer was lost is found there instead of being placed, and paid for, again.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

from rung.behaviour.trainers.base import Order
from rung.behaviour.trainers.hosted.formats import Limits
from rung.behaviour.trainers.hosted.http import Http
from rung.behaviour.trainers.lessons import TuningExample
from rung.errors import ProviderError
from rung.models.base import Message
from rung.task.types import Frozen, JsonValue

JobState = Literal["waiting", "running", "cancelling", "done", "failed", "cancelled"]
LOST: tuple[JobState, ...] = ("failed", "cancelled")
ENDED: tuple[JobState, ...] = ("done", *LOST)


class HostedJob(Frozen):
    """A job as the provider describes it."""

    id: str
    state: JobState
    model: str | None = None
    """The name under which the tuned model answers, once it is there."""
    trained_tokens: int | None = None
    usd: Decimal | None = None
    """What the provider says that it costs."""
    problem: str | None = None
    """Why it failed, in the provider's words."""


class Files(NamedTuple):
    """Ids of what was uploaded."""

    train: str
    dev: str | None


class HostedTuner(Protocol):
    """A provider of fine-tuning."""

    name: str
    """As models' names begin: `together`, `fireworks`, `vertex`, `openai`."""
    limits: Limits
    """Of a job whose files go the way that `upload` sends them."""
    published: Limits
    """Of a file that goes any way the provider takes one."""

    @staticmethod
    def rows(examples: Sequence[TuningExample]) -> list[dict[str, JsonValue]]:
        """Conversations in the provider's form."""
        ...

    @staticmethod
    def dev_rows(train: int, dev: int) -> int:
        """How many of so many dev rows may stand beside so many train rows."""
        ...

    async def upload(self, name: str, data: bytes, rows: int) -> str:
        """The id of the file called `name`; a file uploaded earlier is found, not repeated."""
        ...

    async def quote(self, order: Order, files: Files) -> Decimal | None:
        """USD that the provider itself expects; None where it says nothing before the order."""
        ...

    async def find(self, order: Order) -> HostedJob | None:
        """The job that carries this order's tag and is not lost: failed and cancelled ones are."""
        ...

    async def start(self, order: Order, files: Files) -> HostedJob:
        """Place the order. Raises `Unanswered` where it is not known whether it was taken."""
        ...

    async def look(self, job: str) -> HostedJob:
        """The job as it stands."""
        ...

    async def cancel(self, job: str) -> HostedJob:
        """Ask for an end, which may take its time; what was trained may still be charged."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


class Tuner:
    """What providers have in common: rows as OpenAI's, every dev row taken, no price beforehand,
    a job read by its `STATES`."""

    limits: Limits
    states: Mapping[str, JobState]
    http: Http

    @staticmethod
    def rows(examples: Sequence[TuningExample]) -> list[dict[str, JsonValue]]:
        """OpenAI's `messages` rows, of which only the answer is learnt."""
        return chat_rows(examples)

    @staticmethod
    def dev_rows(train: int, dev: int) -> int:
        """Every one."""
        return dev

    async def quote(self, order: Order, files: Files) -> Decimal | None:
        """None: the price is told with the job, or never."""
        return None

    async def aclose(self) -> None:
        """Close connections."""
        await self.http.aclose()

    def state(self, body: Mapping[str, Any], ident: str, state: str) -> JobState:
        """The state of a job's description. `ProviderError` where it is none."""
        if ident not in body or body.get(state) not in self.states:
            raise ProviderError(
                f"{self.limits.provider} described a job that cannot be read: {str(body)[:120]}"
            )
        return self.states[body[state]]

    def live(self, body: Mapping[str, Any], state: str) -> bool:
        """Whether a listed job is no failed or cancelled one, which hinder no new one."""
        return self.states.get(body.get(state, ""), "waiting") not in LOST


def chat_rows(
    examples: Sequence[TuningExample], *, weights: bool = True
) -> list[dict[str, JsonValue]]:
    """OpenAI's `messages` rows. Earlier assistant turns (shots) have `weight` 0: only the answer
    is learnt, as by the trainer of this machine."""
    return [{"messages": chat_turns(e.messages, e.answer, weights=weights)} for e in examples]


def chat_turns(messages: Sequence[Message], answer: str, *, weights: bool) -> list[JsonValue]:
    """One conversation with its answer."""
    turns: list[JsonValue] = []
    for message in messages:
        turn: dict[str, JsonValue] = {"role": message.role, "content": message.content}
        if weights and message.role == "assistant":
            turn["weight"] = 0
        turns.append(turn)
    return [*turns, {"role": "assistant", "content": answer}]
