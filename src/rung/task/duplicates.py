"""Which inputs say nearly the same: groups that must stay on one side of a split.

Exact after normalising, or character 5-gram Jaccard similarity of at least `SIMILAR`, found by
MinHash LSH (Broder 1997; Indyk and Motwani 1998) and then checked exactly. Not a judge of
meaning: a paraphrase in other words is no near-duplicate here.
"""

import unicodedata
import zlib
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

SIMILAR = 0.8
"""Jaccard similarity of character 5-grams from which two inputs are near-duplicates."""
TEMPLATE = 0.2
"""Share of all texts from which a group is taken for a template."""
_FEW = 10
_GRAM = 5
_PERMUTATIONS = 64


def normalised(text: str) -> str:
    """Unicode-normalised, case-folded, runs of white space as one blank."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def groups(texts: Sequence[str], *units: Sequence[Hashable | None], near: bool = True) -> list[int]:
    """For each text the smallest index in its group of near-duplicates.

    Each of `units` joins too: texts with the same unit, other than None, are one group. Where
    likeness alone would join more than `TEMPLATE` of all texts, they share a template rather than
    repeat each other, and only the equal ones among them stay together. Without `near` only equal
    texts are grouped.
    """
    clean = [normalised(text) for text in texts]
    equal = _Links(len(texts))
    equal.join_equal(clean)
    for keys in units:
        equal.join_equal(keys)
    if not near:
        return [equal.root(index) for index in range(len(texts))]
    alike = _Links(len(texts), equal.parent)
    first: dict[str, int] = {}
    for index, text in enumerate(clean):
        first.setdefault(text, index)
    _join_similar(first, alike)
    roots = [alike.root(index) for index in range(len(texts))]
    sizes = Counter(roots)
    most = max(_FEW, TEMPLATE * len(texts))
    return [equal.root(i) if sizes[root] > most else root for i, root in enumerate(roots)]


class _Links:
    """Union-find whose root is the smallest member."""

    def __init__(self, size: int, parent: Sequence[int] | None = None) -> None:
        self.parent = list(parent or range(size))

    def root(self, index: int) -> int:
        while self.parent[index] != index:
            self.parent[index] = self.parent[self.parent[index]]
            index = self.parent[index]
        return index

    def join(self, a: int, b: int) -> None:
        low, high = sorted((self.root(a), self.root(b)))
        self.parent[high] = low

    def join_equal(self, keys: Iterable[Hashable | None]) -> None:
        seen: dict[Hashable, int] = {}
        for index, key in enumerate(keys):
            if key is not None:
                self.join(seen.setdefault(key, index), index)


def _join_similar(first: dict[str, int], links: _Links) -> None:
    """Join the indices of texts that are alike; `first` maps distinct texts to their index."""
    if len(first) < 2:
        return
    from datasketch import MinHash, MinHashLSH

    grams = {index: _grams(text) for text, index in first.items()}
    lsh = MinHashLSH(threshold=SIMILAR, num_perm=_PERMUTATIONS)
    sketches = MinHash.generator(
        ([gram.encode() for gram in own] for own in grams.values()),
        num_perm=_PERMUTATIONS,
        hashfunc=zlib.crc32,
    )
    for index, sketch in zip(grams, sketches, strict=True):
        for other in sorted(lsh.query(sketch)):
            if links.root(index) == links.root(other):
                continue
            if len(grams[index] & grams[other]) / len(grams[index] | grams[other]) >= SIMILAR:
                links.join(index, other)
        lsh.insert(index, sketch)


def _grams(text: str) -> frozenset[str]:
    return frozenset(text[i : i + _GRAM] for i in range(max(1, len(text) - _GRAM + 1)))
