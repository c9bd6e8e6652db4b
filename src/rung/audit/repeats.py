"""How far the expected answers to one input agree, and the ceiling that this puts on any score.

Two bounds, both under the task's own metric:

- `best_single`: the same input gets the same answer, so no system scores more on a group of equal
  inputs than the one answer that suits the group best. Certain, and about this group only.
- `estimate`: let A be the mean score of one expected answer judged by another one of the same
  input. For a metric that is a similarity kernel with s(x, x) = 1, no answer a scores more than
  E s(a, r) <= sqrt(E s(r, r')) = sqrt(A) (Cauchy-Schwarz), and an answer drawn like the expected
  ones scores A. That the root of the reliability bounds what can be shown is Spearman's, "The proof
  and measurement of association between two things", American Journal of Psychology 15 (1904),
  72-101. Where one answer is right and errors scatter, sqrt(A) is the share of right ones.

Matching or not, same rows or not, and the F1 of two bags are such kernels; ROUGE-L and chrF nearly
so: there the root is an estimate. What repeats cannot show: an error that both copies have.
"""

import math
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from itertools import combinations, product
from statistics import fmean
from typing import Literal, NamedTuple

import numpy as np

from rung.audit.pairs import Twins, say_the_same
from rung.evidence import Interval, fixed_order, interval

Metric = Literal["same", "bag", "sequence", "other"]
"""same: 1 or 0, and what is right for two examples makes their answers the same. bag: F1 of two
bags. sequence: F1 of the longest common subsequence. other: nothing is proven."""

Marks = Callable[[int, int], float]
"""Score of the expected answer of the first row, judged as the answer to the second."""

FEWEST = 5
"""Inputs that stand more than once below which nothing is said of the others."""
MOST_MEMBERS = 40
"""Rows of one input that count."""
MOST_PAIRS = 100
"""Pairs of one input that are compared."""
MOST_UNITS = 1_000


class Unit(NamedTuple):
    """One input that stands more than once."""

    rows: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    """Rows that are equal, or nearly so and say the same."""
    equal: bool
    """Equal all; else some differ in a letter or a small word."""


def units(
    twins: Twins, inputs: Sequence[str], ids: Sequence[str], among: AbstractSet[int], seed: int
) -> list[Unit]:
    """The repeated inputs among some rows, in an order that hangs on the ids alone."""
    group_of = twins.group_of()
    members: dict[int, tuple[int, ...]] = {}
    for row in sorted(among):
        group = group_of.get(row, (row,))
        if group[0] not in members:
            members[group[0]] = _scored(group, ids, among)
    near = [
        (n.first, n.second)
        for n in twins.near
        if members.get(n.first)
        and members.get(n.second)
        and say_the_same(inputs[n.first], inputs[n.second])
    ]
    kept = []
    for firsts, links in _joined(members, near):
        own = [pair for first in firsts for pair in combinations(members[first], 2)]
        across = [pair for a, b in links for pair in product(members[a], members[b])]
        rows = tuple(row for first in firsts for row in members[first])
        if own or across:
            kept.append(Unit(rows, (*own, *across)[:MOST_PAIRS], equal=not across))
    order = {ident: place for place, ident in enumerate(fixed_order(ids, seed))}
    return sorted(kept, key=lambda unit: order[ids[unit.rows[0]]])[:MOST_UNITS]


def _scored(group: Sequence[int], ids: Sequence[str], among: AbstractSet[int]) -> tuple[int, ...]:
    """Members that count, each example once."""
    kept = {ids[row]: row for row in reversed(group) if row in among}
    return tuple(sorted(kept.values()))[:MOST_MEMBERS]


def _joined(
    members: dict[int, tuple[int, ...]], near: Sequence[tuple[int, int]]
) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """Groups, by their first members, that nearly equal pairs join; and those pairs."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    place = {first: i for i, first in enumerate(members)}
    ends = np.array([(place[a], place[b]) for a, b in near], dtype=np.int64).reshape(-1, 2)
    shape = (len(members), len(members))
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=shape)
    count, component = connected_components(graph, directed=False)
    joined: list[tuple[list[int], list[tuple[int, int]]]] = [([], []) for _ in range(count)]
    for first, own in zip(members, component, strict=True):
        joined[own][0].append(first)
    for pair in near:
        joined[component[place[pair[0]]]][1].append(pair)
    return joined


def agreement(unit: Unit, marks: Marks) -> float:
    """Mean score of one answer judged by another one of the same input, both ways."""
    return fmean((marks(a, b) + marks(b, a)) / 2.0 for a, b in unit.pairs)


def estimate(agreements: Sequence[float]) -> tuple[float, float, float, Interval]:
    """(value, low, high, interval of the agreement) of the best score that can be shown.

    Value: the root of the mean agreement. Low: the lower end of the agreement's interval, which is
    what one more answer of the same kind would score. High: the root of its upper end.
    """
    seen = interval(agreements)
    return math.sqrt(seen.estimate), seen.low, math.sqrt(seen.high), seen


def best_single(rows: Sequence[int], metric: Metric, marks: Marks) -> float:
    """The most that any one answer scores on average over rows of one input; 1 where unproven."""
    if metric == "other" or len(rows) < 2:
        return 1.0
    if metric == "same":
        return max(fmean(marks(a, b) for b in rows) for a in rows)
    likeness = [marks(a, b) for a, b in combinations(rows, 2)]
    bound = fmean(_between(s) for s in likeness)
    if metric == "bag":
        k = len(rows)
        bound = min(bound, math.sqrt((1.0 + (k - 1) * fmean(likeness)) / k))
    return min(1.0, bound)


def _between(likeness: float) -> float:
    """The most that one text scores on average against two whose F1 is `likeness`.

    d = 1 - F1 / (2 - F1) is a metric, of bags as of sequences: what Marczewski and Steinhaus
    ("On a certain distance of sets", Colloquium Mathematicum 6 (1958), 319-327) make of the number
    of members, or words, to put in and take out. The two distances add up to at least that between
    the two texts, and F1 = 2 (1 - d) / (2 - d) is concave in d.
    """
    half = (1.0 - likeness / (2.0 - likeness)) / 2.0
    return 2.0 * (1.0 - half) / (2.0 - half)
