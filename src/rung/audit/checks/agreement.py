"""Examples on which good candidates of an earlier run agree with each other, against the label."""

from __future__ import annotations

from collections import Counter

from rung.audit.base import NOTHING, Found, one, skip, these
from rung.audit.material import Material
from rung.records import Flag
from rung.task.duplicates import normalised

FEWEST = 2
"""Candidates that must agree."""


def check(material: Material) -> Found:
    """`candidates-disagree`: the same other answer from every good candidate that was asked."""
    if not material.answers:
        return skip("no earlier run has two good candidates that differ in more than their prompt")
    found = []
    for row, ident in enumerate(material.ids):
        said = Counter(normalised(text) for text in material.answers.get(ident, ()))
        if len(said) == 1:
            answer, times = said.most_common(1)[0]
            if times >= FEWEST and answer != material.same_answer[row]:
                found.append((times, row))
    if not found:
        return NOTHING
    asked = sum(len(a) >= FEWEST for a in material.answers.values())
    rows = [row for _, row in sorted(found, key=lambda pair: (-pair[0], pair[1]))]
    return one(
        Flag(
            id="candidates-disagree",
            severity="info",
            figure=round(len(rows) / max(1, asked), 4),
            threshold=None,
            source="our own: different candidates seldom make the same mistake",
            text=(
                f"On {these(len(rows), 'example')} of {asked:,} that good candidates of the newest "
                "run answered, they agree with each other and not with the expected answer."
            ),
            advice="Look at these expected answers first: they are wrong more often than others.",
            examples=material.most_suspicious(rows),
        )
    )
