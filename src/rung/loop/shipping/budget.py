"""What a comparison may err: its share of the held-out examples' alpha.

The examples that certified a candidate compare two winners too, and each use wears them out, so
promotions draw from the ledger that climbs draw from. It is kept an example at a time, and examples
are known by their content: a copy of the test split is the test split.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from rung.climbing.ledger import TestLedger, row_name
from rung.errors import UserError
from rung.task.types import Example, Task

Source = Literal["test split", "given examples"]
HASH_CHARS = 16
WEIGHT = 0.25
"""Of what the examples have left: climbs and later comparisons live off the rest."""


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


def draw(task: Task, folder: Path, pair: tuple[str, str], rows: Sequence[Example]) -> Share:
    """The share of comparing `pair`, hashes of challenger and present winner, on `rows`.

    `folder` is the project folder. The same pair on the same examples is the same comparison and
    spends once. Raises `UserError` where the examples are used up.
    """
    source = source_of(task, rows)
    ledger = TestLedger(folder, task, (), rows)
    try:
        alpha = ledger.alpha(_name(pair), WEIGHT)
    except UserError:
        raise UserError(
            f"the {source} cannot tell two winners apart any more: used {len(ledger.uses)} times, "
            f"its error of {ledger.total:.2g} is spent, and another comparison would prove "
            "nothing; give fresh examples with --examples"
        ) from None
    return Share(alpha, source, ledger.total, ledger.left, ledger.next(WEIGHT))


def source_of(task: Task, rows: Sequence[Example]) -> Source:
    """Whose error the rows draw on: those that hold a test example are not fresh."""
    tested = set(map(row_name, task.test))
    return "given examples" if tested.isdisjoint(map(row_name, rows)) else "test split"


def _name(pair: tuple[str, str]) -> str:
    challenger, present = (digest[:HASH_CHARS] for digest in pair)
    return f"promotion of {challenger} over {present}"
