"""Wrong labels: known ones, and ones put into clean sets; beside cleanlab used alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from audit_parts.data import Embeddings, rows
from rung.audit import noise
from rung.audit.material import EMBEDDED_CHARS

RATES = (0.02, 0.05, 0.10)
SEEDS = (1, 2, 3, 4, 5)
CLEAN = ("snips-intent", "banking12", "ticket-routing")
INTENTS = 12


def measure(embeddings: Embeddings) -> list[dict[str, Any]]:
    """One row for each set, rate and seed."""
    found = [_known(embeddings)]
    for name in CLEAN:
        texts, labels = _clean(name)
        vectors = embeddings.of(texts)
        for rate in RATES:
            for seed in SEEDS:
                changed, wrong = _inject(labels, rate, seed)
                found.append(
                    {"set": name, "rate": rate, "seed": seed, **_judge(vectors, changed, wrong)}
                )
    return found


def untouched(embeddings: Embeddings) -> list[dict[str, Any]]:
    """What is suspect in the clean sets as they are."""
    found = []
    for name in CLEAN:
        texts, labels = _clean(name)
        result = noise.find(embeddings.of(texts), labels, seed=0)
        assert result is not None
        sure = float(result.sure().mean())
        found.append(
            {"set": name, "n": len(texts), "suspect": int(result.suspect.sum()), "sure": sure}
        )
    return found


def summary(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over seeds, by set and rate; how often the stated ceiling covers the truth."""
    keys = list(dict.fromkeys((row["set"], row["rate"]) for row in found))
    lines = []
    for name, rate in keys:
        own = [row for row in found if (row["set"], row["rate"]) == (name, rate)]
        numbers = [key for key, value in own[0].items() if isinstance(value, float)]
        means = {k: round(float(np.mean([row[k] for row in own])), 3) for k in numbers}
        covered = sum(row["covers"] for row in own)
        lines.append({"set": name, **means, "rate": rate, "covers": f"{covered}/{len(own)}"})
    return lines


def _known(embeddings: Embeddings) -> dict[str, Any]:
    data = rows("banking10-noisy")
    labels = np.array([row["expected"] for row in data])
    wrong = np.array([row["meta"]["is_noisy"] for row in data])
    vectors = embeddings.of([row["input"] for row in data])
    return {
        "set": "banking10-noisy",
        "rate": float(wrong.mean()),
        "seed": 0,
        **_judge(vectors, labels, wrong),
    }


def _clean(name: str) -> tuple[list[str], Any]:
    source = "banking77" if name == "banking12" else name
    data = rows(source) if name == "ticket-routing" else rows(source) + rows(source, "test")
    if name == "banking12":
        kept = set(sorted({row["expected"] for row in data})[:INTENTS])
        data = [row for row in data if row["expected"] in kept]
    texts = [row["input"][:EMBEDDED_CHARS] for row in data]
    return texts, np.array([row["expected"] for row in data])


def _inject(labels: Any, rate: float, seed: int) -> tuple[Any, Any]:
    """That share of the labels changed to another at random."""
    draw = np.random.default_rng(seed)
    names, y = np.unique(labels, return_inverse=True)
    chosen = draw.choice(len(y), round(rate * len(y)), replace=False)
    y = y.copy()
    y[chosen] = (y[chosen] + draw.integers(1, len(names), len(chosen))) % len(names)
    wrong = np.zeros(len(y), dtype=bool)
    wrong[chosen] = True
    return names[y], wrong


def _judge(vectors: Any, labels: Any, wrong: Any) -> dict[str, Any]:
    result = noise.find(vectors, labels, seed=0)
    assert result is not None
    order = result.order()
    share, low, high, _ = result.share(np.ones(len(labels), dtype=bool))
    truth = float(wrong.mean())
    size = len(order)
    return {
        "truth": truth,
        "accuracy": result.accuracy,
        "listed": float(size),
        "precision": _share(wrong[order]),
        "recall": float(wrong[order].sum() / wrong.sum()),
        **_rival(vectors, labels, wrong, size),
        "ceiling": 1 - share,
        "ceiling_low": 1 - high,
        "ceiling_high": 1 - low,
        "covers": 1 - high <= 1 - truth <= 1 - low,
    }


def _rival(vectors: Any, labels: Any, wrong: Any, size: int) -> dict[str, float]:
    """Cleanlab at the length of our list, and at its own; nothing where it is not installed."""
    try:
        listed, ranked = _cleanlab(vectors, labels)
    except ModuleNotFoundError:
        return {}
    return {
        "cleanlab_precision_there": _share(wrong[ranked[:size]]),
        "cleanlab_recall_there": float(wrong[ranked[:size]].sum() / wrong.sum()),
        "cleanlab_listed": float(listed.sum()),
        "cleanlab_precision": _share(wrong[listed]),
        "cleanlab_recall": float(wrong[listed].sum() / wrong.sum()),
    }


def _share(values: Any) -> float:
    return float(values.mean()) if len(values) else 1.0


def _cleanlab(vectors: Any, labels: Any) -> tuple[Any, Any]:
    """Its default list, and all examples in the order of its default ranking.

    On the out-of-sample probabilities of a plain logistic regression, 5 folds: as its own
    tutorials use it.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    _, y = np.unique(labels, return_inverse=True)
    head = LogisticRegression(max_iter=1000)
    likely = cross_val_predict(head, vectors, y, cv=5, method="predict_proba")
    return find_label_issues(y, likely), np.argsort(get_label_quality_scores(y, likely))
