"""Labels that have too few examples to learn them or to score them."""

from collections import Counter

from rung.audit.base import NOTHING, Found, one, skip
from rung.audit.material import Material
from rung.decide.rules.loader import by_id, titles
from rung.records import Flag
from rung.task.types import LabelsOutput


def check(material: Material) -> Found:
    """`small-classes`: labels with fewer training examples than a prompt shows of a task."""
    output = material.task.output
    if not isinstance(output, LabelsOutput):
        return skip("the output is no label")
    rule = by_id()["shots"]
    fewest = min(int(figure.value) for figure in rule.figures)
    train = Counter(str(e.expected) for e in material.task.train)
    test = Counter(str(e.expected) for e in material.task.test)
    small = sorted((train[label], label) for label in output.labels if train[label] < fewest)
    unseen = [label for label in output.labels if not test[label]]
    if not small and not unseen:
        return NOTHING
    absent = [label for n, label in small if n == 0]
    shown = ", ".join(f"{label!r} ({n})" for n, label in small[:8])
    sentences = []
    if small:
        sentences.append(
            f"{len(small)} of {len(output.labels)} labels have fewer than {fewest} training "
            f"examples: {shown}{' …' if len(small) > 8 else ''}"
        )
    if unseen:
        sentences.append(
            f"{len(unseen)} of {len(output.labels)} labels have no test example, so nothing is "
            "said of them"
        )
    return one(
        Flag(
            id="small-classes",
            severity="warn" if absent or unseen else "info",
            figure=min((n for n, _ in small), default=0),
            threshold=fewest if small else 1,
            source="; ".join(titles(rule)),
            text="; ".join(sentences) + ".",
            advice="Add examples of these labels, or merge labels that need no telling apart.",
            examples=tuple(e.id for e in material.task.train if train[str(e.expected)] < fewest),
        )
    )
