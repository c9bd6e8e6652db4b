"""`promote`: the challenger takes the winner's place only after a paired test against it.

Both answer the same held-out examples. From one interval of the difference follow both claims that
allow a swap: better (the interval lies above 0), and no more than `margin` worse (it lies above
-margin), which is enough where the challenger is cheaper or knows newer documents. Everything else
is refused. The interval may err by what the examples' ledger grants (`budget`): it widens with
every use of them.
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, NamedTuple

from rung.climbing.ledger import TestLedger, row_name
from rung.climbing.summary import unit_of
from rung.climbing.tools import ClimbOptions, Tools
from rung.climbing.winner import unproven
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
    unproven: str | None = None
    """What the challenger's own measurement does not certify."""
    instead: str = ""
    """Why there was no comparison."""
    swapped: bool = False


class Answered(NamedTuple):
    """What one solver made of some examples."""

    scores: list[float | None]
    """In their order; None where there is no answer."""
    usd: float | None
    """Mean of an answer."""

    def by_unit(self, task: Task, rows: Sequence[Example]) -> list[float]:
        """One score a unit of the task, what has none left out."""
        both = [(v, str(unit_of(task, e))) for v, e in zip(self.scores, rows, strict=True)
                if v is not None]  # fmt: skip
        return list(cluster_means([v for v, _ in both], [u for _, u in both])) if both else []


def promote(
    folder: str | Path,
    options: ClimbOptions | None = None,
    *,
    challenger: str | None = None,
    examples: str | Path | None = None,
    margin: float = MARGIN,
    dry_run: bool = False,
    anyway: bool = False,
) -> Promotion:
    """Compare, and swap where the test allows it, or where a person wants it `anyway`.

    `challenger` names a kept winner by its hash; `.rung/challenger` when left out, and with
    `anyway` what came nearest where nothing was certified. `examples` is a file of held-out
    examples; the task's test split when left out. Raises `UserError` where there is nothing to
    promote, and, unless `anyway`, where an example is among those that may be learnt from, or where
    the examples were used so often that their error is spent.
    """
    if not 0.0 < margin < 1.0:
        raise UserError(f"--margin is {margin!r}: give a difference of scores between 0 and 1")
    task = load_task(folder)
    root = task.root or Path(folder)
    winners = Winners(root)
    source = winners.named(challenger) if challenger else _waiting(winners, anyway)
    if not source.exists():
        if challenger is None and winners.winner.exists():
            return _first(winners, dry_run)
        raise UserError(
            f"{source} is not there: nothing waits to be promoted; run `rung climb` first"
        )
    digest, present = digest_of(source), winners.present()
    about: dict[str, Any] = {"present": present, "challenger": digest, "unproven": unproven(source)}
    if present is None or digest == present:
        outcome: Outcome = "first" if present is None else "same"
        return _swap(winners, source, Promotion(outcome=outcome, **about), dry_run, anyway)
    options = options or ClimbOptions()
    try:
        held_out = _held_out(task, examples, winners.project.folder)
        share, compared = asyncio.run(
            _compare(task, options, winners, source, held_out, (digest, present))
        )
    except UserError as error:
        if not anyway:
            raise
        result = Promotion(outcome="undecided", instead=str(error), **about)
    else:
        result = judged(task, compared, held_out, share.alpha)
        about |= {"outcome": outcome_of(result, margin), "margin": margin, **_told(share)}
        result = result.model_copy(update=about)
    return _swap(winners, source, result, dry_run, anyway)


def _waiting(winners: Winners, anyway: bool) -> Path:
    """The challenger; where none waits and nothing else can be served, what came nearest."""
    best = winners.project.best
    if winners.challenger.exists() or not best.exists():
        return winners.challenger
    if not anyway and not winners.winner.exists():
        raise UserError(
            f"nothing is certified, so nothing waits to be promoted; the best of the last climb is "
            f"{unproven(best)}; `--anyway` serves it all the same, and says so wherever it shows"
        )
    return best if anyway else winners.challenger


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


def _swap(
    winners: Winners, source: Path, result: Promotion, dry_run: bool, anyway: bool
) -> Promotion:
    proven = result.outcome in SWAPS and result.unproven is None
    allowed = proven or anyway or result.outcome in ("better", "not worse")
    if result.outcome == "same" or not allowed or dry_run:
        return result
    kept = winners.keep(source)
    why = result.model_dump(mode="json", exclude={"present", "challenger", "swapped"})
    kind: Kind = "anyway" if not proven else "first" if result.outcome == "first" else "promoted"
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
) -> tuple[Share, tuple[Answered, Answered]]:
    specs = [winners.winner, source]
    tools = Tools(task, options)
    scorer = scorer_for(task, tools.chat(task.models.judge) if task.models.judge else None)
    try:
        ours, theirs = [load(place, tools.chat, tools.embedder, tools.tool) for place in specs]
        # Before a call is made: whoever saw the answers has used the examples.
        share = draw(task, tools.project.folder, pair, rows)
        answers = (
            await answered(theirs, rows, scorer, tools),
            await answered(ours, rows, scorer, tools),
        )
        return share, answers
    finally:
        await tools.aclose()


async def answered(
    solver: Solver, rows: Sequence[Example], scorer: Scorer, tools: Tools
) -> Answered:
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
    return Answered(scores, fmean(map(float, costs)) if costs else None)


def judged(
    task: Task, answers: tuple[Answered, Answered], rows: Sequence[Example], alpha: float
) -> Promotion:
    """Challenger and present compared, pair by pair; `alpha` is what the interval may err."""
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


def outcome_of(compared: Promotion, margin: float) -> Outcome:
    """What the interval says."""
    if compared.low is None or compared.high is None:
        return "undecided"
    if compared.low > 0:
        return "better"
    if compared.low > -margin:
        return "not worse"
    return "worse" if compared.high < 0 else "undecided"


def _told(share: Share) -> dict[str, float | str | None]:
    return {
        "alpha": share.alpha,
        "alpha_of": share.source,
        "alpha_total": share.total,
        "alpha_left": share.left,
        "alpha_next": share.next,
    }
