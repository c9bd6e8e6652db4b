"""What more examples would do for a candidate that was left open."""

from collections.abc import Sequence

from rung.audit.units import units_of
from rung.climbing.people import People
from rung.evidence import forecast, must_see
from rung.evidence.ledger import SMALLEST_ALPHA
from rung.records.results import Forecast
from rung.task.types import Task


def look_ahead(
    scores: Sequence[float], people: People, task: Task, alpha: float | None, later: float
) -> Forecast:
    """`alpha` is what this climb granted, `later` what the next one on more examples would."""
    ahead = forecast(scores, *people.asked(task.target.score, max(later, SMALLEST_ALPHA)))
    must = must_see(len(scores), *people.asked(task.target.score, alpha)) if alpha else None
    counts = not units_of(task).clustered and all(s in (0.0, 1.0) for s in scores)
    if later < SMALLEST_ALPHA:
        return Forecast(points=(), ceiling=ahead.ceiling, must_see=must, counts=counts, alpha=0.0)
    return Forecast(
        points=tuple((p.n, p.chance) for p in ahead.points),
        ceiling=ahead.ceiling,
        must_see=must,
        counts=counts,
        alpha=later,
        more=None if ahead.n_to_tell is None else max(ahead.n_to_tell - len(scores), 1),
    )
