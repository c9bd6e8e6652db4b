"""All checks on one task. Pure: the same material gives the same audit."""

import warnings

from threadpoolctl import threadpool_limits

from rung.audit.base import Audit, Ceiling, Checked
from rung.audit.checks.shelf import SHELF
from rung.audit.material import Material
from rung.records import Flag, Severity

ORDER: dict[Severity, int] = {"block": 0, "warn": 1, "info": 2}


def audit(material: Material) -> Audit:
    """Run every check of the shelf. Asks no model; vectors are in the material already."""
    flags: list[Flag] = []
    checked: list[Checked] = []
    ceiling: Ceiling | None = None
    # Hundreds of small fits: threads of the linear algebra would only wait for each other.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's advice on convergence is not the user's
        for name, check in SHELF.items():
            findings = check(material)
            flags += findings.flags
            checked.append(Checked(id=name, skipped=findings.skipped))
            ceiling = findings.ceiling or ceiling
    sizes = {part: len(examples) for part, examples in material.parts.items()}
    if material.task.documents:
        sizes["documents"] = len(material.task.documents)
    return Audit(
        task=material.task.name,
        flags=tuple(sorted(flags, key=lambda flag: ORDER[flag.severity])),
        checked=tuple(checked),
        ceiling=ceiling,
        sizes=sizes,
    )
