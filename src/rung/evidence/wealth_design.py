"""Designs for graded scores and paired differences: an e-process with one last fixed test.

PASS when the wealth of three bets against "mean at most the target" reaches 1/a at a look, or,
at the last planned look, by Gaffke's test of a fixed sample (`rung.evidence.gaffke`). The e-process
stays valid when examples are added later; the fixed test does not, and is therefore tied to the
planned size for good.
"""

import math
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from rung.errors import UserError
from rung.evidence.decision import Decision, Design, Plan, Scores, State, checked_scores
from rung.evidence.gaffke import p_value
from rung.evidence.wealth import CERTIFY_BETS, DROP_BETS, base_bet, log_wealth, running_variance

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Crossed = NDArray[np.bool_]

PILOT = 30
"""Examples that set the spread used for DROP; before them the widest possible one stands in."""

LARGEST_HOPE = 0.999
"""A mean of 1 cannot be bet against."""

MANY = 200
LAST_SHARE_OF_FEW, LAST_SHARE = 0.8, 0.5
"""Of alpha, for the last test, below `MANY` scores and from there on. Few scores seldom let the
bets stop early, many often do: measured by `benchmarks/decision.py --only graded`."""

BISECTIONS = 30
"""Halvings of [0, 1] for a certified bound: far finer than any score."""


class WealthDesign(Design):
    """A frozen plan for scores in [0, 1]; `look` replays the bets on the prefix."""

    kind: Literal["wealth"] = "wealth"

    @property
    def last_alpha(self) -> float:
        """Error of the last fixed test."""
        return self.alpha * self._last_share + self.freed

    @property
    def wealth_alpha(self) -> float:
        """Error of the e-process: what the last fixed test leaves."""
        return self.alpha - self.alpha * self._last_share

    @property
    def _last_share(self) -> float:
        return LAST_SHARE_OF_FEW if self.max_examples < MANY else LAST_SHARE

    def looks_within(self, size: int) -> tuple[int, ...]:
        """Looks that a prefix of this size completes: every batch, and the plan's end."""
        looks = {*range(self.batch, size + 1, self.batch)}
        return tuple(sorted(looks | ({self.max_examples} if self.max_examples <= size else set())))

    def look(self, scores: Scores) -> Decision:
        """Decide on the complete prefix so far, in the fixed order; scores lie in [0, 1].

        The first crossing for PASS is final; a DROP stands unless someone overruled it, went on,
        and reached PASS.
        """
        values = checked_scores(scores, self.max_examples)
        looks = self.looks_within(values.size)
        certify = partial(self._lower_bound, values)
        if not looks:
            return Decision("continue", 0, certify)
        passed, dropped = self.crossings(values, np.array(looks))
        if passed.any():
            return Decision("pass", looks[int(passed.argmax())], certify)
        if dropped.any():
            return Decision("drop", looks[int(dropped.argmax())], certify)
        state: State = "undecided" if values.size == self.max_examples else "continue"
        return Decision(state, looks[-1], certify)

    def crossings(self, values: Floats, looks: Counts) -> tuple[Crossed, Crossed]:
        """Whether PASS and DROP are reached by each look: two arrays (..., looks).

        `values` has shape (..., n): a simulation passes many replicates at once.
        """
        variance = running_variance(values, self.target, self.target * (1.0 - self.target))
        passed = self._passed(values, variance, self.target, looks)
        return passed, self._dropped(values, variance, looks)

    def _passed(self, values: Floats, variance: Floats, mean: float, looks: Counts) -> Crossed:
        alpha = self.wealth_alpha
        bet = base_bet(variance, alpha, self.max_examples)
        wealth = log_wealth(values, mean, bet, CERTIFY_BETS)
        passed = _ever(wealth, looks) >= -math.log(alpha)
        if values.shape[-1] >= self.max_examples:
            rows = values[..., : self.max_examples].reshape(-1, self.max_examples)
            # No test is worth its milliseconds within one standard error of the mean bet against.
            far = (rows.mean(axis=-1) - mean) * math.sqrt(self.max_examples) > rows.std(axis=-1)
            open_rows = np.flatnonzero(far & ~passed.reshape(len(rows), -1).any(axis=-1))
            certified = np.zeros(len(rows), dtype=bool)
            certified[open_rows] = [p_value(rows[i], mean) <= self.last_alpha for i in open_rows]
            passed |= (looks == self.max_examples) & certified.reshape(values.shape[:-1])[..., None]
        return passed

    def _dropped(self, values: Floats, variance: Floats, looks: Counts) -> Crossed:
        """The mirrored bets against "the mean is worth all the examples".

        The mean worth hoping for depends on the pilot, yet the bets may start at the first score:
        wealth against a mean of m rises with m, so whoever is dropped while the mean is at least
        the hoped one also has wealth 1/beta against the true mean itself. Until the pilot is in,
        the largest spread that scores around the target can have stands for the pilot's.
        """
        bet = base_bet(variance, self.eps, self.max_examples)
        widest = np.full((*values.shape[:-1], 1), math.sqrt(self.target * (1.0 - self.target)))
        spreads = [(widest, looks < PILOT)]
        if values.shape[-1] >= PILOT:
            spreads += [(values[..., :PILOT].std(axis=-1, ddof=1, keepdims=True), looks >= PILOT)]
        dropped = np.zeros((*values.shape[:-1], looks.size), dtype=bool)
        for deviation, when in spreads:
            if when.any():
                end = looks[when][-1]
                hoped = np.minimum(self.target + self._margin(deviation), LARGEST_HOPE)
                losses = 1.0 - values[..., :end]
                wealth = log_wealth(losses, 1.0 - hoped, bet[..., :end], DROP_BETS)
                dropped[..., when] = _ever(wealth, looks[when]) >= -math.log(self.eps)
        return dropped

    def _margin(self, deviation: Floats) -> Floats:
        """Least margin worth hoping for: (z_alpha + z_beta) sd / sqrt(N)."""
        quantiles = -float(ndtri(self.alpha + self.freed) + ndtri(self.eps))
        margin: Floats = quantiles * deviation / math.sqrt(self.max_examples)
        return margin

    def _lower_bound(self, values: Floats) -> float:
        looks = np.array(self.looks_within(values.size))
        if not looks.size:
            return 0.0
        variance = running_variance(values, self.target, self.target * (1.0 - self.target))
        low, high = 0.0, 1.0
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            crossed = self._passed(values, variance, middle, looks).any()
            low, high = (middle, high) if crossed else (low, middle)
        # A passed target itself must not be lost to the last halving.
        near = low < self.target <= high
        return (
            self.target
            if near and self._passed(values, variance, self.target, looks).any()
            else low
        )


def _ever(wealth: Floats, looks: Counts) -> Floats:
    """Highest wealth up to each look: money once made is evidence for good (Ville)."""
    peaks: Floats = np.maximum.accumulate(wealth, axis=-1)[..., looks - 1]
    return peaks


class NonInferiorityDesign(Plan):
    """A frozen plan for "at most `margin` worse than the reference", on paired examples."""

    kind: Literal["non_inferiority"] = "non_inferiority"
    margin: float
    halved: WealthDesign
    """The plan for (difference + 1) / 2, whose target is (1 - margin) / 2."""

    def look(self, scores: Scores, reference: Scores) -> Decision:
        """Decide on both complete prefixes; `lower_bound` is that of the mean difference."""
        limit = self.halved.max_examples
        ours = checked_scores(scores, limit)
        theirs = checked_scores(reference, limit)
        if ours.size != theirs.size:
            raise UserError(
                f"{ours.size!r} scores against {theirs.size!r} of the reference; "
                "pass both on the same examples, in the same order."
            )
        seen = self.halved.look((ours - theirs + 1.0) / 2.0)
        return Decision(seen.state, seen.n, lambda: 2.0 * seen.lower_bound - 1.0)
