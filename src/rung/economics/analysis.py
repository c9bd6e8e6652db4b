"""Everything that `rung cost` says of some candidates at one workload, as one plain object."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import combinations

from rung.economics import breakeven, frontier, sensitivity
from rung.economics.amounts import Line, Product, Span, amounts, total
from rung.economics.breakeven import BreakEven
from rung.economics.frontier import Point
from rung.economics.model import CostModel, Workload, milliseconds, model_of, ranged
from rung.economics.owner_lines import ASSUMED
from rung.economics.pricing import PriceBook
from rung.economics.sensitivity import Flip
from rung.economics.spec import CandidateSpec, Score
from rung.economics.tables import Source
from rung.economics.variants import Variant, variants
from rung.errors import UserError

ALL_DRAWS = 3_000
FEWEST_DRAWS = 400


@dataclass(frozen=True, slots=True)
class Factor:
    """One input of a line."""

    name: str
    value: Decimal
    low: Decimal
    high: Decimal
    unit: str
    source: str
    divides: bool = False


@dataclass(frozen=True, slots=True)
class LineCost:
    """One line of a bill with the inputs that it was computed from."""

    what: str
    group: str
    basis: str
    usd: Span
    """USD per request, per month or once, as `basis` says."""
    monthly: Span
    """USD per month at the workload, one-time costs spread over the horizon."""
    factors: tuple[Factor, ...]
    scale: Decimal
    """Constant of the product: units, hours."""
    floor: tuple[Factor, ...] = ()
    """Machines that are always on: a month never costs less than their product."""
    floor_scale: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class CandidateCost:
    """What one candidate costs. All figures USD; a range without width is a list price."""

    key: str
    technique: str
    model: str
    per_request: Span | None
    """All in; None where nothing is asked."""
    per_correct: Span | None
    """Per request over the score; None without a score, and where answers are partly right."""
    per_correct_unbounded: bool
    """The score may be 0, so that the upper end is not known."""
    marginal: Span
    running: Span
    once: Span
    assumed: Span
    """Part of `once` that nobody stated: what a technique is taken to need."""
    monthly: Span
    """Running cost plus one-time cost spread over the horizon."""
    total: Span
    """Over the horizon."""
    score: Score | None
    latency_p95_s: Decimal | None
    too_slow: bool
    """Above a limit on latency, or not shown to keep it."""
    added_ms: Span | None
    answer_ms: Span | None
    reaches_target: bool | None
    lines: tuple[LineCost, ...]
    load_known: bool = True
    """False where one machine is counted whatever is asked: nobody knows how much it answers."""


@dataclass(frozen=True, slots=True)
class Payback:
    """When the one with the dearer set-up has paid it back."""

    candidate: str
    against: str
    month: int | None
    """None: never at this volume."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The whole answer."""

    on: date
    requests_per_month: Span
    months: Span
    target: Decimal | None
    candidates: tuple[CandidateCost, ...]
    chosen: str | None
    break_even: tuple[BreakEven, ...]
    payback: tuple[Payback, ...]
    flips: tuple[Flip, ...]
    variants: tuple[Variant, ...]
    frontier: tuple[Point, ...]
    sources: tuple[Source, ...]
    stale: tuple[Source, ...]
    seed: int
    draws: int


def analyse(
    specs: Sequence[CandidateSpec],
    workload: Workload,
    book: PriceBook,
    *,
    target: Decimal | None = None,
    draws: int | None = None,
    seed: int = 0,
) -> Analysis:
    """Price every candidate and compare them. Pure: equal arguments, equal answer.

    `draws` for each break-even; left out, 1,000, fewer where there are many pairs.
    """
    models = models_of(specs, workload, book)
    pairs = list(combinations(models, 2))
    if draws is None:
        draws = max(FEWEST_DRAWS, min(breakeven.DRAWS, ALL_DRAWS // max(1, len(pairs))))
    chosen = sensitivity.choose(models, target)
    sources = _sources(models)
    return Analysis(
        on=book.on,
        requests_per_month=workload.requests_per_month,
        months=workload.months,
        target=target,
        candidates=tuple(cost_of(model, target) for model in models),
        chosen=chosen.key if chosen else None,
        break_even=tuple(breakeven.break_even(a, b, count=draws, seed=seed) for a, b in pairs),
        payback=tuple(_payback(a, b) for a, b in pairs if total(a.once, {}) != total(b.once, {})),
        flips=tuple(sensitivity.flips(models, target)),
        variants=tuple(v for model in models for v in variants(model, book)),
        frontier=tuple(frontier.frontier(models)),
        sources=sources,
        stale=tuple(source for source in sources if source.stale(book.on)),
        seed=seed,
        draws=draws,
    )


def models_of(
    specs: Sequence[CandidateSpec], workload: Workload, book: PriceBook
) -> list[CostModel]:
    """All candidates priced; equal keys are refused."""
    keys = [spec.key for spec in specs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice or not keys:
        what = f"{twice[0]!r} is there twice" if twice else "there is none"
        raise UserError(f"Candidates need distinct keys, but {what}; name each one.")
    return [model_of(spec, workload, book) for spec in specs]


def cost_of(model: CostModel, target: Decimal | None = None) -> CandidateCost:
    """The bill of one candidate."""
    spec = model.spec
    asked = model.workload.requests_per_month.low > 0
    each = ranged(model.each) if asked else None
    added, answer = milliseconds(spec)
    running, once = ranged(model.running), ranged(model.once)
    months = model.workload.months
    return CandidateCost(
        key=spec.key,
        technique=spec.technique,
        model=spec.model,
        per_request=each,
        per_correct=_per_correct(each, spec.score),
        per_correct_unbounded=spec.score is not None
        and not spec.score.graded
        and not (spec.score.value if spec.score.low is None else spec.score.low),
        marginal=ranged(model.marginal),
        running=running,
        once=once,
        assumed=ranged([(x.product, None) for x in model.lines if x.what == ASSUMED]),
        monthly=ranged(model.monthly),
        total=Span(
            value=running.value * months.value + once.value,
            low=running.low * months.low + once.low,
            high=running.high * months.high + once.high,
        ),
        score=spec.score,
        latency_p95_s=spec.latency_p95_s,
        too_slow=spec.too_slow,
        added_ms=added,
        answer_ms=answer,
        reaches_target=None
        if target is None or spec.score is None
        else sensitivity.reaches(model, target),
        lines=tuple(_line(model, line) for line in model.lines),
        load_known=all(x.product.scale for x in model.lines if x.floor is not None),
    )


def _per_correct(each: Span | None, score: Score | None) -> Span | None:
    """Per request over the share that is right; without bound above where that may be 0."""
    if each is None or score is None or score.graded or score.value <= 0:
        return None
    best = score.value if score.high is None else score.high
    worst = score.value if score.low is None else score.low
    value = each.value / score.value
    return Span(
        value=value,
        low=min(value, each.low / best),
        high=max(value, each.high / worst if worst > 0 else value),
    )


def _line(model: CostModel, line: Line) -> LineCost:
    return LineCost(
        what=line.what,
        group=line.group,
        basis=line.basis,
        usd=ranged([(line.product, None)]),
        monthly=ranged([model.term(line)]),
        factors=tuple(_factors(line.product)),
        scale=line.product.scale,
        floor=tuple(_factors(line.floor)) if line.floor is not None else (),
        floor_scale=line.floor.scale if line.floor is not None else Decimal(1),
    )


def _factors(product: Product) -> list[Factor]:
    return [
        Factor(
            name=amount.key,
            value=amount.span.value,
            low=amount.span.low,
            high=amount.span.high,
            unit=amount.unit,
            source=amount.source,
            divides=divides,
        )
        for divides, part in ((False, product.over), (True, product.under))
        for amount in part
    ]


def _payback(a: CostModel, b: CostModel) -> Payback:
    later, now = (a, b) if total(a.once, {}) > total(b.once, {}) else (b, a)
    return Payback(candidate=later.key, against=now.key, month=breakeven.payback_month(later, now))


def _sources(models: Sequence[CostModel]) -> tuple[Source, ...]:
    """Every list price that was used, each once."""
    seen: dict[str, Source] = {}
    for model in models:
        for amount in amounts(model.monthly).values():
            if amount.listed is not None:
                seen.setdefault(str(amount.listed), amount.listed)
    return tuple(seen.values())
