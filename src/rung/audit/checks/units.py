"""Test examples that come in groups which nobody declared."""

from rung.audit.base import NOTHING, Found, one
from rung.audit.material import Material
from rung.audit.units import sentences, units_of
from rung.records import Flag

SOURCE = (
    "our own: rows of one talk, user or text stand or fall together, and ten of one talk counted "
    "one by one certify falsely in .206 of the cases (benchmarks/decision.py --only ordinary)"
)


def check(material: Material) -> Found:
    """`undeclared-clusters`: test examples by group, where a field tells where they come from."""
    task = material.task
    units = units_of(task)
    if units.declared or units.field is None:
        return NOTHING
    number = len({units.of(e) for e in task.test})
    return one(
        Flag(
            id="undeclared-clusters",
            severity="warn",
            figure=round(len(task.test) / number, 2),
            threshold=1,
            source=SOURCE,
            text=sentences(task)[0],
            advice=(
                "Declare the field as [task] cluster, which keeps a group on one side of the split "
                'too; where the examples are single draws of traffic, say [task] cluster = "id".'
            ),
        )
    )
