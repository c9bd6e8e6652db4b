"""A mean as people would mark it, from a judge's marks and pairs of both: what is certified of it.

E[human] = E[judge] + E[human - judge]: the second mean, the rectifier, is measured on answers that
people marked too. That is prediction-powered inference (Angelopoulos, Bates, Fannjiang, Jordan and
Zrnic, Science 382 (2023), 669-674) at a finite sample: half of the error bounds the rectifier, half
the judge's mean, and by the union bound (Boole) both hold together. The judge's side may be any
design of this package, stopped early or not: it is asked for a mean of `judge_target`.

The rectifier's bound is Gaffke's on (human - judge + 1) / 2 (`rung.evidence.gaffke`, which says
what of it is proven). Assumed: on the answers that are certified the judge errs on average as it
does on the marked ones. That is why the judge's weight is 1 and not tuned as in PPI++
(Angelopoulos, Duchi and Zrnic 2023): with any other weight the quality of the answers that happened
to be marked would enter too.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rung.evidence.decision import Scores
from rung.evidence.gaffke import lower_bound
from rung.evidence.intervals import interval

LARGEST_TARGET = 0.999
"""Mean mark of a judge that can still be asked for: no number of examples certifies 1."""
SMALLEST_TARGET = 0.001
MOST_TIMES = 64


@dataclass(frozen=True)
class Rectifier:
    """What people mark above a judge, from marks in [0, 1] of the same answers."""

    human: tuple[float, ...]
    judge: tuple[float, ...]

    @cached_property
    def mean(self) -> float:
        """Mean of human minus judge."""
        return float(2.0 * self._halves.mean() - 1.0)

    @cached_property
    def _halves(self) -> NDArray[np.float64]:
        """(human - judge + 1) / 2 of each pair, in [0, 1]."""
        halves: NDArray[np.float64] = (np.array(self.human) - np.array(self.judge) + 1.0) / 2.0
        return halves

    def low(self, error: float) -> float:
        """Lower bound of the mean of human minus judge."""
        return 2.0 * lower_bound(self._halves, error) - 1.0

    def high(self, error: float) -> float:
        """Upper bound of it."""
        return 1.0 - 2.0 * lower_bound(1.0 - self._halves, error)

    def judge_target(self, target: float, alpha: float) -> float | None:
        """Mean of the judge that certifies `target` of people, at half of `alpha` each.

        None where no mean does: the pairs are too few, or too far apart.
        """
        asked = target - self.low(alpha / 2.0)
        return None if asked > LARGEST_TARGET else max(asked, SMALLEST_TARGET)

    def certified(self, judge: float, alpha: float) -> float:
        """What a certified mean of the judge, at half of `alpha`, certifies of people."""
        return _cut(judge + self.low(alpha / 2.0))

    def value(self, judge: float) -> float:
        """The judge's mean without its bias."""
        return _cut(judge + self.mean)

    def around(self, judge: tuple[float, float], confidence: float) -> tuple[float, float]:
        """Interval at `confidence` around people's mean, from the judge's at `half_as_sure`."""
        tail = (1.0 - half_as_sure(confidence)) / 2.0
        return _cut(judge[0] + self.low(tail)), _cut(judge[1] + self.high(tail))

    def interval(self, scores: Scores, confidence: float) -> tuple[float, float]:
        """`around` for a fixed sample of the judge's marks."""
        ends = interval(scores, half_as_sure(confidence))
        return self.around((ends.low, ends.high), confidence)

    def pairs_for(self, target: float, alpha: float, judge: float) -> int | None:
        """Pairs in all, erring as these do, with which a judge's mean of `judge` could certify
        `target`; None where 64 times as many would not."""
        times = 1
        while times <= MOST_TIMES:
            asked = Rectifier(self.human * times, self.judge * times).judge_target(target, alpha)
            if asked is not None and asked < judge:
                return len(self.human) * times
            times *= 2
        return None


def half_as_sure(confidence: float) -> float:
    """Confidence of each of two intervals that hold together at `confidence`."""
    return (1.0 + confidence) / 2.0


def _cut(value: float) -> float:
    return min(1.0, max(0.0, value))
