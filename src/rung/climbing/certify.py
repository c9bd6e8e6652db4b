"""The test phase of one candidate: batches in the fixed order, a look after each.

Only complete prefixes of the order are looked at: stopping on the answers that happen to come first
would favour easy examples. The schedule is fixed before the first call.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import NamedTuple

from rung.audit.units import units_of
from rung.climbing.ledger import row_name
from rung.climbing.summary import unit_of, value_of
from rung.errors import BudgetExceeded
from rung.evidence import Decision, Design, cluster_means, fixed_order, sequential
from rung.records import Attempt
from rung.task.types import Example, Task

Ask = Callable[[Sequence[Example], asyncio.Event], Awaitable[list[Attempt]]]
"""Attempts at some examples; those not begun when the event is set are left out."""


class Outcome(NamedTuple):
    """What the test phase found."""

    decision: Decision | None
    """None where calls went unanswered: no look is possible past them."""
    examples: list[Example]
    attempts: list[Attempt]
    scores: list[float]
    """One a unit, in the fixed order."""


def batch_size(units: int) -> int:
    """Units between two looks: few looks on few examples waste less error (statistics, 3.1)."""
    return 25 if units >= 200 else max(10, units // 4)


def in_order(task: Task, rows: Collection[str] | None = None) -> list[list[Example]]:
    """The test examples as units, in the one seeded order that all candidates share.

    Repeats are left out, and all but `rows` (names in the ledger) where these are given.
    """
    repeats = units_of(task).repeats
    units: dict[str, list[Example]] = {}
    for example in task.test:
        if example.id in repeats or (rows is not None and row_name(example) not in rows):
            continue
        units.setdefault(str(unit_of(task, example)), []).append(example)
    return [units[name] for name in fixed_order(units, task.climb.seed)]


def is_graded(task: Task, graded: bool) -> bool:
    """Whether the units' scores are graded: clusters and repeated answers make means."""
    return graded or units_of(task).clustered or task.climb.repeats > 1


def plan_design(
    task: Task,
    units: int,
    alpha: float,
    graded: bool,
    mode: str = "traffic",
    target: float | None = None,
    *,
    freed: float = 0.0,
) -> Design:
    """The looks of one candidate on so many units; `target` is the task's when left out.

    `freed` is error for the last look alone.
    """
    graded = is_graded(task, graded)
    return sequential(
        target=task.target.score if target is None else target,
        alpha=alpha,
        max_examples=units,
        batch=batch_size(units),
        mode="traffic" if graded else mode,  # type: ignore[arg-type]
        graded=graded,
        freed=freed,
    )


async def certify(
    task: Task,
    design: Design,
    units: Sequence[list[Example]],
    ask: Ask,
    *,
    everything: bool = False,
    ahead: bool = False,
) -> Outcome:
    """Ask batch after batch of `units` until the design decides; `everything` asks all at once.

    `ahead` starts the next batch while the last answers of this one are awaited, so that a slow
    answer does not idle the rest: for endpoints, where answers take unequal times.
    """
    step = len(units) if everything else design.batch
    batches = [units[i : i + step] for i in range(0, len(units), step)]
    examples: list[Example] = []
    attempts: list[Attempt] = []
    scores: list[float] = []
    decision: Decision | None = None
    decided = asyncio.Event()
    running: asyncio.Task[list[Attempt]] | None = None
    for i, batch in enumerate(batches):
        rows = [example for unit in batch for example in unit]
        current = running or asyncio.ensure_future(ask(rows, decided))
        running = None
        if ahead and i + 1 < len(batches):
            await asyncio.sleep(0)  # this batch first: the runner serves first come, first served
            following = [example for unit in batches[i + 1] for example in unit]
            running = asyncio.ensure_future(ask(following, decided))
        try:
            answered = await current
        except BaseException as error:
            await _leave(running, decided, error)
            raise
        examples += rows
        attempts += answered
        values = [v for v in map(value_of, answered) if v is not None]
        if len(values) < len(answered):
            decision = None
            break
        scores += cluster_means(values, [str(unit_of(task, e)) for e in rows])
        decision = design.look(scores)
        if decision.state != "continue":
            break
    decided.set()
    if running is not None:
        await asyncio.gather(running, return_exceptions=True)  # what has begun is paid for: kept
    return Outcome(decision, examples, attempts, scores)


async def _leave(
    running: asyncio.Task[list[Attempt]] | None, decided: asyncio.Event, error: BaseException
) -> None:
    """End the batch that was begun ahead; where the budget ended, what has begun is paid for."""
    if running is None:
        return
    if isinstance(error, BudgetExceeded):
        decided.set()
    else:
        running.cancel()
    await asyncio.gather(running, return_exceptions=True)
