"""From which volume on another candidate is the cheaper one, and when its set-up is paid back.

Both sides have marginal costs, so two candidates may never change places; the answer is then
"never", not a number. With fixed cost F and cost per request s, the lines cross at
(F_b - F_a) / (s_a - s_b); machines that are always on bend a line, and each straight piece is
solved by itself. (The founding document A divides a flat monthly cost by the price of an API call:
the case s_b = 0.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor

from rung.economics.amounts import (
    ZERO,
    Amount,
    Term,
    amounts,
    crossings,
    draws,
    total,
)
from rung.economics.model import VOLUME, CostModel
from rung.money import whole_up

DRAWS = 1_000
CONFIDENCE = Decimal("0.9")


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where two candidates cost the same per month, all in."""

    a: str
    b: str
    requests_per_month: int | None
    """The first whole volume from which the other is cheaper; None: never."""
    exact: Decimal | None
    low: int | None
    """Of the 90 % interval; None: no draw so low crosses."""
    high: int | None
    """None: unbounded, as too many draws never cross."""
    never_share: Decimal
    """Share of the draws in which the two never change places."""
    cheaper_below: str
    """At fewer requests; everywhere where they never change places. Empty: the same cost."""
    cheaper_above: str
    further: tuple[Decimal, ...] = ()
    """Later crossings, where machines that are always on bend the lines again."""
    draws: int = 0
    confidence: Decimal = CONFIDENCE


def break_even(
    a: CostModel, b: CostModel, *, count: int = DRAWS, seed: int = 0, months: Decimal | None = None
) -> BreakEven:
    """Symmetric in `a` and `b`. The interval is that of seeded draws of all uncertain inputs."""
    first, second = sorted((a, b), key=lambda model: model.key)
    moved = {} if months is None else {first.workload.horizon.key: months}
    left, right = first.monthly, second.monthly
    points = crossings(left, right, VOLUME, moved)
    exact = points[0] if points else None
    below, above = _cheaper(first, second, points, moved)
    uncertain = [x for x in amounts([*left, *right]).values() if not x.span.sure]
    uncertain = [x for x in uncertain if x.key != VOLUME]
    low, high, never, made = _interval(left, right, uncertain, exact, count, seed)
    return BreakEven(
        a=first.key,
        b=second.key,
        requests_per_month=None if exact is None else whole_up(exact),
        exact=exact,
        low=low,
        high=high,
        never_share=never,
        cheaper_below=below,
        cheaper_above=above,
        further=tuple(points[1:]),
        draws=made,
    )


def _cheaper(
    a: CostModel, b: CostModel, points: Sequence[Decimal], moved: dict[str, Decimal]
) -> tuple[str, str]:
    """The cheaper key below the first crossing and right above it; "" where they never differ."""

    def at(volume: Decimal) -> str:
        here = {**moved, VOLUME: volume}
        gap = total(a.monthly, here) - total(b.monthly, here)
        return "" if gap == 0 else (a.key if gap < 0 else b.key)

    if not points:
        here = at(max(a.workload.requests_per_month.value, Decimal(1)))
        return here, here
    until = points[1] if len(points) > 1 else points[0] * 3
    return at(points[0] / 2), at((points[0] + until) / 2)


def _interval(
    left: Sequence[Term],
    right: Sequence[Term],
    uncertain: Sequence[Amount],
    exact: Decimal | None,
    count: int,
    seed: int,
) -> tuple[int | None, int | None, Decimal, int]:
    """(low, high, share of never, draws made)."""
    if not uncertain:
        only = None if exact is None else whole_up(exact)
        return only, only, ZERO if exact is not None else Decimal(1), 0
    keep = frozenset({VOLUME, *(x.key for x in uncertain)})
    a, b = folded(left, keep), folded(right, keep)
    crossed: list[Decimal] = []
    for moved in draws(uncertain, count, seed):
        points = crossings(a, b, VOLUME, moved)
        if points:
            crossed.append(points[0])
    crossed.sort()
    tail = (1 - CONFIDENCE) / 2
    low, high = floor(tail * count), ceil((1 - tail) * count) - 1
    return (
        whole_up(crossed[low]) if low < len(crossed) else None,
        whole_up(crossed[high]) if high < len(crossed) else None,
        Decimal(count - len(crossed)) / count,
        count,
    )


def folded(terms: Sequence[Term], keep: frozenset[str]) -> list[Term]:
    """Terms with everything but `keep` multiplied out."""
    return [(p.folded(keep), None if f is None else f.folded(keep)) for p, f in terms]


def payback_month(later: CostModel, now: CostModel) -> int | None:
    """First month whose end has `later` cheaper in total, at the stated volume; None: never.

    once_later + m x running_later <= once_now + m x running_now.
    """
    extra = total(later.once, {}) - total(now.once, {})
    saved = total(now.running, {}) - total(later.running, {})
    if extra <= 0:
        return 0 if saved >= 0 else None
    return None if saved <= 0 else whole_up(extra / saved)
