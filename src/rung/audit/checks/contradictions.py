"""The same input with different answers: whoever answers one of them right gets the other wrong."""

from __future__ import annotations

import re
from collections import Counter
from statistics import median

from rapidfuzz.distance import Levenshtein

from rung.audit.base import NOTHING, Found, percent, these
from rung.audit.material import Material
from rung.records import Flag
from rung.task.types import TextOutput

WARNS = 0.01
"""Share of all examples from which contradictions are more than a slip."""
SHORT_ANSWER = 8
"""Words of the middle answer up to which a text is a fact rather than a piece of writing."""
TYPO = 0.7
SMALL = frozenset(
    [
        "a",
        "an",
        "the",
        "my",
        "your",
        "our",
        "this",
        "that",
        "is",
        "are",
        "was",
        "do",
        "does",
        "did",
        "to",
        "of",
        "for",
        "in",
        "on",
        "at",
        "it",
        "i",
        "you",
        "we",
        "and",
        "please",
        "hi",
        "hello",
        "hey",
        "thanks",
        "just",
        "so",
    ]
)
_WORD = re.compile(r"\w+")


def check(material: Material) -> Found:
    """`contradictory-duplicates`: equal inputs; and nearly equal ones that say the same."""
    if not material.rows:
        return NOTHING
    exact, near = equal(material), nearly(material)
    rows = [i for group in exact for i in group]
    if not exact and not near:
        return NOTHING
    share = len(rows) / len(material.rows)
    unavoidable = sum(len(group) - most_common(material, group) for group in exact)
    said = (
        f"{these(len(exact), 'input')} stand in {these(len(rows), 'example')} "
        f"({percent(share)}) with different answers, so {unavoidable:,} of them are wrong whatever "
        "is answered"
        if exact
        else "No equal inputs have different answers"
    )
    if near:
        said += f"; {these(len(near), 'pair')} of nearly equal inputs have different answers"
    return Found(
        (
            Flag(
                id="contradictory-duplicates",
                severity="warn" if share >= WARNS or _in_test(material, rows) else "info",
                figure=round(share, 4),
                threshold=WARNS,
                source="our own: one answer cannot be equal to two",
                text=said + ".",
                advice="Decide which answer holds, or add to the input what tells them apart.",
                examples=material.most_suspicious([*rows, *(i for pair in near for i in pair)]),
            ),
        )
    )


def equal(material: Material) -> list[tuple[int, ...]]:
    """Groups of rows whose inputs are equal and whose answers are not; evenest ones first."""
    if not _closed(material):
        return []
    same = material.same_answer
    found = [
        group
        for group in material.twins.equal
        if len({same[i] for i in group}) > 1 and len({material.ids[i] for i in group}) > 1
    ]
    return sorted(found, key=lambda g: (most_common(material, g) / len(g), g))


def nearly(material: Material) -> list[tuple[int, int]]:
    """Pairs of rows that say the same in nearly the same words, with different answers."""
    if not _closed(material):
        return []
    same, inputs = material.same_answer, material.inputs
    return [
        (near.first, near.second)
        for near in material.twins.near
        if same[near.first] != same[near.second]
        and _say_the_same(inputs[near.first], inputs[near.second])
    ]


def most_common(material: Material, group: tuple[int, ...]) -> int:
    """Rows of a group that share its commonest answer."""
    return Counter(material.same_answer[i] for i in group).most_common(1)[0][1]


def _closed(material: Material) -> bool:
    """Whether different answers to like inputs are a fault: long texts may be put in many ways."""
    if not isinstance(material.task.output, TextOutput):
        return True
    return median(len(text.split()) for text in material.answer_texts) <= SHORT_ANSWER


def _say_the_same(first: str, second: str) -> bool:
    """Whether two like texts differ in typing errors, endings and small words at most.

    Another number, another order or another word of weight makes it another question.
    """
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


def _in_test(material: Material, rows: list[int]) -> bool:
    return any(material.split_of.get(material.ids[i]) == "test" for i in rows)
