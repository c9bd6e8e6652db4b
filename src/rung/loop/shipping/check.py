"""`rung check`: a pull request's look at what is served, on dev.

Two questions: does the served winner still do what was measured, and is the winner as this folder
would make it now (its instruction, shots and documents) not worse, paired? Both are asked on dev,
which certifies nothing: the error of the test split is left to climbs and promotions.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Literal

from rung.climbing.tools import ClimbOptions, Tools
from rung.errors import UserError
from rung.evidence import interval
from rung.loop.shipping.promote import (
    FEWEST,
    MARGIN,
    Answered,
    Outcome,
    Promotion,
    answered,
    judged,
    outcome_of,
)
from rung.loop.shipping.winners import Winners
from rung.scorers import scorer_for
from rung.solver import Solver, Workshop, fit, load
from rung.task.load import load_task
from rung.task.types import Example, Frozen, Task, digest

CONFIDENCE = 0.95
Passes = Literal["passes", "fails", "undecided"]
CODES = {"passes": 0, "better": 0, "not worse": 0, "same": 0, "worse": 3, "fails": 3}
"""As a climb's: 3 is shown to be bad; what is not in here is 4, not to be told."""


class Checked(Frozen):
    """What a check found."""

    task: str
    metric: str
    target: float
    winner: str
    """Its candidate."""
    doubt: str | None
    """Why what is served is unproven."""
    passes: Passes
    """fails: its interval on dev lies below the target."""
    score: float | None
    low: float | None
    high: float | None
    n: int
    change: Outcome
    """The winner as made now against the served one; `same` where nothing is different."""
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    compared: int = 0
    unanswered: int = 0
    margin: float = MARGIN
    spent_usd: float = 0.0

    @property
    def code(self) -> int:
        """The exit code: the graver of the two answers."""
        codes = [CODES.get(self.passes, 4), CODES.get(self.change, 4)]
        return 3 if 3 in codes else max(codes)


def check(
    folder: str | Path, options: ClimbOptions | None = None, *, margin: float = MARGIN
) -> Checked:
    """Ask the served winner, and the one of this folder where it differs, all of dev.

    Raises `UserError` where nothing is served, where dev is too small, or where the winner is tuned
    and would have to be trained.
    """
    if not 0.0 < margin < 1.0:
        raise UserError(f"--margin is {margin!r}: give a difference of scores between 0 and 1")
    task = load_task(folder)
    winners = Winners(task.root or Path(folder))
    if winners.present() is None:
        raise UserError(
            f"{winners.winner} is not there: `rung check` looks at what is served; run `rung climb`"
            ", and keep .rung/winner where the check can read it"
        )
    if len(task.dev) < FEWEST:
        raise UserError(f"{len(task.dev)} dev examples are too few to check on: at least {FEWEST}")
    return asyncio.run(_checked(task, winners, options or ClimbOptions(), margin))


async def _checked(task: Task, winners: Winners, options: ClimbOptions, margin: float) -> Checked:
    tools = Tools(task, options)
    scorer = scorer_for(task, tools.chat(task.models.judge) if task.models.judge else None)
    rows = task.dev[: task.climb.dev_size]
    try:
        served = load(winners.winner, tools.chat, tools.embedder)
        now = await _made_now(served, task, tools)
        ours = await answered(served, rows, scorer, tools)
        theirs = ours if now is None else await answered(now, rows, scorer, tools)
        spent = float(tools.budget.spent)
    finally:
        await tools.aclose()
    change = Promotion(outcome="same", present=None, challenger="")
    if now is not None:
        change = judged(task, (theirs, ours), rows, 1 - CONFIDENCE)
    return Checked(
        task=task.name,
        metric=task.target.metric,
        target=task.target.score,
        winner=served.candidate.key,
        doubt=winners.doubt(),
        **_passing(task, ours, rows),
        change="same" if now is None else outcome_of(change, margin),
        difference=change.difference,
        difference_low=change.low,
        difference_high=change.high,
        compared=change.n,
        unanswered=sum(
            a is None or b is None for a, b in zip(ours.scores, theirs.scores, strict=True)
        ),
        margin=margin,
        spent_usd=spent,
    )


def _passing(task: Task, ours: Answered, rows: Sequence[Example]) -> dict[str, object]:
    scores = ours.by_unit(task, rows)
    if len(scores) < FEWEST:
        return {"passes": "undecided", "score": None, "low": None, "high": None, "n": len(scores)}
    shown, mean = interval(scores, CONFIDENCE), fmean(scores)
    passes: Passes = "passes" if mean >= task.target.score else "undecided"
    if shown.high < task.target.score:
        passes = "fails"
    return {"passes": passes, "score": mean, "low": shown.low, "high": shown.high, "n": len(scores)}


async def _made_now(served: Solver, task: Task, tools: Tools) -> Solver | None:
    """The served candidate, fitted to the folder as it is; None where that changes nothing."""
    candidate = served.candidate
    if candidate.weights.tuned:
        if served.spec.instruction == task.instruction:
            return None
        raise UserError(
            f"{candidate.key} is tuned: with another instruction it has to be trained again, which "
            "`rung climb` does"
        )
    workshop = Workshop(tools.chat, tools.raw, tools.embedder, tools.project.adapters)
    made = await fit(candidate, task, workshop)
    return None if _digest(made) == _digest(served) else made


def _digest(solver: Solver) -> str:
    """Of what is asked: spec, and the passages that are searched."""
    knowledge = solver.parts.knowledge
    return digest([solver.spec, list(knowledge.passages) if knowledge is not None else []])
