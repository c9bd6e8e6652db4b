"""Exact group-sequential boundaries for right/wrong scores.

After n examples a candidate with S_n right answers PASSes at S_n >= upper(n) and DROPs at
S_n <= lower(n). The boundaries come from convolving the law of the paths still alive, not from a
Brownian approximation, so the error they promise is exact at every size.

Error spending: Lan and DeMets, Biometrika 70 (1983), 659-663; Kim and DeMets, Biometrika 74
(1987), 149-154. Stochastic curtailment: Lan, Simon and Halperin, Sequential Analysis 1 (1982),
207-219; Jennison and Turnbull, "Group Sequential Methods" (2000), chapters 10 and 12.

No scores here and no verdicts: only counts. `designs.py` uses them.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, gammaln

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Spending = Callable[[float], float]

ROUNDING = 1e-12
"""Relative slack of a sum of thousands of probabilities; never spent in the user's favour."""


def look_schedule(max_examples: int, batch: int) -> Counts:
    """Sample sizes at which a decision may fall: batch, 2 batch, ..., max_examples."""
    steps = np.arange(batch, max_examples, batch, dtype=np.int64)
    return np.append(steps, np.int64(max_examples))


def late_spending(fraction: float) -> float:
    """Share of alpha spent by this fraction of the examples: little early, so the end is sharp.

    0.1 sqrt(t) + 0.9 t^3: the first term lets an excellent candidate pass at once, the second
    keeps the last look within a count or two of the plain exact test.
    """
    return 0.1 * math.sqrt(fraction) + 0.9 * fraction * fraction * fraction


def early_spending(fraction: float) -> float:
    """Spending t^1.5 of the fast preset: fewer calls, weaker at the last look."""
    return fraction * math.sqrt(fraction)


def root_spending(fraction: float) -> float:
    """Spending sqrt(t) for leaving a candidate: the hopeless ones should go at once."""
    return math.sqrt(fraction)


@lru_cache(maxsize=256)
def binomial_pmf(trials: int, chance: float) -> Floats:
    """P(Binomial(trials, chance) = k) for k = 0..trials, read-only, shape (trials + 1,)."""
    count = np.arange(trials + 1, dtype=np.float64)
    if chance <= 0.0 or chance >= 1.0:
        pmf = np.zeros(trials + 1)
        pmf[0 if chance <= 0.0 else trials] = 1.0
    else:
        choose = gammaln(trials + 1) - gammaln(count + 1) - gammaln(trials - count + 1)
        pmf = np.exp(choose + count * np.log(chance) + (trials - count) * np.log1p(-chance))
    pmf.setflags(write=False)
    return pmf


def critical_count(examples: int, target: float, alpha: float) -> int:
    """Smallest c with P(Binomial(examples, target) >= c) <= alpha; examples + 1 where none is.

    The plain exact test that an exhaustive run would use.
    """
    low, high = 0, examples + 1
    while low < high:
        middle = (low + high) // 2
        tail = 1.0 if middle == 0 else float(bdtrc(middle - 1, examples, target))
        low, high = (low, middle) if tail <= alpha else (middle + 1, high)
    return low


def pass_boundary(
    looks: Counts, target: float, alpha: float, spending: Spending, freed: float = 0.0
) -> Counts:
    """Smallest counts that certify `target` at each look, shape of `looks`.

    sup over true means <= target of P(ever S_n >= upper(n)) <= alpha + freed, exactly. An
    unreachable boundary is n + 1. Drops are ignored, so overruling one costs no error. `freed` is
    for the last look alone: whoever passes without it passes with it.
    """
    alive: Floats = np.ones(1)
    spent, seen = 0.0, 0
    upper = np.empty_like(looks)
    for index, look in enumerate(looks.tolist()):
        alive = np.convolve(alive, binomial_pmf(look - seen, target))
        tail = np.cumsum(alive[::-1])
        granted = alpha * spending(look / int(looks[-1])) + (freed if look == looks[-1] else 0.0)
        allowance = granted * (1.0 - ROUNDING) - spent
        passing = int(np.searchsorted(tail, allowance, side="right"))
        upper[index] = look + 1 - passing
        if passing:
            spent += float(tail[passing - 1])
            alive[look + 1 - passing :] = 0.0
        seen = look
    # Who already has what the last look asks for cannot fail it: certainty costs no alpha.
    certain: Counts = np.minimum(upper, upper[-1])
    return certain


def drop_boundary(looks: Counts, needed: int, eps: float, upper: Counts) -> Counts:
    """Largest counts at which a candidate is left, given the last look asks for `needed`.

    P(S_n <= lower(n) before passing | S_N = needed) <= eps, by the law of draws without
    replacement: whom the full run would pass is left early with probability at most eps. -1 means
    that no count drops. The last look drops nobody: nothing is saved there.
    """
    total = int(looks[-1])
    needed = min(needed, total)
    reach = _Reach(total, needed)
    spent = 0.0
    lower = np.full_like(looks, -1)
    for index, look in enumerate(looks[:-1].tolist()):
        chance = reach.advance(look)
        tail = np.cumsum(chance)
        allowance = eps * root_spending(look / total) * (1.0 - ROUNDING) - spent
        dropping = min(int(np.searchsorted(tail, allowance, side="right")), int(upper[index]))
        lower[index] = dropping - 1
        if dropping:
            spent += float(tail[dropping - 1])
        reach.keep(dropping, int(upper[index]))
    return lower


def replay_boundary(looks: Counts, needed: int, eps: float) -> Counts:
    """Smallest counts that foretell "the full run ends at `needed` or more", shape of `looks`.

    P(S_n >= upper(n) at some look | S_N = needed - 1) <= eps: a claim about these N examples
    only, never about future ones. The last look is the full run itself.
    """
    total = int(looks[-1])
    upper = np.minimum(looks + 1, needed)
    upper[-1] = needed
    if needed <= 0 or needed > total:
        return upper
    reach = _Reach(total, needed - 1)
    spent = 0.0
    for index, look in enumerate(looks[:-1].tolist()):
        chance = reach.advance(look)
        tail = np.cumsum(chance[::-1])
        allowance = eps * root_spending(look / total) * (1.0 - ROUNDING) - spent
        passing = int(np.searchsorted(tail, allowance, side="right"))
        upper[index] = look + 1 - passing
        if passing:
            spent += float(tail[passing - 1])
        reach.keep(0, int(upper[index]))
    return upper


def futility_boundary(looks: Counts, hoped: float, beta: float, upper: Counts) -> Counts:
    """Largest counts at which a candidate is left, for the fast preset.

    A candidate whose true mean is `hoped` or more is left before passing with probability at most
    beta (beta spending, Pampallona and Tsiatis 1994). The last look drops nobody.
    """
    alive: Floats = np.ones(1)
    spent, seen = 0.0, 0
    lower = np.full_like(looks, -1)
    for index, look in enumerate(looks[:-1].tolist()):
        alive = np.convolve(alive, binomial_pmf(look - seen, hoped))
        alive[int(upper[index]) :] = 0.0
        tail = np.cumsum(alive)
        allowance = beta * root_spending(look / int(looks[-1])) * (1.0 - ROUNDING) - spent
        dropping = min(int(np.searchsorted(tail, allowance, side="right")), int(upper[index]))
        lower[index] = dropping - 1
        if dropping:
            spent += float(tail[dropping - 1])
            alive[:dropping] = 0.0
        seen = look
    return lower


class _Reach:
    """Chance of each count among paths still alive, given the count that the full run ends at.

    A path law without replacement is the path law with replacement reweighted by the chance of
    the remaining answers: P(S_n = s | S_N = c) = P(s at n) Bin(c - s; N - n) / Bin(c; N). One
    convolution a look then does, where the transition matrix would need one per count.
    """

    def __init__(self, total: int, final: int) -> None:
        self.total, self.final = total, final
        # Any chance gives the same conditional law; this one keeps the numbers near 1.
        self.chance = min(max(final / total, 1e-3), 1.0 - 1e-3)
        self.scale = float(binomial_pmf(total, self.chance)[final])
        self.alive: Floats = np.ones(1)
        self.seen = 0

    def advance(self, look: int) -> Floats:
        self.alive = np.convolve(self.alive, binomial_pmf(look - self.seen, self.chance))
        self.seen = look
        left = self.total - look
        # The rest must hold final - s right answers: reading the law backwards lines them up.
        low, high = max(self.final - left, 0), min(self.final, look)
        rest = np.zeros(look + 1)
        backwards = binomial_pmf(left, self.chance)[::-1]
        start = left - self.final + low
        rest[low : high + 1] = backwards[start : start + high - low + 1]
        result: Floats = self.alive * rest / self.scale
        return result

    def keep(self, first: int, end: int) -> None:
        self.alive[:first] = 0.0
        self.alive[end:] = 0.0
