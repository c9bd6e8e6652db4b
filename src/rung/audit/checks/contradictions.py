"""The same input with different answers: whoever answers one of them right gets the other wrong."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from rung.audit.base import NOTHING, Found, percent, these
from rung.audit.material import Material
from rung.records import Flag

WARNS = 0.01
"""Share of all examples from which contradictions are more than a slip."""
_NUMBER = re.compile(r"\d+")
_TURNS = frozenset({"not", "no", "never", "without", "except", "un", "nicht", "kein", "pas", "non"})


def check(material: Material) -> Found:
    """`contradictory-duplicates`: equal inputs; and nearly equal ones that share every number."""
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
    same = material.same_answer
    found = [
        group
        for group in material.twins.equal
        if len({same[i] for i in group}) > 1 and len({material.ids[i] for i in group}) > 1
    ]
    return sorted(found, key=lambda g: (most_common(material, g) / len(g), g))


def nearly(material: Material) -> list[tuple[int, int]]:
    """Pairs of rows that are nearly equal, numbers included, and have different answers.

    Where the one has a word of denial that the other lacks, they say different things.
    """
    if not _closed(material):
        return []
    same, inputs = material.same_answer, material.inputs
    return [
        (near.first, near.second)
        for near in material.twins.near
        if same[near.first] != same[near.second]
        and _said(inputs[near.first]) == _said(inputs[near.second])
    ]


def most_common(material: Material, group: tuple[int, ...]) -> int:
    """Rows of a group that share its commonest answer."""
    return Counter(material.same_answer[i] for i in group).most_common(1)[0][1]


def _closed(material: Material) -> bool:
    """Whether different answers to like inputs are a fault: free text may be put in many ways."""
    if material.task.output.kind == "labels":
        return True
    groups: dict[bool, int] = defaultdict(int)
    for group in material.twins.equal:
        groups[len({material.same_answer[i] for i in group}) > 1] += 1
    return groups[False] > groups[True]


def _said(text: str) -> tuple[list[str], frozenset[str]]:
    """What must agree for two like texts to say the same: numbers, and words of denial."""
    return _NUMBER.findall(text), _TURNS & set(re.findall(r"[a-z]+", text.casefold()))


def _in_test(material: Material, rows: list[int]) -> bool:
    return any(material.split_of.get(material.ids[i]) == "test" for i in rows)
