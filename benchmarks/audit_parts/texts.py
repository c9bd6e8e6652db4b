"""e2e-noise: answers that contradict their input, and several answers to one input."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from audit_parts.data import rows
from audit_parts.outputs import task_of
from rung.audit import Material
from rung.audit.checks import output_ceiling
from rung.audit.facts import contradictions
from rung.records import Answer
from rung.scorers.rouge_l import RougeL
from rung.task.types import Example


def measure() -> list[dict[str, Any]]:
    """The noisy pairs, and the same pairs with their facts corrected."""
    found = []
    for part in ("train", "train_clean"):
        data = rows("e2e-noise", part)
        result = contradictions([r["input"] for r in data], [r["expected"] for r in data], seed=0)
        assert result is not None
        listed = list(result.examples)
        line: dict[str, Any] = {"part": part, "n": len(data), "listed": len(listed)}
        if part == "train":
            wrong = np.array([row["meta"]["is_noisy"] for row in data])
            line |= {
                "wrong": int(wrong.sum()),
                "precision": float(wrong[listed].mean()),
                "recall": float(wrong[listed].sum() / wrong.sum()),
                "precision_of_the_first_30": float(wrong[listed[:30]].mean()),
            }
        found.append(line)
    return found


def references() -> dict[str, Any]:
    """The noisy train file, where 372 of 420 texts share their input with another, under ROUGE-L.

    The ceiling as stated; beside it what the text scores that is most like the other texts of its
    input, judged by a text that took no part in choosing it. And whether the texts least like their
    siblings are the wrong ones (area under the ROC curve; 0.5 is chance).
    """
    data = rows("e2e-noise")
    examples = [Example(id=r["id"], input=r["input"], expected=r["expected"]) for r in data]
    material = Material(task_of("e2e-noise", "rouge_l", examples))
    ceiling = output_ceiling.check(material).ceiling
    assert ceiling is not None
    best, unlike, wrong = [], [], []
    for group in material.twins.equal:
        if len(group) > 2:
            like = np.array([[_likeness(examples[a], examples[b]) for b in group] for a in group])
            best.append(_left_out(like))
            own = (like.sum(axis=1) - 1.0) / (len(group) - 1)
            unlike += list(own.mean() - own)
            wrong += [data[i]["meta"]["is_noisy"] for i in group]
    return {
        "ceiling": ceiling.model_dump(),
        "best of the others": fmean(best),
        "groups of three or more": len(best),
        "wrong ones told by unlikeness (AUC)": float(roc_auc_score(wrong, unlike)),
    }


def _likeness(first: Example, second: Example) -> float:
    said = str(first.expected)
    return RougeL().compare(second, Answer(text=said, value=said)).value or 0.0


def _left_out(like: Any) -> float:
    """Mean score, over the texts, of the one most like the rest without it."""
    scores = []
    for out in range(len(like)):
        rest = [i for i in range(len(like)) if i != out]
        chosen = rest[int(like[np.ix_(rest, rest)].sum(axis=1).argmax())]
        scores.append(like[chosen, out])
    return fmean(scores)
