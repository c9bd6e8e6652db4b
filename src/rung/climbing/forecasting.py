"""What more examples would do for a candidate that was left open."""

from collections.abc import Sequence

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
    if later < SMALLEST_ALPHA:
        return Forecast(points=(), ceiling=ahead.ceiling, must_see=must, alpha=0.0)
    return Forecast(
        points=tuple((p.n, p.chance) for p in ahead.points),
        ceiling=ahead.ceiling,
        must_see=must,
        alpha=later,
        more=None if ahead.n_to_tell is None else max(ahead.n_to_tell - len(scores), 1),
    )
