"""Scenario files: candidates with stated figures, and what a document says should come out.

Pure: takes the text of a TOML file. Figures are read as decimals.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from rung.economics.amounts import Span, span
from rung.economics.analysis import Analysis, CandidateCost
from rung.economics.model import Workload
from rung.economics.pricing import PriceBook
from rung.economics.settings import CostSettings
from rung.economics.spec import CandidateSpec, CandidateUsage, Tokens
from rung.economics.spec_of import spec_of
from rung.errors import UserError
from rung.money import Number, fault, given, typed
from rung.task.types import Frozen

Per = Literal["request", "day", "month", "once", "total"]
Kind = Literal[
    "cost",
    "line",
    "inference",
    "infrastructure",
    "break-even",
    "saving",
    "ratio",
    "weeks saved",
    "slower by",
]
GROUPS = {
    "inference": {"inference", "context", "embedding", "retrieval"},
    "infrastructure": {"store", "infrastructure", "hosting"},
}
Match = Literal["exact", "inside", "differs"]


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
        found = Workload.of(monthly, self.months)
        return replace(found, days_per_month=self.days_per_month)


class Figure(Frozen):
    """A figure of a founding document, and where in the analysis it must come out."""

    document: str
    says: str
    """As the document writes it."""
    of: str = ""
    """A candidate's key."""
    versus: str = ""
    """The second of a pair."""
    kind: Kind = "cost"
    field: Literal["monthly", "running", "once", "total", "per_request"] = "running"
    line: str = ""
    per: Per = "month"
    low: Annotated[Decimal, BeforeValidator(given)]
    high: Annotated[Decimal, BeforeValidator(given)] | None = None
    match: Match = "exact"
    """exact: both ends to the cent; inside: within the document's range; differs: an erratum."""
    erratum: str = ""

    @property
    def range(self) -> tuple[Decimal, Decimal]:
        """What the document says."""
        return self.low, self.low if self.high is None else self.high


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
    figures: tuple[Figure, ...] = ()
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


def value_of(figure: Figure, scenario: Scenario, analysis: Analysis) -> Span:
    """What the cost model makes of a document's figure."""
    costs = {cost.key: cost for cost in analysis.candidates}
    if figure.kind == "break-even":
        pair = {figure.of, figure.versus}
        found = [b for b in analysis.break_even if {b.a, b.b} == pair]
        if not found or found[0].requests_per_month is None:
            raise UserError(f"{figure.of} and {figure.versus} have no break-even.")
        return span(found[0].requests_per_month)
    one = _cost(costs, figure.of)
    if figure.kind == "cost":
        return _field(one, figure)
    if figure.kind == "line":
        return _line(one, figure, scenario)
    if figure.kind in GROUPS:
        return _group(one, GROUPS[figure.kind])
    if figure.kind == "slower by":
        return _slower(one)
    other = _cost(costs, figure.versus)
    if figure.kind == "saving":
        mine, theirs = _field(one, figure), _field(other, figure)
        return span(mine.value - theirs.value)
    if figure.kind == "ratio":
        return span(_field(one, figure).value / _field(other, figure).value)
    weeks = {c.key: c.build_weeks for c in scenario.candidates}
    a, b = weeks[figure.of], weeks[figure.versus]
    if a is None or b is None:
        raise UserError(f"{figure.of} and {figure.versus} need build_weeks.")
    return span(a.value - b.value)


def agrees(figure: Figure, found: Span) -> bool:
    """Whether it comes out: to the cent (or finer, as written), or inside the document's range."""
    low, high = figure.range
    if figure.match == "exact":
        written = low.as_tuple().exponent
        places = Decimal(1).scaleb(min(-2, written) if isinstance(written, int) else -2)
        pairs = ((found.low, low), (found.high, high))
        return all(a.quantize(places, ROUND_HALF_UP) == b.quantize(places) for a, b in pairs)
    inside = low <= found.low and found.high <= high
    return inside if figure.match == "inside" else not inside


def _cost(costs: dict[str, CandidateCost], key: str) -> CandidateCost:
    if key not in costs:
        raise UserError(f"No candidate {key!r} in this scenario; known: {', '.join(costs)}.")
    return costs[key]


def _field(cost: CandidateCost, figure: Figure) -> Span:
    found: Span | None = getattr(cost, figure.field)
    if found is None:
        raise UserError(f"{cost.key} has no {figure.field} at a volume of 0.")
    return found


def _line(cost: CandidateCost, figure: Figure, scenario: Scenario) -> Span:
    lines = [line for line in cost.lines if line.what == figure.line]
    if not lines:
        known = ", ".join(line.what for line in cost.lines)
        raise UserError(f"{cost.key} has no line {figure.line!r}; known: {known}.")
    line = lines[0]
    if figure.per in ("request", "once"):
        return line.usd
    if figure.per == "day":
        return line.monthly.over(scenario.workload.days_per_month)
    return line.monthly


def _group(cost: CandidateCost, groups: set[str]) -> Span:
    """USD per month of all lines of some groups."""
    found = [line.monthly for line in cost.lines if line.group in groups]
    return Span(
        value=sum((s.value for s in found), Decimal(0)),
        low=sum((s.low for s in found), Decimal(0)),
        high=sum((s.high for s in found), Decimal(0)),
    )


def _slower(cost: CandidateCost) -> Span:
    """Share by which retrieval and reranking lengthen the bare answer."""
    if cost.added_ms is None or cost.answer_ms is None:
        raise UserError(f"{cost.key} needs retrieval_ms and answer_ms.")
    return cost.added_ms.over(cost.answer_ms.value)
