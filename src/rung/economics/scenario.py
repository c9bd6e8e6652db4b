"""Scenario files: candidates with stated figures.

Pure: takes the text of a TOML file. Figures are read as decimals.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from rung.economics.amounts import Span, span
from rung.economics.model import Workload
from rung.economics.pricing import PriceBook
from rung.economics.settings import CostSettings
from rung.economics.spec import CandidateSpec, CandidateUsage, Tokens
from rung.economics.spec_of import spec_of
from rung.errors import UserError
from rung.money import Number, fault, given, typed
from rung.task.types import Frozen


class Volume(Frozen):
    """How much is asked: per month, or per day times `days_per_month`."""

    requests_per_month: Span | None = None
    requests_per_day: Span | None = None
    days_per_month: Annotated[Decimal, BeforeValidator(given)] = Decimal(30)
    months: Span = Span(value=Decimal(12), low=Decimal(12), high=Decimal(12))

    def workload(self) -> Workload:
        """As the cost model needs it."""
        if (self.requests_per_month is None) == (self.requests_per_day is None):
            raise UserError("[workload] needs requests_per_month or requests_per_day, one of them.")
        monthly = self.requests_per_month
        if monthly is None:
            assert self.requests_per_day is not None
            monthly = self.requests_per_day.scaled(self.days_per_month)
        workload = Workload.of(monthly, self.months)
        return replace(workload, days_per_month=self.days_per_month)


class Scenario(Frozen):
    """A file of `examples/scenarios`."""

    title: str
    document: str = ""
    about: str = ""
    on: date | None = None
    target_score: Annotated[Decimal, BeforeValidator(given)] | None = None
    workload: Volume
    costs: dict[str, Any] = Field(default_factory=dict)
    candidates: tuple[CandidateSpec, ...]
    figures: tuple[dict[str, Any], ...] = ()
    """What a document says should come out: read by the page of the docs that compares them."""
    notes: tuple[str, ...] = ()

    prices: PriceBook | None = None
    """The prices that a run kept; `[costs]` and another day replace them."""

    def book(self, today: date) -> PriceBook:
        """The prices to use: those that were kept, else those of the scenario's day or of today."""
        if self.prices is not None:
            return self.prices
        return PriceBook(on=self.on or today, settings=CostSettings.read(self.costs))


def parse(text: str, name: str) -> Scenario:
    """A scenario from the text of its file. Raises `UserError` naming the place."""
    try:
        plain = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{name} is not TOML: {error}; correct it.") from error
    try:
        return Scenario.model_validate(plain)
    except ValidationError as error:
        raise UserError(f"{name}: {fault(error)}") from error


def of_run(
    usages: Sequence[CandidateUsage],
    volume: Volume,
    *,
    title: str,
    costs: Mapping[str, Any],
    target: Number | None = None,
    prices: PriceBook | None = None,
    on: date | None = None,
) -> Scenario:
    """A run's measured candidates as a scenario, with the prices that the run kept."""
    day = prices.on if prices is not None else on
    settings = CostSettings.read(costs)
    book = prices or PriceBook(on=day or date.today(), settings=settings)
    return Scenario(
        title=title,
        on=day,
        target_score=target,
        workload=volume,
        costs=dict(costs),
        candidates=tuple(spec_of(usage, book) for usage in usages),
        prices=prices,
    )


def inline(text: str) -> CandidateSpec:
    """`key=model:input/output`, tokens as `500` or a range `400-600`: a candidate in a word."""
    key, sign, rest = text.partition("=")
    model, _, counts = rest.rpartition(":")
    read, slash, written = counts.partition("/")
    if not (key and sign and model and slash):
        raise UserError(
            f"{text!r} is neither a file nor a candidate; write one as "
            "name=openai/gpt-4o:500/100 (tokens in and out)."
        )
    try:
        tokens = Tokens(input=_counted(read), output=_counted(written))
    except UserError as error:
        raise UserError(f"{text!r}: {error}") from error
    return CandidateSpec(key=key, technique="prompting", model=model, tokens=tokens)


def _counted(text: str) -> Span:
    low, dash, high = text.partition("-")
    return span([typed(low), typed(high)] if dash and low else typed(text))
