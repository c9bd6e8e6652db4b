"""Refiners: from a rung's plain start to the best of its technique, one file a slot."""

from rung.behaviour.refiners.base import Refined, Refiner, Trial, Variant
from rung.behaviour.refiners.shelf import REFINERS, refine

__all__ = ["REFINERS", "Refined", "Refiner", "Trial", "Variant", "refine"]
