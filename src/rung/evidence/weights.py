"""How much of a test split's error a candidate gets: set by its dev answers, before any of test.

Equal shares give as much to a candidate that its pilot makes unlikely as to one that it makes
likely. Dev is apart from test, so it may choose.

The promise stays exact. Let D be every dev answer. Given D, the order of the ladder, the survivors
of the pilots and these weights are fixed, so whoever is reached on test is granted a fixed share
a_k(D) of what is left, and shares of what is left sum to alpha at most. Rows of test are drawn
apart from those of dev: given D, a candidate whose mean is below the target passes its design with
probability at most a_k(D), whatever was fitted or chosen on dev. By the union bound (Boole) the
chance that any such candidate is certified is at most alpha given D, for every D, and so without
it. Weights that looked at test answers, or dev rows counted as test rows, would break this.
"""

from rung.evidence.decision import Scores
from rung.evidence.forecasts import chance_to_reach

MOST = 0.7
"""Share of what is left for a candidate that is surely good enough. Chosen by simulation with the
square below (`benchmarks/decision.py --only cheapest`): with .8 too little is left where the first
ones fail on few examples, with .5 the cheapest is named less often."""

LEAST = 0.02
"""Share for one that a pilot could not give up but makes unlikely."""

LAST = 0.8
"""Share where no later candidate waits; the rest is for later climbs on the same examples."""

KEPT = 0.01
"""Of the whole error, kept for each candidate that waits: with too few examples to certify anyone,
the first ones would use up what the last ones need to be tried at all."""


def dev_weight(scores: Scores, target: float, *, waiting: int = 0, left: float = 1.0) -> float:
    """Share of what is left for a candidate with these dev scores in [0, 1], one a unit.

    0.7 times the square of P(mean >= target | dev scores), at least 0.02; 0.8 for the last one.
    `waiting` candidates come later, `left` is the share of the whole error that is not granted yet.
    Raises `UserError` for no scores.
    """
    if waiting == 0:
        return LAST
    earned = MOST * chance_to_reach(scores, target) ** 2
    return max(LEAST, min(earned, 1.0 - KEPT * waiting / max(left, KEPT)))
