"""Betting on a bounded mean: the e-process behind graded scores and paired differences.

A gambler bets against "the mean is at most m". Fair or unfavourable bets cannot make money on
average, so wealth above 1/a is evidence against the hypothesis at level a, at any stopping time
(Ville's inequality). Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
betting", JRSS-B 86 (2024), 1-27; Shafer, JRSS-A 184 (2021), 407-431.

Not for draws without replacement: this is about future traffic, not about one fixed suite.
All functions work on the last axis, so that a simulation can pass (replicates, n) at once.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CERTIFY_BETS = (1.0, 2.0, 4.0)
"""Multiples of the base bet, three bets: wealth is split evenly between them."""

DROP_BETS = (1.0, 2.0, 4.0, 8.0)
"""Four bets for leaving a candidate: hopeless ones lie further off, so bolder bets pay."""

LARGEST_STAKE = 0.9
"""Share of the wealth that the worst possible score may cost: below 1, so no bet is ruinous."""

PRIOR_WEIGHT = 10.0
"""Examples that the guess of mean and variance counts for, so the first bets stay moderate."""


def running_variance(scores: Floats, mean: float, variance: float) -> Floats:
    """Variance known *before* each score, shape (..., n): entry t uses only scores 0..t-1.

    `mean` and `variance` are the guess before the first score, worth `PRIOR_WEIGHT` scores. That
    entry t ignores score t is what makes the bets predictable, and the wealth a martingale.
    """
    count = np.arange(scores.shape[-1], dtype=np.float64)
    total = np.zeros_like(scores)
    squares = np.zeros_like(scores)
    np.cumsum(scores[..., :-1], axis=-1, out=total[..., 1:])
    np.cumsum(scores[..., :-1] ** 2, axis=-1, out=squares[..., 1:])
    weight = PRIOR_WEIGHT + count
    centre = (PRIOR_WEIGHT * mean + total) / weight
    spread = squares - 2.0 * centre * total + count * centre**2
    result: Floats = (PRIOR_WEIGHT * variance + np.maximum(spread, 0.0)) / weight
    return result


def base_bet(variance: Floats, alpha: float, horizon: int) -> Floats:
    """The bet that is best for reaching 1/alpha after `horizon` scores of this variance.

    sqrt(2 ln(1/alpha) / (horizon * variance)): Waudby-Smith and Ramdas 2024, section 3.3.
    """
    result: Floats = np.sqrt(2.0 * np.log(1.0 / alpha) / (horizon * variance))
    return result


def log_wealth(
    scores: Floats, mean: float | Floats, bet: Floats, multiples: tuple[float, ...]
) -> Floats:
    """Log of the average wealth of several bets against "mean at most `mean`", shape (..., n).

    lam = min(0.9 / mean, multiple * bet); W_t = average over bets of prod (1 + lam (x - mean)).
    `bet` has the shape of `scores`; `mean` is a number or has shape (..., 1). Falls as `mean`
    rises, for every path: that is why inverting over `mean` gives one interval.
    """
    limit = LARGEST_STAKE / np.maximum(mean, 1e-12)
    gain = scores - mean
    total = None
    for multiple in multiples:
        path = np.cumsum(np.log1p(np.minimum(limit, multiple * bet) * gain), axis=-1)
        total = path if total is None else np.logaddexp(total, path)
    result: Floats = np.asarray(total) - np.log(len(multiples))
    return result
