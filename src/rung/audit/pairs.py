"""Which texts are equal or nearly equal: every pair, none missed.

An exact similarity join (prefix filtering: Bayardo, Ma and Srikant, "Scaling up all pairs
similarity search", WWW 2007). `rung.task.duplicates` groups texts for a split and may miss a pair
now and then; an audit that says "no leak" must not.
"""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from rung.task.duplicates import SIMILAR, normalised

_GRAM = 5
_NUMBER = re.compile(r"\d+")
LOOSE, TIGHT = 0.7, 0.95
"""Short texts that differ in one letter share few 5-grams: from `LOOSE` on, those that are `TIGHT`
alike by edits count too."""
SHORT = 150
"""Characters of such a text."""
LONGEST = 6_000
"""Characters of a text that are compared."""
TYPO = 0.7
"""Likeness by edits from which two words that begin alike are one word mistyped or inflected."""
_WORD = re.compile(r"\w+")
SMALL = frozenset(
    _WORD.findall(
        "a an the my your our this that is are was do does did to of for in on at it i you we and "
        "please hi hello hey thanks just so"
    )
)
"""Words that come and go without changing what is asked."""


class Near(NamedTuple):
    """Two different texts that are nearly the same."""

    first: int
    second: int
    similarity: float
    """Jaccard similarity of their character 5-grams."""


class Twins(NamedTuple):
    """Indices of texts."""

    equal: tuple[tuple[int, ...], ...]
    """Groups of two or more whose texts are equal after normalising."""
    near: tuple[Near, ...]
    """Between the first members of groups, and texts that have no equal; most alike first."""

    def group_of(self) -> dict[int, tuple[int, ...]]:
        """The group of equals of each text that has one."""
        return {index: group for group in self.equal for index in group}


def bare(text: str) -> str:
    """Letters and digits only, case and accents gone: what differs no more says the same."""
    plain = unicodedata.normalize("NFKD", normalised(text))
    kept = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(kept.split()) or normalised(text)


def numbers(text: str) -> list[str]:
    """The numbers of a text in order: like texts with other numbers share a template."""
    return _NUMBER.findall(text)


def find_twins(texts: Sequence[str], least: float = SIMILAR) -> Twins:
    """Equal texts (after `bare`), and every pair of others that is `least` similar.

    Or that a few edits make equal: see `LOOSE`.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        members[bare(text)].append(index)
    equal = tuple(tuple(own) for own in members.values() if len(own) > 1)
    firsts = [own[0] for own in members.values()]
    plain = [text[:LONGEST] for text in members]
    pairs = {(a, b): likeness for a, b, likeness in similar_pairs(plain, least)}
    short = [i for i, text in enumerate(plain) if len(text) <= SHORT]
    for a, b, likeness in similar_pairs([plain[i] for i in short], LOOSE):
        if _edited(plain[short[a]], plain[short[b]]):
            pairs[short[a], short[b]] = likeness
    near = [
        Near(min(firsts[a], firsts[b]), max(firsts[a], firsts[b]), likeness)
        for (a, b), likeness in pairs.items()
    ]
    return Twins(equal, tuple(sorted(near, key=lambda n: (-n.similarity, n.first, n.second))))


def similar_pairs(texts: Sequence[str], least: float) -> list[tuple[int, int, float]]:
    """Every pair of different texts whose 5-gram sets have at least that Jaccard similarity.

    Two sets that are alike share one of their rarest members: only those are looked up, and each
    pair that they bring together is compared in full.
    """
    grams = [_grams(text) for text in texts]
    rarity = Counter(gram for own in grams for gram in own)
    shared = {gram: (count, gram) for gram, count in rarity.items() if count > 1}
    order = sorted(range(len(texts)), key=lambda i: (len(grams[i]), i))
    index: dict[str, list[int]] = defaultdict(list)
    pairs = []
    for i in order:
        own = grams[i]
        size = len(own)
        kept = size - math.ceil(least * size) + 1
        # A gram that stands in one text only brings no pair; it still fills the prefix.
        prefix = sorted((g for g in own if g in shared), key=shared.__getitem__)
        prefix = prefix[: max(0, kept - (size - len(prefix)))]
        candidates = {j for gram in prefix for j in index[gram]}
        for j in sorted(candidates):
            if len(grams[j]) >= least * size:
                common = len(own & grams[j])
                similarity = common / (size + len(grams[j]) - common)
                if similarity >= least:
                    pairs.append((min(i, j), max(i, j), similarity))
        for gram in prefix:
            index[gram].append(i)
    return pairs


def say_the_same(first: str, second: str) -> bool:
    """Whether two like texts differ in typing errors, endings and small words at most.

    Another number, another order or another word of weight makes it another question.
    """
    from rapidfuzz.distance import Levenshtein

    ours, theirs = _weighty(first), _weighty(second)
    return len(ours) == len(theirs) and all(
        a == b
        or (
            a[:2] == b[:2]
            and not set(a + b) & set("0123456789")
            and Levenshtein.normalized_similarity(a, b) >= TYPO
        )
        for a, b in zip(ours, theirs, strict=True)
    )


def _weighty(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.casefold()) if word not in SMALL]


def _edited(first: str, second: str) -> bool:
    """Whether a few letters were changed; another number is another thing."""
    if numbers(first) != numbers(second):
        return False
    from rapidfuzz.distance import Levenshtein

    return bool(Levenshtein.normalized_similarity(first, second, score_cutoff=TIGHT) >= TIGHT)


def _grams(text: str) -> frozenset[str]:
    return frozenset(text[i : i + _GRAM] for i in range(max(1, len(text) - _GRAM + 1)))
