"""Examples that stand there more than once: they weigh more than they tell."""

from rung.audit.base import NOTHING, Found, one, percent, these
from rung.audit.material import Material
from rung.records import Flag

WARNS = 0.05
"""Share of the test examples from which repeats make an interval narrower than it should be."""


def check(material: Material) -> Found:
    """`duplicates`: equal inputs, and nearly equal ones with the same answer."""
    exact, near = repeats(material), nearly(material)
    if not exact and not near:
        return NOTHING
    second = {*exact, *(b for _, b in near)}
    tested = [i for i in second if material.split_of.get(material.ids[i]) == "test"]
    share = len(tested) / len(material.task.test) if material.task.test else 0.0
    return one(
        Flag(
            id="duplicates",
            severity="warn" if share >= WARNS else "info",
            figure=round(len(second) / len(material.rows), 4),
            threshold=WARNS,
            source="our own: a repeated test example is counted as if it were a new one",
            text=(
                f"{these(len(exact), 'repeat')} of an earlier example and "
                f"{these(len(near), 'pair')} that differ in little: {percent(share)} of the test "
                "examples are such."
            ),
            advice=(
                "Take repeats out of the test examples, or name what they share as [task] cluster; "
                "`rung audit --fix` drops exact repeats."
            ),
            examples=material.most_suspicious([*exact, *(b for _, b in near)]),
        )
    )


def repeats(material: Material) -> list[int]:
    """Rows whose input and answer stand in an earlier row of the same file."""
    repeated = []
    for group in material.twins.equal:
        seen: set[tuple[str, str]] = set()
        for row in group:
            key = (material.rows[row].part, material.same_answer[row])
            if key in seen:
                repeated.append(row)
            seen.add(key)
    return sorted(repeated)


def nearly(material: Material) -> list[tuple[int, int]]:
    """Pairs of rows of one file with nearly equal inputs and the same answer."""
    return [
        (n.first, n.second)
        for n in material.twins.near
        if material.same_answer[n.first] == material.same_answer[n.second]
        and material.rows[n.first].part == material.rows[n.second].part
    ]
