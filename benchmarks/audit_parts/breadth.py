"""Single sets and mixtures of them: how many tasks each behaves like."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np

from audit_parts.data import Embeddings, rows
from rung.audit.checks.breadth import SEVERAL, effective_tasks
from rung.audit.material import EMBEDDED_CHARS

SETS = (
    "e2e-nlg",
    "e2e-noise",
    "tldr-style",
    "tldr-cli",
    "wiki-docs-qa",
    "wikisql-mini",
    "wnut17-ner",
    "usaddress-json",
    "snips-slots",
    "defog-sql",
    "handbook-desk",
    "policy-answers",
    "case-notes",
)
EACH, MIXTURES, SEED = 150, 30, 11


def measure(embeddings: Embeddings) -> dict[str, Any]:
    """The figure of every single set (the largest of five draws), and of mixtures of 2, 3 and 4."""
    sets = {name: _load(name, embeddings) for name in SETS}
    single = {
        name: max(effective_tasks(*own, seed=seed) for seed in range(5))
        for name, own in sets.items()
    }
    draw = random.Random(SEED)
    mixed: dict[str, Any] = {}
    for size in (2, 3, 4):
        figures = []
        for _ in range(MIXTURES):
            chosen = draw.sample(sorted(sets), size)
            figures.append(_mixture([sets[name] for name in chosen]))
        mixed[str(size)] = {
            "median": float(np.median(figures)),
            "flagged": sum(f >= SEVERAL for f in figures),
            "of": MIXTURES,
        }
    return {"threshold": SEVERAL, "seed": SEED, "single": single, "mixtures_of": mixed}


def _load(name: str, embeddings: Embeddings) -> tuple[list[str], list[str], Any]:
    data = rows(name)
    inputs = [row["input"] for row in data]
    answers = [e if isinstance(e := row["expected"], str) else json.dumps(e) for row in data]
    return inputs, answers, embeddings.of([text[:EMBEDDED_CHARS] for text in inputs])


def _mixture(parts: list[tuple[list[str], list[str], Any]]) -> float:
    inputs = [text for part in parts for text in part[0][:EACH]]
    answers = [text for part in parts for text in part[1][:EACH]]
    vectors = np.concatenate([part[2][:EACH] for part in parts])
    return effective_tasks(inputs, answers, vectors, seed=0)
