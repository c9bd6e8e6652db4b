"""Figures of the founding documents, and what the cost model makes of each."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator

from rung.economics.amounts import Span, added, span
from rung.economics.analysis import Analysis, CandidateCost
from rung.economics.scenario import Scenario
from rung.errors import UserError
from rung.money import given
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


def figures_of(scenario: Scenario) -> list[Figure]:
    """The figures that a scenario's file holds."""
    return [Figure.model_validate(plain) for plain in scenario.figures]


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
    return added(line.monthly for line in cost.lines if line.group in groups)


def _slower(cost: CandidateCost) -> Span:
    """Share by which retrieval and reranking lengthen the bare answer."""
    if cost.added_ms is None or cost.answer_ms is None:
        raise UserError(f"{cost.key} needs retrieval_ms and answer_ms.")
    return cost.added_ms.over(cost.answer_ms.value)
