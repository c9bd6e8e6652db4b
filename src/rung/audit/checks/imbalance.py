"""What a constant answer and a guess would score: the floor under any technique."""

from collections import Counter

from rung.audit.base import NOTHING, Found, one
from rung.audit.material import Material
from rung.records import Flag
from rung.task.contract import render
from rung.task.duplicates import normalised
from rung.task.types import LabelsOutput

SKEWED = 10.0
"""Times as many examples of the commonest label as of the rarest."""
NEAR = 0.1
"""How close to the target a constant answer may come before it is said."""


def check(material: Material) -> Found:
    """`imbalance`: the majority's score, chance, and how uneven the labels are."""
    task = material.task
    if not task.test:
        return NOTHING
    answers = [normalised(render(task.output, e.expected)) for e in task.test]
    counts = Counter(answers)
    share = counts.most_common(1)[0][1] / len(answers)
    target = task.target.score
    skew = max(counts.values()) / min(counts.values())
    labels = task.output.labels if isinstance(task.output, LabelsOutput) else ()
    if share < target - NEAR and not (labels and skew >= SKEWED):
        return NOTHING
    chance = f", guessing among {len(labels)} labels {1 / len(labels):.2f}" if labels else ""
    uneven = (
        f"; the commonest label is {skew:.0f} times as frequent as the rarest"
        if labels and skew >= SKEWED
        else ""
    )
    return one(
        Flag(
            id="imbalance",
            severity="warn" if share >= target else "info",
            figure=round(share, 4),
            threshold=target,
            source="our own: the score of a constant answer on the test examples",
            text=(
                f"Always giving the commonest answer scores {share:.2f} on the test examples"
                f"{chance}, and the target is {target:g}{uneven}."
            ),
            advice=(
                "Raise the target above what a constant answer scores, or choose a metric that "
                "every label weighs in."
                if share >= target
                else "Read the score beside this floor, and the macro F1 of the report."
            ),
        )
    )
