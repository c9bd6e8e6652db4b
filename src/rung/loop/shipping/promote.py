"""`promote`: the challenger takes the winner's place only after a paired test against it.

Both answer the same held-out examples. From one interval of the difference follow both claims that
allow a swap: better (the interval lies above 0), and no more than `margin` worse (it lies above
-margin), which is enough where the challenger is cheaper or knows newer documents. Everything else
is refused. The interval may err by what the examples' ledger grants (`budget`): it widens with
every use of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from statistics import fmean
from typing import Literal, NamedTuple

from rung.climbing.ledger import TestLedger, row_name
from rung.climbing.summary import unit_of
from rung.climbing.tools import ClimbOptions, Tools
from rung.errors import ProviderError, UserError
from rung.evidence import cluster_means, fixed_order, paired_comparison
from rung.loop.shipping.budget import Share, Source, draw
from rung.loop.shipping.winners import Kind, Winners
from rung.scorers import Scorer, scorer_for
from rung.solver import Solver, load
from rung.solver.store import digest_of
from rung.task.duplicates import normalised
from rung.task.examples import load_examples
from rung.task.load import load_task
from rung.task.types import Example, Frozen, Task

AT_ONCE = 16
FEWEST = 20
"""Held-out examples below which nothing is compared."""
MARGIN = 0.05

Outcome = Literal["first", "better", "not worse", "worse", "undecided", "same"]
SWAPS: tuple[Outcome, ...] = ("first", "better", "not worse")


class Promotion(Frozen):
    """What was compared, and what became of it."""

    outcome: Outcome
    present: str | None
    challenger: str
    n: int = 0
    difference: float | None = None
    """Mean score of the challenger less that of the present winner, in [-1, 1]."""
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    confidence: float | None = None
    """Of the interval: 1 less `alpha`."""
    alpha: float | None = None
    """Share of the examples' error that this comparison was granted; drawn by a dry run too."""
    alpha_of: Source | None = None
    """Whose error it is: given examples that stand in the test split draw from that."""
    alpha_total: float | None = None
    alpha_left: float | None = None
    """For later comparisons, and climbs, on the same examples."""
    alpha_next: float | None = None
    """What the next new comparison would be granted; None where there is nothing left."""
    method: str = ""
    margin: float = MARGIN
    present_usd: float | None = None
    """Mean USD of an answer."""
    challenger_usd: float | None = None
    unanswered: int = 0
    """Examples that one of the two did not answer: left out."""
    swapped: bool = False


class _Said(NamedTuple):
    scores: list[float | None]
    usd: float | None


def promote(
    folder: str | Path,
    options: ClimbOptions | None = None,
    *,
    challenger: str | None = None,
    examples: str | Path | None = None,
    margin: float = MARGIN,
    dry_run: bool = False,
) -> Promotion:
    """Compare, and swap where the test allows it.

    `challenger` names a kept winner by its hash; `.rung/challenger` when left out. `examples` is a
    file of held-out examples; the task's test split when left out. Raises `UserError` where there
    is nothing to promote, where an example is among those that may be learnt from, or where the
    examples were used so often that their error is spent.
    """
    if not 0.0 < margin < 1.0:
        raise UserError(f"--margin is {margin!r}: give a difference of scores between 0 and 1")
    task = load_task(folder)
    root = task.root or Path(folder)
    winners = Winners(root)
    source = winners.named(challenger) if challenger else winners.challenger
    if not source.exists():
        if challenger is None and winners.winner.exists():
            return _first(winners, dry_run)
        raise UserError(
            f"{source} is not there: nothing waits to be promoted; run `rung climb` first"
        )
    digest = digest_of(source)
    present = winners.present()
    if present is None:
        return _swap(
            winners, source, Promotion(outcome="first", present=None, challenger=digest), dry_run
        )
    if digest == present:
        return Promotion(outcome="same", present=present, challenger=digest)
    held_out = _held_out(task, examples, winners.project.folder)
    share, compared = asyncio.run(
        _compare(task, options or ClimbOptions(), winners, source, held_out, (digest, present))
    )
    result = _judged(task, compared, held_out, share.alpha)
    outcome = _outcome(result, margin)
    facts = {"outcome": outcome, "margin": margin, "present": present, "challenger": digest}
    return _swap(winners, source, result.model_copy(update={**facts, **_told(share)}), dry_run)


def _first(winners: Winners, dry_run: bool) -> Promotion:
    """A winner that was never promoted is kept and written down: from now on swaps are tested."""
    present = winners.present()
    assert present is not None
    if winners.log():
        return Promotion(outcome="same", present=present, challenger=present)
    result = Promotion(outcome="first", present=present, challenger=present, swapped=not dry_run)
    if not dry_run:
        winners.keep(winners.winner)
        winners.serve(winners.place(present), "first", None)
    return result


def _swap(winners: Winners, source: Path, result: Promotion, dry_run: bool) -> Promotion:
    if result.outcome not in SWAPS or dry_run:
        return result
    kept = winners.keep(source)
    why = result.model_dump(mode="json", exclude={"present", "challenger", "swapped"})
    kind: Kind = "first" if result.outcome == "first" else "promoted"
    winners.serve(winners.place(kept), kind, why)
    return result.model_copy(update={"swapped": True})


def _held_out(task: Task, examples: str | Path | None, folder: Path) -> list[Example]:
    """Examples that neither may have learnt from, in the seeded order.

    Of the test split those that certify: whoever saw the answers to the others learnt from them.
    """
    certify = TestLedger(folder, task, ()).rows
    rows = [e for e in task.test if row_name(e) in certify]
    if examples is not None:
        if not Path(examples).is_file():
            raise UserError(f"--examples {examples}: no such file; name a file of examples")
        rows = load_examples(Path(examples), Path(examples).name, task.output)
    learnt = {normalised(e.input_text()) for e in task.train}
    leaked = [e.id for e in rows if normalised(e.input_text()) in learnt]
    if leaked:
        raise UserError(
            f"{len(leaked)} of the held-out examples stand in train too, such as {leaked[0]!r}: a "
            "solver that learnt them is not tested by them; take them out"
        )
    if len(rows) < FEWEST:
        raise UserError(
            f"{len(rows)} held-out examples are too few to compare two winners: at least {FEWEST}"
        )
    by_id = {e.id: e for e in rows}
    return [by_id[i] for i in fixed_order(list(by_id), task.climb.seed)]


async def _compare(
    task: Task,
    options: ClimbOptions,
    winners: Winners,
    source: Path,
    rows: Sequence[Example],
    pair: tuple[str, str],
) -> tuple[Share, tuple[_Said, _Said]]:
    specs = [winners.winner, source]
    tools = Tools(task, options)
    scorer = scorer_for(task, tools.chat(task.models.judge) if task.models.judge else None)
    try:
        ours, theirs = [load(place, tools.chat, tools.embedder, tools.tool) for place in specs]
        # Before a call is made: whoever saw the answers has used the examples.
        share = draw(task, tools.project.folder, pair, rows)
        answers = await _ask(theirs, rows, scorer, tools), await _ask(ours, rows, scorer, tools)
        return share, answers
    finally:
        await tools.aclose()


async def _ask(solver: Solver, rows: Sequence[Example], scorer: Scorer, tools: Tools) -> _Said:
    """Scores in order; None where the model failed to answer, which is no wrong answer."""
    await solver.prepare([e.input for e in rows])
    gate, costs = asyncio.Semaphore(AT_ONCE), list[Decimal]()

    async def one(example: Example) -> float | None:
        async with gate:
            try:
                answer = await solver.answer(example.input)
            except ProviderError as error:
                if error.outage:
                    raise
                return None
        costs.append(answer.usd(tools.price, solver.model))
        return (await scorer.score(example, answer)).value

    scores = list(await asyncio.gather(*(one(e) for e in rows)))
    return _Said(scores, fmean(map(float, costs)) if costs else None)


def _judged(
    task: Task, answers: tuple[_Said, _Said], rows: Sequence[Example], alpha: float
) -> Promotion:
    theirs, ours = answers
    found_pairs = [
        (a, b, str(unit_of(task, e)))
        for a, b, e in zip(theirs.scores, ours.scores, rows, strict=True)
        if a is not None and b is not None
    ]
    units = [unit for _, _, unit in found_pairs]
    challengers = cluster_means([a for a, _, _ in found_pairs], units)
    presents = cluster_means([b for _, b, _ in found_pairs], units)
    base = Promotion(
        outcome="undecided",
        present=None,
        challenger="",
        present_usd=ours.usd,
        challenger_usd=theirs.usd,
        unanswered=len(rows) - len(found_pairs),
    )
    if len(challengers) < FEWEST:
        return base
    pair = paired_comparison(challengers, presents, confidence=1.0 - alpha)
    return base.model_copy(
        update={
            "n": pair.n,
            "difference": pair.difference,
            "low": pair.low,
            "high": pair.high,
            "p_value": pair.p_value,
            "confidence": pair.confidence,
            "method": pair.method,
        }
    )


def _outcome(judged: Promotion, margin: float) -> Outcome:
    """What the interval says."""
    if judged.low is None or judged.high is None:
        return "undecided"
    if judged.low > 0:
        return "better"
    if judged.low > -margin:
        return "not worse"
    return "worse" if judged.high < 0 else "undecided"


def _told(share: Share) -> dict[str, float | str | None]:
    return {
        "alpha": share.alpha,
        "alpha_of": share.source,
        "alpha_total": share.total,
        "alpha_left": share.left,
        "alpha_next": share.next,
    }
