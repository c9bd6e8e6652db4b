"""A candidate's cost as lines: what is paid per request, per month and once, each from its inputs.

The one place where a specification meets prices. Sources of the formulas: tokens x price (the
price library's definition of usage), training tokens x price (the tuning providers' billing
rules), hosting = load / (throughput x utilisation) machine hours with a floor of replicas that are
always on, retraining = training x how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rung.candidate import NO_LLM
from rung.economics.amounts import Amount, Line, Span, Term, added, bound, span, total
from rung.economics.owner_lines import ASSUMED, evaluation, labour, recurring, stated, training
from rung.economics.pricing import PriceBook, Rates
from rung.economics.quote import Quote
from rung.economics.request_lines import also_asked, hosting, inference, retrieval
from rung.economics.spec import CandidateSpec, CandidateUsage
from rung.economics.spec_of import spec_of, standing
from rung.economics.speed import answer_seconds, parameters_named
from rung.errors import UserError

VOLUME = "requests per month"
HORIZON = "months of use"


@dataclass(frozen=True, slots=True)
class Workload:
    """The volume and the horizon, either of which may be uncertain."""

    requests_per_month: Span
    months: Span
    days_per_month: Decimal = Decimal(30)
    """For figures per day; the founding documents count 30."""

    @classmethod
    def of(cls, requests_per_month: object, months: object) -> Workload:
        """From plain numbers or ranges."""
        workload = cls(requests_per_month=span(requests_per_month), months=span(months))
        if workload.months.low < 1:
            raise UserError(f"A horizon needs at least one month, got {workload.months.low:f}.")
        return workload

    @property
    def volume(self) -> Amount:
        """Requests per month as an input."""
        return Amount(key=VOLUME, span=self.requests_per_month, source="the workload")

    @property
    def horizon(self) -> Amount:
        """Months as an input."""
        return Amount(key=HORIZON, span=self.months, source="the workload")


@dataclass(frozen=True)
class CostModel:
    """A candidate whose cost can be computed at any volume and price."""

    spec: CandidateSpec
    lines: tuple[Line, ...]
    rates: Rates | None
    workload: Workload

    @property
    def key(self) -> str:
        """The candidate's key."""
        return self.spec.key

    def term(self, line: Line) -> Term:
        """USD per month, all in: one-time costs spread over the horizon."""
        if line.basis == "request":
            return line.product.times(self.workload.volume), line.floor
        if line.basis == "once":
            return line.product.over_by(self.workload.horizon), None
        return line.product, None

    @property
    def monthly(self) -> tuple[Term, ...]:
        """All in."""
        return tuple(self.term(line) for line in self.lines)

    @property
    def running(self) -> tuple[Term, ...]:
        """Without one-time costs."""
        return tuple(self.term(line) for line in self.lines if line.basis != "once")

    @property
    def each(self) -> tuple[Term, ...]:
        """USD per request, all in: the month's cost over the month's requests."""
        volume = self.workload.volume
        terms: list[Term] = []
        for line in self.lines:
            if line.basis == "request":
                floor = line.floor.over_by(volume) if line.floor is not None else None
                terms.append((line.product, floor))
            else:
                terms.append((self.term(line)[0].over_by(volume), None))
        return tuple(terms)

    @property
    def once(self) -> tuple[Term, ...]:
        """USD before the first request."""
        return tuple((line.product, None) for line in self.lines if line.basis == "once")

    @property
    def marginal(self) -> tuple[Term, ...]:
        """USD for one more request (above the hosting floor, where there is one)."""
        return tuple((line.product, None) for line in self.lines if line.basis == "request")

    @property
    def assumed(self) -> tuple[Term, ...]:
        """USD per month of what nobody stated, part of the month."""
        return tuple(self.term(line) for line in self.lines if line.what == ASSUMED)

    @property
    def asking(self) -> tuple[Term, ...]:
        """USD per month that the requests cost, machines included."""
        return tuple(self.term(line) for line in self.lines if line.basis == "request")

    def month(self, requests: Decimal) -> Span:
        """USD per month, all in, at another volume."""
        workload = replace(self.workload, requests_per_month=span(requests))
        return ranged(replace(self, workload=workload).monthly)


def ranged(terms: Sequence[Term]) -> Span:
    """The figure with its range: every input at its cheapest and at its dearest end."""
    value = total(terms, {})
    low, high = bound(terms, high=False), bound(terms, high=True)
    return Span(value=value, low=min(low, value), high=max(high, value))


def model_of(spec: CandidateSpec, workload: Workload, book: PriceBook) -> CostModel:
    """Price one candidate. Raises `UserError` naming what is missing."""
    quote = Quote(_with_machine(spec, book), book)
    lines = (
        *inference(quote),
        *also_asked(quote),
        *retrieval(quote),
        *hosting(quote),
        *training(quote),
        *labour(quote),
        *recurring(quote),
        *stated(quote),
    )
    return CostModel(quote.spec, (*lines, *evaluation(quote, lines)), quote.rates, workload)


def _with_machine(spec: CandidateSpec, book: PriceBook) -> CandidateSpec:
    """A stated candidate on a model of one's own needs its machine, whoever forgot to say so."""
    priced = spec.measured or spec.hosting or spec.prices or spec.seconds or spec.gpu_seconds
    if priced or not spec.model or spec.model.startswith(NO_LLM):
        return spec
    if not book.of_model(spec.model).by_the_hour:
        return spec
    own, size = standing(spec.model, book.settings), parameters_named(spec.model)
    changed: dict[str, object] = {"hosting": own}
    if own.tokens_per_second is None and size is not None:
        read = added(x for x in (spec.tokens.input, spec.tokens.context) if x is not None)
        ends = {
            end: answer_seconds(getattr(read, end), getattr(spec.tokens.output, end), size)
            for end in ("low", "value", "high")
        }
        changed |= {"seconds": span(ends), "seconds_from": "expected by the model's parameters"}
    return spec.model_copy(update=changed)


def model_of_usage(usage: CandidateUsage, workload: Workload, book: PriceBook) -> CostModel:
    """What a candidate costs by what it used, or is expected to use.

    The one sum behind every figure: the ladder's order, the verdict, the reports, the pages and
    `rung cost`.
    """
    return model_of(spec_of(usage, book), workload, book)


def milliseconds(spec: CandidateSpec) -> tuple[Span | None, Span | None]:
    """Time that retrieval and reranking add, and the bare answer's: both ms."""
    parts = [p for p in (spec.retrieval.retrieval_ms, spec.retrieval.rerank_ms) if p is not None]
    if not parts:
        return None, spec.answer_ms
    return added(parts), spec.answer_ms
