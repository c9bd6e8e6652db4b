"""Answers that contradict their input: e2e-noise, whose wrong pairs are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from audit_parts.data import rows
from rung.audit.facts import contradictions


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
