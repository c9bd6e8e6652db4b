"""Quality against monthly cost, with intervals on both axes; p95 latency is the third figure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rung.economics.amounts import bound, total
from rung.economics.model import CostModel


@dataclass(frozen=True, slots=True)
class Point:
    """One candidate on the frontier's chart."""

    key: str
    score: Decimal
    score_low: Decimal
    score_high: Decimal
    monthly_usd: Decimal
    monthly_low_usd: Decimal
    monthly_high_usd: Decimal
    latency_p95_s: Decimal | None
    dominated_by: str | None
    """A candidate that is no dearer, no worse and no slower, and better in one of them."""
    surely: bool
    """Dominated even at the favourable ends of its intervals: no overlap on score and cost."""


def frontier(models: Sequence[CostModel]) -> list[Point]:
    """All scored candidates from the cheapest to the dearest, the dominated ones marked."""
    points = [_point(model) for model in models if model.spec.score is not None]
    marked = []
    for point in points:
        over = [other for other in points if other.key != point.key and _beats(other, point)]
        best = min(over, key=lambda other: (other.monthly_usd, -other.score), default=None)
        marked.append(
            replace(
                point,
                dominated_by=best.key if best else None,
                surely=any(
                    other.monthly_high_usd < point.monthly_low_usd
                    and other.score_low > point.score_high
                    for other in over
                ),
            )
        )
    return sorted(marked, key=lambda point: (point.monthly_usd, -point.score, point.key))


def _point(model: CostModel) -> Point:
    score = model.spec.score
    assert score is not None
    return Point(
        key=model.key,
        score=score.value,
        score_low=score.value if score.low is None else score.low,
        score_high=score.value if score.high is None else score.high,
        monthly_usd=total(model.monthly, {}),
        monthly_low_usd=bound(model.monthly, high=False),
        monthly_high_usd=bound(model.monthly, high=True),
        latency_p95_s=model.spec.latency_p95_s,
        dominated_by=None,
        surely=False,
    )


def _beats(a: Point, b: Point) -> bool:
    pairs = [(a.monthly_usd, b.monthly_usd), (-a.score, -b.score)]
    if a.latency_p95_s is not None and b.latency_p95_s is not None:
        pairs.append((a.latency_p95_s, b.latency_p95_s))
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)
