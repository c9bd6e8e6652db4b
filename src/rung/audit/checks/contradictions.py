"""The same input with different answers: whoever answers one of them right gets the other wrong."""

from collections import Counter
from statistics import median

from rung.audit.base import NOTHING, Found, percent, these, verb
from rung.audit.material import Material
from rung.audit.pairs import say_the_same
from rung.audit.repeated import interchangeable
from rung.records import Flag
from rung.task.types import TextOutput

WARNS = 0.01
"""Share of all examples from which contradictions are more than a slip."""
SHORT_ANSWER = 8
"""Words of the middle answer up to which a text is a fact rather than a piece of writing."""


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
    sentence = (
        f"{these(len(exact), 'input')} {verb(len(exact), 'stand')} in {len(rows):,} examples "
        f"({percent(share)}) with different answers, so {unavoidable:,} of them "
        f"{'is' if unavoidable == 1 else 'are'} wrong whatever is answered"
        if exact
        else "No equal inputs have different answers"
    )
    if near:
        have = "has" if len(near) == 1 else "have"
        sentence += f"; {these(len(near), 'pair')} of nearly equal inputs {have} different answers"
    return Found(
        (
            Flag(
                id="contradictory-duplicates",
                severity="warn" if share >= WARNS or _in_test(material, rows) else "info",
                figure=round(share, 4),
                threshold=WARNS,
                source="our own: one answer cannot be equal to two",
                text=sentence + ".",
                advice="Decide which answer holds, or add to the input what tells them apart.",
                examples=material.most_suspicious([*rows, *(i for pair in near for i in pair)]),
            ),
        )
    )


def equal(material: Material) -> list[tuple[int, ...]]:
    """Groups of rows whose inputs are equal and whose answers are not; evenest ones first."""
    if not closed(material):
        return []
    same = material.same_answer
    groups = [
        group
        for group in material.twins.equal
        if len({same[i] for i in group}) > 1
        and len({material.ids[i] for i in group}) > 1
        and not interchangeable(material, group)
    ]
    return sorted(groups, key=lambda g: (most_common(material, g) / len(g), g))


def nearly(material: Material) -> list[tuple[int, int]]:
    """Pairs of rows that say the same in nearly the same words, with different answers."""
    if not closed(material):
        return []
    same, inputs = material.same_answer, material.inputs
    return [
        (near.first, near.second)
        for near in material.twins.near
        if same[near.first] != same[near.second]
        and say_the_same(inputs[near.first], inputs[near.second])
        and not interchangeable(material, (near.first, near.second))
    ]


def most_common(material: Material, group: tuple[int, ...]) -> int:
    """Rows of a group that share its commonest answer."""
    return Counter(material.same_answer[i] for i in group).most_common(1)[0][1]


def outvoted(material: Material, group: tuple[int, ...]) -> list[int]:
    """Rows of a group against the one answer that more rows have than any other; none on a tie."""
    times = Counter(material.same_answer[i] for i in group).most_common(2)
    if len(times) > 1 and times[0][1] == times[1][1]:
        return []
    return [i for i in group if material.same_answer[i] != times[0][0]]


def closed(material: Material) -> bool:
    """Whether different answers to like inputs are a fault: long texts may be put in many ways."""
    if not isinstance(material.task.output, TextOutput):
        return True
    return median(len(text.split()) for text in material.answer_texts) <= SHORT_ANSWER


def _in_test(material: Material, rows: list[int]) -> bool:
    return any(material.split_of.get(material.ids[i]) == "test" for i in rows)
