"""The interval of a mean after a sequential stop.

A fixed-sample interval of whoever stopped early covers far less than it says: those who pass at
once do so on a lucky run. Each end here is a certified bound of the same schedule at half the
error, the upper one of the mirrored scores 1 - x, so that both hold at whichever look it stopped.
"""

import numpy as np

from rung.evidence.decision import Design, Scores
from rung.evidence.designs import sequential


def stopped_interval(scores: Scores, design: Design, confidence: float) -> tuple[float, float]:
    """(low, high) of the mean of future scores; holds at any look of `design`, or at its end."""
    values = np.asarray(scores, dtype=np.float64)
    graded = bool(((values != 0.0) & (values != 1.0)).any())

    def bound(seen: Scores, target: float) -> float:
        half = sequential(
            target, (1.0 - confidence) / 2, design.max_examples, design.batch, graded=graded
        )
        return half.look(seen).lower_bound

    target = min(max(design.target, 0.001), 0.999)
    return bound(values, target), 1.0 - bound(1.0 - values, 1.0 - target)
