"""The port of the providers: what a hosted tuner does with an order.

An order has a tag, made of its content. Whatever is created at a provider carries the tag, so that
an order whose answer was lost is found there instead of being placed, and paid for, again.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

from rung.behaviour.trainers.base import Order, TuningExample
from rung.behaviour.trainers.hosted.http import Http
from rung.errors import ProviderError, UserError
from rung.models.base import Message
from rung.task.types import Frozen, JsonValue

MB, GB = 2**20, 2**30


class Limits(Frozen):
    """What a provider takes of a training file: a broken upload costs a day, and a cut conversation
    the training."""

    provider: str
    least_rows: int
    most_rows: int | None = None
    most_bytes: int | None = None
    most_tokens: int | None = None
    """Of one conversation. OpenAI and Fireworks cut off what lies beyond: its end, the answer."""
    most_passes: int | None = None
    """Rows times epochs."""
    source: str
    """Where these limits stand, each with its place."""


def check_job(limits: Limits, *, rows: int, epochs: int, longest: int) -> None:
    """`UserError` for what would be cut, or refused only after the upload.

    `longest` is an estimate: tokens of the longest conversation.
    """
    cut = limits.most_tokens
    if cut is not None and longest > cut:
        raise UserError(
            f"the longest training conversation has about {longest:,} tokens: {limits.provider} "
            f"cuts off what is beyond {cut:,}, which is the answer; shorten the examples or their "
            "passages, or leave the model out of [models] tune"
        )
    if limits.most_passes is not None and rows * epochs > limits.most_passes:
        raise UserError(
            f"{rows:,} training conversations in {epochs} epochs: {limits.provider} takes at most "
            f"{limits.most_passes:,} rows times epochs; set [climb] train_size or epochs"
        )


def to_jsonl(rows: Sequence[dict[str, JsonValue]], limits: Limits) -> bytes:
    """The file; `UserError` that names the limit that is broken."""
    what = f"{limits.provider} takes"
    if len(rows) < limits.least_rows:
        raise UserError(
            f"{len(rows)} training conversations: {what} at least {limits.least_rows}; add examples"
        )
    if limits.most_rows is not None and len(rows) > limits.most_rows:
        raise UserError(
            f"{len(rows):,} training conversations: {what} at most {limits.most_rows:,}; set "
            "[climb] train_size"
        )
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    if limits.most_bytes is not None and len(data) > limits.most_bytes:
        raise UserError(
            f"the training file has {len(data) / MB:.1f} MB: {what} at most "
            f"{limits.most_bytes / MB:,.0f} MB; set [climb] train_size"
        )
    return data


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
