"""Which waiting prompts are computed together: pure functions over token lists, no model.

A batch is cheap when its prompts are about as long as each other (little padding) and begin
alike (the shared prefix is computed once).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Tokens = list[int]


class Limits(NamedTuple):
    """How large a batch may be."""

    rows: int = 32
    tokens: int = 16_384
    """Padded prompt tokens plus room for the answers, over all rows: bounds the memory."""
    worthwhile: int = 256
    """Tokens a family must save to be computed apart: below, the extra batch costs more."""


DEFAULT_LIMITS = Limits()


def common_prefix(first: Tokens, second: Tokens) -> int:
    """Length of the longest common prefix of two token lists."""
    length = min(len(first), len(second))
    for at in range(length):
        if first[at] != second[at]:
            return at
    return length


def shared_prefix(prompts: Sequence[Tokens]) -> int:
    """Longest prefix that all prompts share and that leaves each at least one token."""
    # In sorted order the first and the last differ most.
    low, high = min(prompts), max(prompts)
    return min(common_prefix(low, high), min(map(len, prompts)) - 1)


def families(prompts: Sequence[Tokens], limits: Limits = DEFAULT_LIMITS) -> list[list[int]]:
    """Split prompts (by index) into groups that begin alike, where that saves enough.

    A group is split off its neighbours when reading its longer prefix once instead of once per
    prompt saves `limits.worthwhile` tokens. Order within a group: as given.
    """
    order = sorted(range(len(prompts)), key=lambda i: prompts[i])
    links = [common_prefix(prompts[a], prompts[b]) for a, b in pairwise(order)]
    groups: list[list[int]] = []
    _split(order, links, limits.worthwhile, groups)
    return [sorted(group) for group in groups]


def _split(order: list[int], links: list[int], worthwhile: int, out: list[list[int]]) -> None:
    """Cut the sorted prompts at their weakest links wherever a part saves enough alone."""
    todo = [(order, links)]
    while todo:
        group, inner = todo.pop()
        if not inner:
            out.append(group)
            continue
        base = min(inner)
        cuts = [at for at, link in enumerate(inner) if link == base]
        edges = [-1, *cuts, len(inner)]
        parts = [(a + 1, b) for a, b in pairwise(edges)]
        rest: list[int] = []
        for start, end in parts:
            links_inside = inner[start:end]
            saved = (end - start) * (min(links_inside) - base) if links_inside else 0
            if saved >= worthwhile:
                todo.append((group[start : end + 1], links_inside))
            else:
                rest.extend(group[start : end + 1])
        if rest:
            out.append(rest)


def plan(
    prompts: Sequence[Tokens], room: Sequence[int], limits: Limits = DEFAULT_LIMITS
) -> list[int]:
    """Indices of the prompts to compute next as one batch, shortest first.

    `room` is the most answer tokens of each. The prompt that has waited longest (index 0) is
    always in it, with those of its family that are about as long.
    """
    family = next(group for group in families(prompts, limits) if 0 in group)
    family.sort(key=lambda i: (len(prompts[i]), i))
    # Equal shares of the sorted family: as few batches as possible, each about equally long.
    batches = -(-len(family) // limits.rows)
    at = family.index(0) * batches // len(family)
    chosen = family[-(-at * len(family) // batches) : -(-(at + 1) * len(family) // batches)]
    while len(chosen) > 1 and _tokens(chosen, prompts, room) > limits.tokens:
        chosen.remove(chosen[-1] if chosen[-1] != 0 else chosen[0])
    return chosen


def _tokens(chosen: list[int], prompts: Sequence[Tokens], room: Sequence[int]) -> int:
    return len(chosen) * max(len(prompts[i]) + room[i] for i in chosen)


class Padded(NamedTuple):
    """Rows of different lengths as rectangles, padded on the right.

    A token's position is also its place in the cache, whatever else is in the batch. What
    padding leaves in the cache is overwritten before any later token may look at it.
    """

    ids: NDArray[np.int64]
    """(rows, longest)"""
    positions: NDArray[np.int64]
    """(rows, longest); each token's place in its own text, padding counted on."""
    last: NDArray[np.int64]
    """(rows,); the column of each row's last real token."""


def pad_right(rows: Sequence[Tokens], starts: Sequence[int], fill: int = 0) -> Padded:
    """Pad rows to the longest; `starts` is the position of each row's first token."""
    longest = max(map(len, rows))
    ids = np.full((len(rows), longest), fill, dtype=np.int64)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = row
    positions = np.asarray(starts, dtype=np.int64)[:, None] + np.arange(longest)
    return Padded(ids, positions, np.array([len(row) - 1 for row in rows], dtype=np.int64))
