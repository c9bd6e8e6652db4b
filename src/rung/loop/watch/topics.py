"""What people ask that no example is like: how much of it, and of what kinds.

A question is off topic where its nearest example is farther away than nearly all examples are from
their own nearest. Distances are measured to one half of the examples: the other half, which is as
new to them as the traffic is, tells how often that happens by itself.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rung.evidence import drift
from rung.evidence.drift import TwoSamples
from rung.models.base import Vectors

FAR = 0.95
"""Share of the examples that are nearer to another one than an off-topic question is to any."""
FEWEST = 20
"""Examples in the half that distances are measured to, below which nothing is said."""
ALIKE = 0.5
"""Cosine from which two questions are listed as of one kind. Our own threshold, for the list only:
no alarm hangs on it."""
SMALLEST_KIND = 3
"""Requests of one kind below which it is not listed."""
MOST_KINDS = 5


class Asked(NamedTuple):
    """One text of the traffic, repeats taken together."""

    text: str
    times: int


class Kind(NamedTuple):
    """Off-topic questions that are near to each other."""

    requests: int
    like: str
    """The question that is nearest to the others."""


class Topics(NamedTuple):
    """What was found of a look's traffic."""

    far: TwoSamples
    """Far from every example: examples of the other half against the traffic."""
    share: float
    """Of the traffic that is far."""
    usual: float
    """Of examples that the others have not seen."""
    kinds: tuple[Kind, ...]
    """The largest first."""


def topics(
    examples: Vectors, inputs: Vectors, asked: Sequence[Asked], seed: int = 0
) -> Topics | None:
    """Unit vectors of examples and of `asked`, row by row; None where there are too few."""
    half = len(examples) // 2
    if half < FEWEST or not len(inputs):
        return None
    order = np.random.default_rng(seed).permutation(len(examples))
    known, apart = examples[order[:half]], examples[order[half:]]
    among = known @ known.T
    np.fill_diagonal(among, -1.0)
    least = float(np.quantile(among.max(axis=1), 1 - FAR))
    far_apart = (apart @ known.T).max(axis=1) < least
    far = (inputs @ known.T).max(axis=1) < least
    test = drift.more_often(int(far_apart.sum()), len(apart), int(far.sum()), len(inputs))
    new = (inputs @ examples.T).max(axis=1) < least
    rows = np.flatnonzero(new)
    share, usual = float(far.mean()), float(far_apart.mean())
    return Topics(test, share, usual, _kinds(inputs[rows], [asked[int(i)] for i in rows]))


def _kinds(vectors: Vectors, asked: Sequence[Asked]) -> tuple[Kind, ...]:
    """The one with the most neighbours and its neighbours, again and again."""
    near = vectors @ vectors.T >= ALIKE
    np.fill_diagonal(near, True)
    times = np.array([one.times for one in asked])
    left = np.ones(len(asked), dtype=bool)
    kinds: list[Kind] = []
    while left.any() and len(kinds) < MOST_KINDS:
        sizes = np.where(left, near @ (times * left), 0)
        middle = int(np.argmax(sizes))
        if sizes[middle] < SMALLEST_KIND:
            break
        kinds.append(Kind(int(sizes[middle]), asked[middle].text))
        left &= ~near[middle]
    return tuple(kinds)
