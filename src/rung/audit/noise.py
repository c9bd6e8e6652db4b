"""Which labels look wrong, and how many are: confident learning on out-of-sample probabilities.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR
70 (2021): an example counts where a label other than its own is predicted with at least the mean
probability that this label's own examples get; as many examples as count are suspect, those whose
own label is least likely beside another. The probabilities are those of a linear head
and of the nearest neighbours, both fitted without the example, and fitted again without the
suspects of the first round. Pure: vectors and labels in, suspects out.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rung.evidence import binomial_interval
from rung.models.base import Vectors

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]

FOLDS = 5
FEWEST = 5
"""Examples of a label below which its examples are not judged: one in each fold."""
ROUNDS = 2
REPEATS = 2
NEIGHBOURS = 10
C = 3.0
SURE = 0.5
"""How much likelier another label must be for a suspect to count into the lower bound."""
ALLOWED = 0.01
"""Of right labels, this many are suspect all the same: measured on clean sets (docs/audit.md)."""
INFORMED = 0.4
"""Share of the way from the majority's accuracy to 1 that the probabilities must reach: below it
they say too little about labels to doubt one."""
PLANTED = 0.05
PLANTINGS = 2
_KEPT = 0.3
"""Of a label's examples at least this many stay in the second round."""


class Noise(NamedTuple):
    """One entry for each example, in the order given."""

    judged: Flags
    suspect: Flags
    margin: Floats
    """Probability of the likeliest other label less that of the own one."""
    better: tuple[str, ...]
    """The likeliest other label."""
    accuracy: float
    """Of the out-of-sample predictions against the given labels."""
    majority: float
    hits: int
    """Suspects among `planted` labels that were changed on purpose."""
    planted: int

    @property
    def informed(self) -> bool:
        """Whether the probabilities say enough about labels."""
        return enough(self.accuracy, self.majority)

    def order(self) -> list[int]:
        """Suspects, the most suspicious first."""
        return [int(i) for i in np.argsort(-self.margin, kind="stable") if self.suspect[i]]

    def sure(self) -> Flags:
        """Suspects whose label is far less likely than another."""
        return self.suspect & (self.margin >= SURE)

    def share(self, among: Flags, confidence: float = 0.95) -> tuple[float, float, float, int]:
        """(estimate, low, high, judged) of the share of wrong labels among some examples.

        Estimate: suspects, because false alarms and missed ones are about as many. Low: sure
        suspects (exact interval) less `ALLOWED`. High: suspects over the share that was found of
        the labels changed on purpose, both at the ends of their exact intervals.
        """
        n = int((self.judged & among).sum())
        suspects = int((self.suspect & among).sum())
        sure = int((self.sure() & among).sum())
        low = max(0.0, binomial_interval(sure, n, confidence).low - ALLOWED)
        lowest = binomial_interval(self.hits, self.planted, confidence).low
        most = binomial_interval(suspects, n, confidence).high
        high = min(1.0, most / lowest) if lowest > 0 else 1.0
        return suspects / n, low, max(high, suspects / n), n


def enough(accuracy: float, majority: float) -> bool:
    """Whether predictions of that accuracy say enough about labels to doubt one."""
    return accuracy - majority >= INFORMED * (1.0 - majority)


def find(vectors: Vectors, labels: NDArray[np.str_], seed: int) -> Noise | None:
    """Suspects among labelled vectors; None where fewer than two labels have `FEWEST` examples."""
    names, given = np.unique(labels, return_inverse=True)
    judged = np.bincount(given)[given] >= FEWEST
    if len(set(given[judged])) < 2:
        return None
    kept_names, y = np.unique(given[judged], return_inverse=True)
    x = np.asarray(vectors, dtype=np.float32)[judged]
    size, majority = len(labels), float(np.bincount(y).max() / len(y))
    first = _linear(x, y, np.ones(len(y), dtype=bool), seed, repeats=1)
    accuracy = float((first.argmax(axis=1) == y).mean())
    if not enough(accuracy, majority):
        nobody = np.zeros(size, dtype=bool)
        own = tuple(str(names[i]) for i in given)
        return Noise(judged, nobody, np.full(size, -1.0), own, accuracy, majority, 0, 1)
    suspect, margin, better = _doubts(_judge(x, y, seed), y)
    hits, planted = _sensitivity(x, y, suspect, np.random.default_rng(seed))
    whole_suspect, whole_margin = np.zeros(size, dtype=bool), np.full(size, -1.0)
    whole_better = given.copy()
    whole_suspect[judged], whole_margin[judged] = suspect, margin
    whole_better[judged] = kept_names[better]
    return Noise(
        judged=judged,
        suspect=whole_suspect,
        margin=whole_margin,
        better=tuple(str(names[i]) for i in whole_better),
        accuracy=accuracy,
        majority=majority,
        hits=hits,
        planted=planted,
    )


def _doubts(likely: Floats, y: Whole) -> tuple[Flags, Floats, Whole]:
    """Suspects, margins, and the likeliest other label.

    Confident learning says how many labels look wrong; the margin says which ones.
    """
    rows = np.arange(len(y))
    own = likely[rows, y]
    typical = np.array([likely[y == k, k].mean() for k in range(likely.shape[1])])
    confident = np.where(likely >= typical, likely, -1.0)
    count = int(((confident.max(axis=1) >= 0) & (confident.argmax(axis=1) != y)).sum())
    others = likely.copy()
    others[rows, y] = -1.0
    margin = others.max(axis=1) - own
    suspect = np.zeros(len(y), dtype=bool)
    suspect[np.argsort(-margin, kind="stable")[:count]] = True
    return suspect, margin, others.argmax(axis=1)


def _judge(x: Vectors, y: Whole, seed: int, repeats: int = REPEATS) -> Floats:
    """Out-of-sample probabilities of the last round."""
    nearest, closeness = _neighbours(x)
    kept = np.ones(len(y), dtype=bool)
    likely = np.zeros((len(y), int(y.max()) + 1))
    for _ in range(ROUNDS):
        likely = (_linear(x, y, kept, seed, repeats) + _voted(y, kept, nearest, closeness)) / 2.0
        kept = ~_doubts(likely, y)[0]
        for label in range(likely.shape[1]):
            own = y == label
            if kept[own].mean() < _KEPT:
                kept[own] = True
    return likely


def _linear(x: Vectors, y: Whole, kept: Flags, seed: int, repeats: int = REPEATS) -> Floats:
    from sklearn.linear_model import LogisticRegression

    likely = np.zeros((len(y), int(y.max()) + 1))
    for repeat in range(repeats):
        fold = _folds(y, seed + repeat)
        for number in range(FOLDS):
            out = fold == number
            head = LogisticRegression(C=C, max_iter=200, tol=1e-3)
            head.fit(x[~out & kept], y[~out & kept])
            likely[np.ix_(out, head.classes_)] += head.predict_proba(x[out])
    shares: Floats = likely / repeats
    return shares


def _folds(y: Whole, seed: int) -> Whole:
    """A fold for each example: every label stands in every fold."""
    draw = np.random.default_rng(seed)
    fold = np.zeros(len(y), dtype=np.int64)
    for label in range(int(y.max()) + 1):
        own = draw.permutation(np.flatnonzero(y == label))
        fold[own] = (np.arange(len(own)) + draw.integers(FOLDS)) % FOLDS
    return fold


def _neighbours(x: Vectors) -> tuple[Whole, Floats]:
    """For each row the `NEIGHBOURS` * 3 nearest others by cosine, closest first."""
    most = min(NEIGHBOURS * 3, len(x) - 1)
    near = np.empty((len(x), most), dtype=np.int64)
    close = np.empty((len(x), most))
    for start in range(0, len(x), 500):
        rows = slice(start, start + 500)
        cosine = x[rows] @ x.T
        cosine[np.arange(len(cosine)), np.arange(start, start + len(cosine))] = -np.inf
        chosen = np.argpartition(-cosine, most - 1, axis=1)[:, :most]
        values = np.take_along_axis(cosine, chosen, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        near[rows] = np.take_along_axis(chosen, order, axis=1)
        close[rows] = np.take_along_axis(values, order, axis=1)
    return near, close


def _voted(y: Whole, kept: Flags, near: Whole, close: Floats) -> Floats:
    """Labels of the nearest kept neighbours, closer ones weighing more."""
    usable = kept[near]
    usable &= np.cumsum(usable, axis=1) <= NEIGHBOURS
    weight = np.where(usable, np.exp((close - 1.0) * 8.0), 0.0)
    votes = np.full((len(y), int(y.max()) + 1), 1e-3)
    rows = np.broadcast_to(np.arange(len(y))[:, None], near.shape)
    np.add.at(votes, (rows, y[near]), weight)
    shares: Floats = votes / votes.sum(axis=1, keepdims=True)
    return shares


def _sensitivity(
    x: Vectors, y: Whole, suspect: Flags, draw: np.random.Generator
) -> tuple[int, int]:
    """Labels changed on purpose, and how many of them are found suspect.

    By folds drawn once: a judge that sees a little less, so that the upper end stays an upper end.
    """
    calm = np.flatnonzero(~suspect)
    size = min(len(calm), max(10, round(PLANTED * len(y))))
    hits = planted = 0
    for _ in range(PLANTINGS):
        chosen = draw.choice(calm, size, replace=False)
        changed = y.copy()
        changed[chosen] = (y[chosen] + draw.integers(1, int(y.max()) + 1, size)) % (y.max() + 1)
        if len(np.unique(changed)) <= int(y.max()):  # a label would be gone: nothing is told
            continue
        caught = _doubts(_judge(x, changed, int(draw.integers(1 << 30)), repeats=1), changed)[0]
        hits += int(caught[chosen].sum())
        planted += size
    return hits, max(planted, 1)
