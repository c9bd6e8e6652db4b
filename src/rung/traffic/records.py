"""One request and one judgement of it, as plain data, and which of them are asked for."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from rung.records import Answer
from rung.task.types import Frozen, JsonValue

Verdict = Literal["right", "wrong", "corrected"]
Source = Literal["api", "review", "code"]

Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
"""A point in time with its zone, kept in UTC to the microsecond."""


def now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)


def new_request_id() -> str:
    """Unique, and of the form that OpenAI's clients know."""
    return f"chatcmpl-{uuid.uuid4().hex}"


class TrafficRecord(Frozen):
    """One request that reached the solver. `answer` is None exactly where `error` is set."""

    id: str
    """The `id` of the response: feedback names it."""
    at: Moment = Field(default_factory=now)
    """When the request came in."""
    candidate: str
    """The candidate's key."""
    solver: str
    """sha256 of the saved solver's manifest: which weights, index and shots answered."""
    input: str | dict[str, JsonValue]
    """What the solver was given, redacted."""
    messages: tuple[dict[str, JsonValue], ...] = ()
    """Other messages of the request (system, earlier turns), which the solver did not see."""
    answer: Answer | None = None
    status: int = 200
    """HTTP status of the response."""
    error: str | None = None
    """Why there is no answer, in one sentence."""
    cost_usd: float | None = None
    """None where the model has no price."""
    latency_s: float = 0.0
    """From the request read to the answer ready, waiting included."""
    key_name: str | None = None
    """Name of the API key; None where the server asks for none."""
    redacted: dict[str, int] = Field(default_factory=dict)
    """How many different values of each kind were replaced before storage."""
    share: float = Field(default=1.0, gt=0, le=1)
    """Share of the requests that was kept when this one was: counts are scaled by 1 / share."""

    @model_validator(mode="after")
    def _answered_or_failed(self) -> TrafficRecord:
        if (self.answer is None) == (self.error is None):
            raise ValueError("a request has an answer or an error, not both and not neither")
        return self


class Feedback(Frozen):
    """One judgement of one answer; the newest one counts."""

    id: str = Field(default_factory=lambda: f"fb-{uuid.uuid4().hex}")
    request_id: str
    verdict: Verdict
    corrected: JsonValue = None
    """The right answer, in the form of an example's `expected`; with `corrected` only."""
    note: str = ""
    who: str
    """Name of the API key, or of the reviewer."""
    source: Source = "api"
    at: Moment = Field(default_factory=now)

    @model_validator(mode="after")
    def _corrected_has_an_answer(self) -> Feedback:
        if (self.verdict == "corrected") != (self.corrected is not None):
            raise ValueError("`corrected` is given with the verdict 'corrected', and only there")
        return self


class Query(Frozen):
    """Which requests. Everything left out matches."""

    since: Moment | None = None
    until: Moment | None = None
    """Not included."""
    candidate: str | None = None
    solver: str | None = None
    answered: bool | None = None
    valid: bool | None = None
    """Validity of the answer; a request without an answer matches neither."""
    reviewed: bool | None = None
    """Whether there is any feedback."""
    verdicts: tuple[Verdict, ...] = ()
    """The newest feedback is one of these."""


class Judged(NamedTuple):
    """A request with the newest feedback on it, if any."""

    record: TrafficRecord
    feedback: Feedback | None
