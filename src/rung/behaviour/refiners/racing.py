"""A race: many variants on a few rows, the better half on twice as many, and so on.

Successive halving (Jamieson and Talwalkar 2016, https://arxiv.org/abs/1502.07943).
"""

from collections.abc import Sequence
from statistics import fmean

from rung.behaviour.refiners.base import Refined, Trial, Variant
from rung.behaviour.shots import in_turn
from rung.candidate import Candidate
from rung.errors import UserError
from rung.records import Attempt
from rung.task.types import Example, Task

FIRST = 8
"""Rows of the first round."""
MOST = 64
"""Rows of train that choose, at most; a quarter of train where that is fewer."""
FEWEST = 6
"""Rows that choose, and that confirm, below which nothing can be told apart."""
LED = 36
"""Rows of train, one answer in turn, that never choose: fixed shots and what a writer reads."""


def can_race(start: Candidate, task: Task) -> bool:
    """Whether a serious climb may look for something better than this prompt."""
    asked = start.uses_llm and not start.weights.tuned and not start.is_probe
    plain = start.first is None and start.then is None
    serious = task.climb.effort == "serious"
    return serious and asked and plain and min(map(len, parted(task))) >= FEWEST


def parted(task: Task) -> tuple[Sequence[Example], Sequence[Example]]:
    """Rows that choose, and those that confirm: of train, and all of dev; the halves of dev where
    train has none to spare.

    Whoever wins a race was also lucky in it: the score on the rows that chose it is too high, and
    that on the others is not.
    """
    led, rows = {e.id for e in in_turn(task, LED)}, task.dev[: task.climb.dev_size]
    spare = [e for e in task.train if e.id not in led]
    many = min(MOST, len(task.train) // 4, len(spare))
    if many < FEWEST:
        return rows[: len(rows) // 2], rows[len(rows) // 2 :]
    return [spare[i * len(spare) // many] for i in range(many)], rows


async def race(start: Candidate, others: Sequence[Candidate], trial: Trial) -> Refined:
    """Whichever of `start` and `others` does best on the rows that choose."""
    rows, _ = parted(trial.task)
    tried: dict[str, Variant] = {}
    running = [start, *(c for c in dict.fromkeys(others) if c != start)]
    size = min(FIRST, len(rows))
    while True:
        running = await _round(running, rows[:size], trial, tried)
        running = running[: max(1, (len(running) + 1) // 2)]
        if len(running) == 1 or size == len(rows):
            return Refined(best=running[0], tried=tuple(tried.values()))
        size = min(2 * size, len(rows))


async def confirmed(start: Candidate, best: Candidate, trial: Trial) -> list[Variant]:
    """Both on the rows that had no part in choosing; empty where an answer is missing."""
    _, rows = parted(trial.task)
    asked = [(c, _scores(await trial.ask(c, rows))) for c in (start, best)]
    if any(len(scores) < len(rows) for _, scores in asked):
        return []
    return [
        Variant(candidate=c, score=fmean(scores), n=len(scores), confirmed=True)
        for c, scores in asked
    ]


async def _round(
    running: Sequence[Candidate], rows: Sequence[Example], trial: Trial, tried: dict[str, Variant]
) -> list[Candidate]:
    """Those that the calls left could be asked all of `rows`, the best first; the first of all
    where none could."""
    scored: list[tuple[float, int, Candidate]] = []
    for place, candidate in enumerate(running):
        if trial.cost(candidate, rows) > trial.left:
            continue
        try:
            scores = _scores(await trial.ask(candidate, rows))
        except UserError:  # it cannot be fitted here: no variant of this task
            continue
        if scores:
            variant = Variant(candidate=candidate, score=fmean(scores), n=len(scores))
            tried[candidate.digest] = variant
            scored.append((-fmean(scores), place, candidate))
    return [candidate for _, _, candidate in sorted(scored, key=lambda s: s[:2])] or [running[0]]


def _scores(attempts: Sequence[Attempt]) -> list[float]:
    return [0.0 if a.error_is_final else a.score for a in attempts if _counts(a)]  # type: ignore[misc]


def _counts(attempt: Attempt) -> bool:
    return attempt.error_is_final or attempt.score is not None
