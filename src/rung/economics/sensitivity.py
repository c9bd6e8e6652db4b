"""Which input would change the choice, and from which value on: exact, one input at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rung.economics.amounts import Amount, amounts, crossings, total
from rung.economics.model import CostModel

FURTHEST = Decimal(1000)
"""An input that would have to change more than a thousandfold is not reported."""
TIE = Decimal("1e-12")
"""Relative gap under which two cost the same as they stand: no input has to move."""


@dataclass(frozen=True, slots=True)
class Flip:
    """The choice stays until this input passes `at`."""

    input: str
    unit: str
    now: Decimal
    at: Decimal
    chosen: str
    instead: str
    source: str = ""

    @property
    def rises(self) -> bool:
        """The input has to grow for the choice to change."""
        return self.at > self.now

    @property
    def distance(self) -> Decimal:
        """How many times larger or smaller the input has to become."""
        return self.at / self.now if self.rises else self.now / self.at


def choose(models: Sequence[CostModel], target: Decimal | None) -> CostModel | None:
    """The cheapest per month, all in, among those fast enough and shown to reach the target.

    A candidate reaches it when what is certified of it does, else the low end of its score (its
    value where no interval is known). Without a target, or without any score, the cheapest of
    all. None: none reaches it.
    """
    able = [model for model in models if not model.spec.too_slow]
    if target is not None and any(model.spec.score for model in models):
        able = [model for model in able if reaches(model, target)]
    return min(able, key=lambda m: (total(m.monthly, {}), m.key)) if able else None


def reaches(model: CostModel, target: Decimal) -> bool:
    """What is certified, else the low end of the score, is at the target or above."""
    score = model.spec.score
    if score is None:
        return False
    if score.certified is not None:
        return score.certified >= target
    return (score.value if score.low is None else score.low) >= target


def flips(models: Sequence[CostModel], target: Decimal | None = None) -> list[Flip]:
    """The nearest value of each input, up and down, at which another candidate is cheaper."""
    chosen = choose(models, target)
    if chosen is None:
        return []
    cost = total(chosen.monthly, {})
    rivals = [
        model
        for model in models
        if not model.spec.too_slow
        and (target is None or _stands(model, target))
        and abs(total(model.monthly, {}) - cost) > cost * TIE
    ]
    nearest: list[Flip] = []
    for amount in amounts([term for model in (chosen, *rivals) for term in model.monthly]).values():
        nearest += _flips_of(amount, chosen, rivals)
    return sorted(nearest, key=lambda flip: (flip.distance, flip.input))


def _stands(model: CostModel, target: Decimal) -> bool:
    return model.spec.score is None or reaches(model, target)


def _flips_of(amount: Amount, chosen: CostModel, rivals: Sequence[CostModel]) -> list[Flip]:
    now = amount.value
    if now <= 0:
        return []
    nearest: dict[bool, Flip] = {}
    for rival in rivals:
        for at in crossings(chosen.monthly, rival.monthly, amount.key, {}):
            if abs(at - now) <= now * TIE or not now / FURTHEST <= at <= now * FURTHEST:
                continue
            up = at > now
            best = nearest.get(up)
            if best is None or (at < best.at if up else at > best.at):
                nearest[up] = Flip(
                    input=amount.key,
                    unit=amount.unit,
                    now=now,
                    at=at,
                    chosen=chosen.key,
                    instead=rival.key,
                    source=amount.source,
                )
    return list(nearest.values())
