"""What a climb would try, in which order, and what it may take. Asks no model."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

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
from rung.decide.usage import training_tokens
from rung.economics.speed import MEASURED, training_seconds
from rung.evidence import must_see
from rung.evidence.ledger import SMALLEST_ALPHA
from rung.evidence.weights import LAST, MOST
from rung.report.plan_data import Amount, Certification, Plan, PlannedRung
from rung.report.words import describe_candidate
from rung.scorers import grade_gold
from rung.task.types import Task


async def make_plan(task: Task, options: ClimbOptions) -> Plan:
    """The plan of a task. Makes no call and leaves no file behind.

    Raises `UserError` where a climb would: gold answers that their own scorer refuses, too.
    """
    with tempfile.TemporaryDirectory(prefix="rung-plan-") as nowhere:
        # A climb keeps its cache beside the task; a plan has nothing to keep.
        climber = Climber(task, replace(options, folder=Path(nowhere)), Observer())
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
        training_seconds=_training_seconds(rung, learnt),
        passed_on=rung.calls[-1].share if len(rung.calls) > 1 else None,
        hosted=candidate.weights.bought,
        raced=candidate.weights.recipe == "found",
        training_usd=None if price is None else float(price),
    )


def _training_seconds(rung: Planned, tokens: int) -> float:
    if rung.candidate.weights.bought:
        return 0.0
    own = next(c for c in rung.calls if c.model == rung.candidate.model)
    return training_seconds(tokens, own.parameters or MEASURED)


def _amount(rungs: Sequence[Planned], asked: dict[str, int], timed: set[str]) -> Amount:
    """Expected usage times examples asked. No language model, no call."""
    pairs = [(r, asked[r.candidate.key]) for r in rungs]
    asked_of = [(c, n) for r, n in pairs for c in r.calls]
    here = [(c, n) for c, n in asked_of if c.model in timed and c.usage.seconds]
    return Amount(
        calls=round(sum(n * c.share for c, n in asked_of if not c.model.startswith(NO_LLM))),
        tokens=sum((r.usage.input_tokens + r.usage.output_tokens) * n for r, n in pairs),
        usd=float(sum(r.usd_per_request * n for r, n in pairs)),
        minutes=sum(c.usage.seconds * c.share * n for c, n in here) / 60 if here else None,
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
