"""The list of checks. To add one: a file beside this one with a function `check`, a line here."""

from __future__ import annotations

from rung.audit.base import Check
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
