"""The list of checks. To add one: a file beside this one with a function `check`, a line here."""

import warnings

from threadpoolctl import threadpool_limits

from rung.audit.base import Audit, Ceiling, Check, Checked
from rung.audit.checks import (
    agreement,
    breadth,
    contradictions,
    documents,
    duplicates,
    enough,
    framework,
    gold,
    imbalance,
    judge,
    label_noise,
    languages,
    leakage,
    members,
    moving,
    output_ceiling,
    output_noise,
    personal,
    several,
    shared_groups,
    ties,
    units,
    windows,
)
from rung.audit.material import Material
from rung.records import Flag, Severity

SHELF: dict[str, Check] = {
    "enough-examples": enough.check,
    "label-noise": label_noise.check,
    "output-noise": output_noise.check,
    "agreement": agreement.check,
    "output-ceiling": output_ceiling.check,
    "contradictions": contradictions.check,
    "duplicates": duplicates.check,
    "units": units.check,
    "leakage": leakage.check,
    "shared-groups": shared_groups.check,
    "label-members": members.check,
    "imbalance": imbalance.check,
    "judge": judge.check,
    "ties": ties.check,
    "breadth": breadth.check,
    "moving-target": moving.check,
    "documents": documents.check,
    "gold-passages": gold.check,
    "several-documents": several.check,
    "embedder-language": languages.check,
    "personal-data": personal.check,
    "windows": windows.check,
    "framework": framework.check,
}
"""By name, in the order in which they are shown."""


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
