"""Two candidates that agree against changed answers: are those listed, and is their share covered?

JSON: taggers that learn from the train file. Labels, where candidates are stronger: a linear head
and the nearest neighbours on embeddings. Free text has no such candidate without a chat model.
"""

from __future__ import annotations

import json
import random
from statistics import fmean
from typing import Any

from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from audit_parts.data import Embeddings, rows
from audit_parts.outputs import JSON_SETS, RATES, SEEDS, examples_of, inject, listing, task_of
from audit_parts.taggers import Tagger, linear, nearest
from rung.audit import Material
from rung.audit.checks import agreement
from rung.diagnose.witnesses import Witness
from rung.records import Answer, Attempt
from rung.scorers import ComparingScorer, scorer_for
from rung.task.types import Example, JsonValue, LabelsOutput, Source, Task

LABEL_SETS = ("snips-intent", "banking77")

Said = dict[str, list[JsonValue]]
"""Answers to the test rows, by technique."""


def measure(embeddings: Embeddings) -> list[dict[str, Any]]:
    """One row for each set, rate and seed."""
    found = []
    for name in JSON_SETS:
        train, test = examples_of(name, "train"), examples_of(name)
        models = {"linear": linear(), "nearest": nearest()}
        fitted = {kind: Tagger(model).fit(train) for kind, model in models.items()}
        said = {kind: [m.answer(str(e.input)) for e in test] for kind, m in fitted.items()}
        found += _rates(task_of(name, "field_f1", test), said)
    for name in LABEL_SETS:
        found += _rates(*_labels(name, embeddings))
    return found


def _labels(name: str, embeddings: Embeddings) -> tuple[Task, Said]:
    train, test = rows(name), examples_of(name)
    x = embeddings.of([row["input"] for row in train])
    unseen = embeddings.of([str(e.input) for e in test])
    y = [row["expected"] for row in train]
    models = {"linear": LogisticRegression(C=3.0, max_iter=300), "nearest": KNeighborsClassifier(5)}
    said: Said = {
        kind: [str(label) for label in model.fit(x, y).predict(unseen)]
        for kind, model in models.items()
    }
    names = tuple(sorted({*y, *(str(e.expected) for e in test)}))
    task = task_of(name, "accuracy", test)
    return task.model_copy(update={"output": LabelsOutput(labels=names)}), said


def _rates(task: Task, said: Said) -> list[dict[str, Any]]:
    found = []
    for rate in RATES:
        for seed in SEEDS if rate else SEEDS[:1]:
            draw = random.Random(f"{task.name}:{rate}:{seed}")
            noisy, wrong = inject(list(task.test), rate, draw)
            head = {"set": task.name, "rate": rate, "seed": seed}
            found.append({**head, **_heard(task, noisy, wrong, said)})
    return found


def _heard(task: Task, noisy: list[Example], wrong: set[str], said: Said) -> dict[str, Any]:
    given = tuple(noisy)
    changed = task.model_copy(update={"test": given, "source": Source(examples={"test": given})})
    witnesses = [_witness(changed, kind, answers) for kind, answers in said.items()]
    material = Material(changed, witnesses=witnesses)
    found = agreement.heard(material)
    scores = {
        f"score of {w.technique}": fmean(a.score or 0.0 for a in w.attempts.values())
        for w in witnesses
    }
    if isinstance(found, str):
        return {**scores, "covers": True, "refused": found}
    listed = tuple(material.ids[doubt.row] for doubt in found.doubts)
    low, most, high = found.noise()
    true = len(wrong) / len(noisy)
    return {
        **scores,
        "judged": float(found.judged),
        "agree": float(found.decided),
        "mistakes alone": float(found.unshared),
        "placebo": float(len(listed) - found.alone + found.placebo_alone),
        **listing(listed, wrong, set()),
        "noise": true,
        "low": low,
        "most": most,
        "high": high,
        "covers": low <= true <= high,
    }


def _witness(task: Task, kind: str, answers: list[JsonValue]) -> Witness:
    scorer = scorer_for(task)
    assert isinstance(scorer, ComparingScorer)
    attempts = {}
    for example, value in zip(task.test, answers, strict=True):
        text = value if isinstance(value, str) else json.dumps(value)
        answer = Answer(text=text, value=value)
        score = scorer.compare(example, answer).value
        attempts[example.id] = Attempt(
            candidate=kind, split="test", example_id=example.id, answer=answer, score=score
        )
    return Witness(kind, kind, attempts)
