"""The shelf's list: what is searched, slot after slot, in this order."""

from __future__ import annotations

from rung.behaviour.refiners.base import Refined, Refiner, Trial, Variant
from rung.candidate import Candidate

REFINERS: dict[str, Refiner] = {}
"""By the slot that it searches."""


async def refine(start: Candidate, trial: Trial) -> Refined:
    """Each refiner in turn, from what the one before it found."""
    best, tried = start, list[Variant]()
    for refiner in REFINERS.values():
        if refiner.serves(best, trial.task):
            refined = await refiner.refine(best, trial)
            best = refined.best
            tried += refined.tried
    return Refined(best=best, tried=tuple(tried))
