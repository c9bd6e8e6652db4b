"""Before a candidate is named: cheaper ones that stayed open inherit the error it was granted.

A certified candidate needs its share of the error no more. By the graph that the ledger keeps
(`AlphaLedger.freed`) the share goes to those climbed before it, which are then looked at again: at
their last look, which now asks for less, and on the test rows that they were not asked.
"""

from collections.abc import Awaitable, Callable, Mapping

from rung.climbing.ledger import TestLedger
from rung.climbing.rows import RunRecord
from rung.decide.verdict import no_dearer
from rung.errors import BudgetExceeded, ProviderError
from rung.records.results import CandidateResult

REOPENED = 0.5
"""Chance of being good enough, by its test scores, from which one is asked on. Our own threshold:
below it the cheapest is named no more often, and calls are spent (`benchmarks/decision.py --only
cheapest`)."""
MODES = ("traffic", "fast")
"""The others speak of these examples alone, and know them all at the last look."""

Again = Callable[[float], Awaitable[CandidateResult]]
"""Certifies a candidate anew with error that was freed."""


async def reconsider(rungs: Mapping[str, Again], ladder: RunRecord, ledger: TestLedger) -> None:
    """Look again, the cheapest first, until none passes any more; the rows say what came of it.

    An outage or the end of the budget leaves a row as it was. Not where a judge's errors are in the
    certificate: what such a test asks for depends on its error throughout.
    """
    if ladder.mode not in MODES or ladder.people.rectifier is not None:
        return
    known: dict[str, float] = {}
    while not ladder.stopped:
        passed = [key for key, row in ladder.rows.items() if row.state == "pass"]
        for key in _reopened(ladder, passed):
            freed = ledger.freed(key, passed)
            if freed <= known.get(key, 0.0):
                continue
            ladder.current, known[key] = key, freed
            try:
                row = await rungs[key](freed)
            except ProviderError:
                continue
            except BudgetExceeded:
                ladder.stop("budget")
                return
            if row.state == "pass":
                break
        else:
            return


def _reopened(ladder: RunRecord, passed: list[str]) -> list[str]:
    """Candidates on test that cost less than whoever passed and are likely good enough."""
    least = min((ladder.rows[key].monthly_usd or 0.0 for key in passed), default=0.0)
    reopened = [
        row
        for row in ladder.rows.values()
        if row.state in ("drop", "undecided")
        and row.test is not None
        and (row.chance or 0.0) >= REOPENED
        and row.monthly_usd is not None
        and not no_dearer(least, row.monthly_usd)
    ]
    return [row.key for row in sorted(reopened, key=lambda row: row.monthly_usd or 0.0)]
