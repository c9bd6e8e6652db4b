"""Test examples that share a customer, a conversation or a source with the examples learnt from."""

from collections import Counter
from collections.abc import Hashable, Sequence

from rung.audit.base import NOTHING, Found, one, percent, these, verb
from rung.audit.material import Material
from rung.audit.units import names_a_source
from rung.records import Flag
from rung.task.splits import unit_of
from rung.task.types import Example

WARNS = 0.05
"""Share of the test examples."""
_FEWEST_VALUES = 5
_DISTINCT = 0.02
"""Different values, as a share of the rows, from which a field tells people apart, not kinds."""


def check(material: Material) -> Found:
    """`shared-groups`: by `[task] cluster`, else by the field that shares most."""
    task = material.task
    learnt = (*task.train, *task.dev)
    fields = [task.cluster] if task.cluster else _entities([*learnt, *task.test])
    best = max(
        ((len(_shared(learnt, task.test, field)), field) for field in fields), default=(0, "")
    )
    count, field = best
    share = count / len(task.test) if task.test else 0.0
    if count == 0 or share < WARNS:
        return NOTHING
    rows = _shared(learnt, task.test, field)
    declared = field == task.cluster
    name = field if field == "context_ids" else f"meta.{field}"
    drawn = "examples" in material.parts
    advice = (
        f"split by it, so that no {field!r} stands on both sides: [task] examples with "
        f"cluster = {field!r} does that"
    )
    if not declared:
        advice = (
            f"If examples with the same {field!r} depend on each other, write [task] cluster = "
            f'"{field}"' + ("" if drawn else " and give one file as [task] examples")
            + ": they stay on one side then, and count as one. If not, nothing is wrong."
        )  # fmt: skip
    return one(
        Flag(
            id="shared-groups",
            severity="warn" if declared else "info",
            figure=round(share, 4),
            threshold=WARNS,
            source="our own: what was learnt of one customer says little about new ones",
            text=(
                f"{these(count, 'test example')} ({percent(share)}) {verb(count, 'share')} "
                f"{name} with train or dev: "
                f"{these(len({unit_of(e, field) for e in rows}), 'value')} "
                "on both sides."
            ),
            advice=advice[0].upper() + advice[1:],
            examples=tuple(example.id for example in rows[:10]),
        )
    )


def _shared(learnt: Sequence[Example], test: Sequence[Example], field: str | None) -> list[Example]:
    """Test examples whose value stands among the examples learnt from too."""
    there: set[Hashable] = {unit_of(example, field) for example in learnt} - {None}
    return [example for example in test if unit_of(example, field) in there]


def _entities(examples: Sequence[Example]) -> list[str]:
    """Fields named like somebody or something, with many values that come back."""
    names = Counter(name for example in examples for name in example.meta)
    entities = []
    for name, count in names.items():
        if count < len(examples) / 2 or not names_a_source(name):
            continue
        values = Counter(unit_of(example, name) for example in examples)
        values.pop(None, None)
        many = max(_FEWEST_VALUES, _DISTINCT * len(examples))
        if many <= len(values) < 0.9 * count:
            entities.append(name)
    return entities
