"""What a comparison may err: its share of the held-out examples' alpha.

The examples that certified a candidate compare two winners too, and each use wears them out, so
promotions draw from the ledger that climbs draw from. Examples that were never used have a ledger
of their own, and are known by their content: a copy of the test split is the test split.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from rung.climbing.climber import Climber
from rung.climbing.ledger import TestLedger
from rung.climbing.observer import Observer
from rung.climbing.tools import ClimbOptions
from rung.errors import UserError
from rung.task.duplicates import normalised
from rung.task.types import Example, Task

Source = Literal["test split", "given examples"]
HASH_CHARS = 16


class Share(NamedTuple):
    """What one comparison was granted."""

    alpha: float
    """Chance that its interval misses the difference."""
    source: Source
    """Whose ledger it came from."""
    total: float
    left: float
    """What later comparisons and climbs on the same examples still have."""
    next: float | None
    """What the next one would get; None where the examples are used up."""


async def draw(
    task: Task,
    options: ClimbOptions,
    folder: Path,
    pair: tuple[str, str],
    rows: Sequence[Example],
) -> Share:
    """The share of comparing `pair`, hashes of challenger and present winner, on `rows`.

    The same pair on the same examples is the same comparison and spends once. Raises `UserError`
    where the examples are used up.
    """
    source = source_of(task, rows)
    examples = task.test if source == "test split" else rows
    path, name = folder / "ledger.json", _name(pair)
    ledger = TestLedger(path, task, [name], examples)
    if ledger.unused and source == "test split":
        # The climb that comes later has the planned places; this comparison takes one of them.
        ledger = TestLedger(path, task, [name, *await _ladder(task, options)], examples)
    try:
        alpha = ledger.alpha(name)
    except UserError:
        kept = ledger.ledger
        raise UserError(
            f"the {source} cannot tell two winners apart any more: used {len(kept.granted)} times, "
            f"its error of {kept.alpha:.2g} is spent, and another comparison would prove nothing; "
            "give fresh examples with --examples"
        ) from None
    kept = ledger.ledger
    return Share(alpha, source, kept.alpha, kept.left, kept.next())


def source_of(task: Task, rows: Sequence[Example]) -> Source:
    """Rows that hold a test example are not fresh: the test split pays for all of them."""
    tested = {normalised(e.input_text()) for e in task.test}
    used = any(normalised(e.input_text()) in tested for e in rows)
    return "test split" if used else "given examples"


async def _ladder(task: Task, options: ClimbOptions) -> list[str]:
    """Candidates that a climb would certify on the test split. Makes no call."""
    climber = Climber(task, options, Observer())
    try:
        return [c.key for c in await climber.candidates() if not c.is_probe]
    except (
        UserError
    ):  # such as a key that this machine lacks: no climb is at hand to leave room for
        return []
    finally:
        await climber.tools.aclose()


def _name(pair: tuple[str, str]) -> str:
    challenger, present = (found[:HASH_CHARS] for found in pair)
    return f"promotion of {challenger} over {present}"
