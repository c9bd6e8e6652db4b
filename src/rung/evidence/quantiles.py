"""The interval of a quantile from order statistics: no law of the times is assumed."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import bdtr

from rung.errors import UserError


class Quantile(NamedTuple):
    """An estimate with ends that hold one by one."""

    value: float
    """Nearest rank."""
    low: float | None
    high: float | None
    """None where the sample is too small to bound it on that side."""


def quantile_bounds(sample: Sequence[float], share: float, confidence: float = 0.95) -> Quantile:
    """The quantile below which `share` of independent draws lie; each end at `confidence`.

    The k-th smallest of n is below the quantile unless fewer than k draws are, and how many are is
    Binomial(n, share): David and Nagaraja, "Order Statistics" (2003), section 7.1. Of 58 draws the
    largest does not bound the 95th percentile from above, of 59 it does. Raises `UserError` for no
    draws or a share outside (0, 1).
    """
    n = len(sample)
    if not n or not 0.0 < share < 1.0:
        raise UserError(
            f"{n!r} values and a share of {share!r}; give at least one, and 0 < share < 1."
        )
    ordered = sorted(sample)
    # P(k-th smallest > quantile) = P(fewer than k draws below it) = F(k - 1).
    chance = bdtr(np.arange(n), n, share)
    below = int(np.count_nonzero(chance <= 1.0 - confidence))
    above = int(np.count_nonzero(chance < confidence))
    return Quantile(
        ordered[math.ceil(share * n) - 1],
        ordered[below - 1] if below else None,
        ordered[above] if above < n else None,
    )
