"""What a climb would try, in which order, and what it may take: as data (`rung plan --json`) and
in words. Asks no model."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rung.behaviour.trainers.race import BUDGET_S
from rung.candidate import NO_LLM
from rung.climbing.certify import in_order, is_graded
from rung.climbing.climber import Climber
from rung.climbing.ledger import TestLedger
from rung.climbing.observer import Observer
from rung.climbing.people import people_of
from rung.climbing.refining import what_serious_takes
from rung.climbing.till import ClimbTill
from rung.climbing.tools import ClimbOptions
from rung.decide.ladder import Planned
from rung.decide.usage import expected_training_s, training_tokens
from rung.evidence import must_see
from rung.evidence.ledger import SMALLEST_ALPHA
from rung.evidence.weights import LAST, MOST
from rung.models.local.machine import device
from rung.money import usd
from rung.report.words import describe_candidate
from rung.scorers import grade_gold
from rung.task.types import Frozen, Task


class PlannedRung(Frozen):
    """One candidate in the order of the ladder; figures are expected, nothing was measured."""

    key: str
    technique: str
    model: str
    description: str
    probe: bool
    input_tokens: int
    output_tokens: int
    cost_per_request_usd: float
    setup_usd: float
    monthly_usd: float
    training_tokens: int
    """Read while training, all epochs; 0 without training."""
    training_seconds: float = 0.0
    """Of this machine, expected; 0 where nothing is trained here."""
    passed_on: float | None = None
    """Share of the requests assumed to go to a cascade's last model; None where there is one
    model."""
    raced: bool = False
    """Its recipe is found by a race, which its training counts."""
    hosted: bool = False
    """The model's provider trains it, which is bought."""
    training_usd: float | None = None
    """Of hosted training; None where no price is known."""


class Amount(Frozen):
    """What some part of a climb takes."""

    calls: int
    tokens: int
    usd: float
    minutes: float | None
    """Of models that run on this machine, training left out; None where none does."""


class Certification(Frozen):
    """What the test examples can certify at best."""

    units: int
    """Test examples, or clusters of them."""
    target: float
    alpha: float
    """Error granted to the first candidate that does well on dev; later ones share the rest."""
    must_see: int | None
    """Right answers that certify the target; None where none suffice, or scores are graded."""
    graded: bool


class Plan(Frozen):
    """One object that says everything: `rung plan --json`."""

    task: str
    metric: str
    target: float
    confidence: float
    sizes: dict[str, int]
    requests_per_month: int
    months: int
    candidates: tuple[PlannedRung, ...]
    pilots_only: Amount
    """Every candidate is left after its pilot on dev."""
    everything: Amount
    """Every candidate is asked every example: no climb takes more, but for retries, repairs, and
    cascades that pass on more than assumed."""
    certification: Certification
    prices_of: str
    notes: tuple[str, ...] = ()
    """How models are asked that do not take everything, as far as is known before the climb."""


async def make_plan(task: Task, options: ClimbOptions) -> Plan:
    """The plan of a task. Makes no call and leaves no file behind.

    Raises `UserError` where a climb would: gold answers that their own scorer refuses, too.
    """
    with tempfile.TemporaryDirectory(prefix="rung-plan-") as nowhere:
        # A climb keeps its cache beside the task; a plan has nothing to keep.
        climber = Climber(task, replace(options, folder=Path(nowhere)), Observer())
        climber.tools.spends = False
        try:
            await grade_gold(task, climber.scorer)
            rungs = await climber.plan()
            notes = [*climber.heard(rungs), *what_serious_takes(task, rungs)]
        finally:
            await climber.tools.aclose()
    return _plan(task, rungs, climber).model_copy(update={"notes": tuple(notes)})


def _plan(task: Task, rungs: Sequence[Planned], climber: Climber) -> Plan:
    pilot = min(len(task.dev), task.climb.dev_size)
    test = {r.candidate.key: 0 if r.candidate.is_probe else len(task.test) for r in rungs}
    local = {
        name: climber.tools.prices.rates.get(name) for r in rungs for name in r.candidate.models
    }
    timed = {name for name, rates in local.items() if rates is not None and not rates.tokens}
    return Plan(
        task=task.name,
        metric=task.target.metric,
        target=task.target.score,
        confidence=task.target.confidence,
        sizes={"train": len(task.train), "dev": len(task.dev), "test": len(task.test)},
        requests_per_month=task.workload.requests_per_month,
        months=task.workload.months,
        candidates=tuple(_rung(r, task, climber.tools.till) for r in rungs),
        pilots_only=_amount(rungs, {r.candidate.key: pilot for r in rungs}, timed),
        everything=_amount(rungs, {k: pilot + n for k, n in test.items()}, timed),
        certification=_certification(task, rungs, climber),
        prices_of=climber.tools.prices.on.isoformat(),
    )


def _rung(rung: Planned, task: Task, till: ClimbTill) -> PlannedRung:
    candidate = rung.candidate
    learnt = training_tokens(task, candidate, rung.usage)
    price = till.price(candidate.model, learnt) if candidate.weights.bought else None
    return PlannedRung(
        key=candidate.key,
        technique=candidate.technique,
        model=candidate.model,
        description=describe_candidate(candidate),
        probe=candidate.is_probe,
        input_tokens=rung.usage.input_tokens,
        output_tokens=rung.usage.output_tokens,
        cost_per_request_usd=float(rung.usd_per_request),
        setup_usd=float(rung.setup_usd),
        monthly_usd=float(rung.usd_per_month),
        training_tokens=learnt,
        training_seconds=expected_training_s(task, candidate, rung.calls),
        passed_on=rung.calls[-1].share if len(rung.calls) > 1 else None,
        hosted=candidate.weights.bought,
        raced=candidate.weights.recipe == "found",
        training_usd=None if price is None else float(price),
    )


def _amount(rungs: Sequence[Planned], asked: dict[str, int], timed: set[str]) -> Amount:
    """Expected usage times examples asked. No language model, no call."""
    pairs = [(r, asked[r.candidate.key]) for r in rungs]
    asked_of = [(c, n) for r, n in pairs for c in r.calls]
    here = [(c, n) for c, n in asked_of if c.model in timed and c.usage.computed]
    return Amount(
        calls=round(sum(n * c.share for c, n in asked_of if not c.model.startswith(NO_LLM))),
        tokens=sum((r.usage.input_tokens + r.usage.output_tokens) * n for r, n in pairs),
        usd=float(sum(r.usd_per_request * n for r, n in pairs)),
        minutes=sum(c.usage.computed * c.share * n for c, n in here) / 60 if here else None,
    )


def _certification(task: Task, rungs: Sequence[Planned], climber: Climber) -> Certification:
    ledger = TestLedger(climber.options.folder or Path(), task, ())
    units = len(in_order(task, ledger.rows))
    tested = sum(not r.candidate.is_probe for r in rungs)
    alpha = (MOST if tested > 1 else LAST) * max(ledger.left, SMALLEST_ALPHA)
    graded = is_graded(task, climber.scorer.graded)
    asked = people_of(climber.tools, climber.scorer.version).asked(task.target.score, alpha)
    seen = None if graded or not units else must_see(units, *asked)
    return Certification(
        units=units, target=task.target.score, alpha=alpha, must_see=seen, graded=graded
    )


def amount_text(amount: Amount) -> str:
    """What a part of a climb takes, in a few words."""
    sentence = f"{amount.calls:,} calls, {amount.tokens:,} tokens, {usd(amount.usd)}"
    if amount.minutes is None:
        return sentence
    return f"{sentence}, {minutes_text(amount.minutes)} of computing on this machine"


def minutes_text(minutes: float) -> str:
    """A forecast of time, no more exact than it is."""
    if minutes < 1:
        return "under a minute"
    if round(minutes) == 1:
        return "about a minute"
    return f"about {minutes:,.0f} minutes"


def training_lines(plan: Plan) -> list[str]:
    """What training adds, in sentences; none where nothing is trained."""
    tokens = sum(row.training_tokens for row in plan.candidates)
    here = sum(row.training_seconds for row in plan.candidates)
    place = f"of computing on this machine ({device()})"
    read = [f"{tokens:,} tokens in all epochs"] if tokens else []
    takes = [*read, *([f"{minutes_text(here / 60)} {place}"] if here else [])]
    lines = [f"Training comes on top: {', '.join(takes)}."] if takes else []
    if any(row.raced for row in plan.candidates):
        lines.append(
            "In it, a race on dev finds each tuned rung's recipe: no recipe is begun there that "
            f"would take it beyond {minutes_text(BUDGET_S / 60)}."
        )
    return lines + [_bought(row) for row in plan.candidates if row.hosted]


def setup_lines(plan: Plan) -> list[str]:
    """What sets a technique up once, in a sentence: narrow tables show it in $/month only."""
    once = {row.technique: row.setup_usd for row in plan.candidates if row.setup_usd >= 0.01}
    if not once:
        return []
    each = ", ".join(f"{technique} {usd(amount)}" for technique, amount in once.items())
    return [
        f"Set-up, mostly people's time: {each}. Yours: [costs] labour_usd_per_hour with "
        "setup_hours and rag_setup_hours."
    ]


def cascade_lines(plan: Plan) -> list[str]:
    """What is assumed of cascades, in a sentence; none where there is no cascade."""
    assumed = {row.passed_on for row in plan.candidates if row.passed_on is not None}
    if not assumed:
        return []
    shares = " or ".join(f"{share:.0%}" for share in sorted(assumed, reverse=True))
    return [
        f"Cascades are assumed to pass {shares} of the requests on to their last model: nothing "
        "is known of it before their pilots."
    ]


def certification_text(plan: Plan) -> str:
    """What the test examples can certify at best, in one sentence."""
    bar = plan.certification
    if not bar.units:
        return "There are no test examples: nothing can be certified."
    if bar.graded:
        return (
            f"With {bar.units} test examples, graded scores are certified by their mean and "
            f"spread (error {bar.alpha:.2g} at most)."
        )
    if bar.must_see is None:
        return (
            f"With {bar.units} test examples not even all right certifies {bar.target:g} "
            f"(error {bar.alpha:.2g} at most): add test examples, or lower the target."
        )
    share = bar.must_see / bar.units
    return (
        f"With {bar.units} test examples you must see {bar.must_see} right ({share:.0%}) to "
        f"certify {bar.target:g} (error {bar.alpha:.2g} at most)."
    )


def _bought(row: PlannedRung) -> str:
    """What hosted training is expected to cost, or that it is not known."""
    if row.training_usd is None:
        price = "a price that is not known: set [costs] training_usd_per_mtok"
    else:
        price = f"about {usd(row.training_usd)}"
    return f"{row.key} buys training from the model's provider, at {price}."
