"""A small task in files, whose parts can be replaced one at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

LABELS = ["billing", "shipping", "returns"]


def toml(task: str = "", output: str = "", target: str = "score = 0.8", rest: str = "") -> str:
    """A `rung.toml` whose parts can be replaced one at a time."""
    task = task or 'instruction = "Route it."\nexamples = "examples.jsonl"'
    output = output or f"labels = {json.dumps(LABELS)}"
    return f"[task]\n{task}\n[output]\n{output}\n[target]\n{target}\n{rest}\n"


def rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Labelled rows that are not alike."""
    return [
        {"id": f"m{i}", "input": _sentence(i), "expected": LABELS[i % 3]}
        for i in range(start, start + count)
    ]


def _sentence(number: int) -> str:
    words = [
        "parcel",
        "invoice",
        "refund",
        "courier",
        "charge",
        "label",
        "damaged",
        "late",
        "twice",
        "wrong",
        "blue",
        "box",
    ]
    chosen = [words[(number * step + number // step) % len(words)] for step in (1, 3, 5, 7)]
    return f"{' '.join(chosen)} order {number * 7919 % 100_003} since day {number}"


def jsonl(data: list[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in data)


Folder = Callable[..., Path]
