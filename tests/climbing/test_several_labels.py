"""A task whose examples have several labels, or none, climbed without a language model."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

import rung
from rung.climbing.tools import ClimbOptions
from rung.models.fetch import model_folder

LABELS = {
    "billing": ("the invoice was charged twice", "please refund my card", "the amount is wrong"),
    "delivery": ("the parcel is late", "the courier went to the wrong door", "no tracking"),
    "damage": ("the screen is cracked", "it arrived broken", "a part is missing"),
}
NONE = ("thanks for the quick help", "just saying hello", "have a nice weekend")
TOML = """[task]
instruction = "Which subjects does the message have?"
examples = "examples.jsonl"
[output]
labels = ["billing", "delivery", "damage"]
multiple = true
[target]
metric = "sample_f1"
score = 0.6
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(
    model_folder("local/all-minilm-l6-v2") is None, reason="run `rung models fetch`"
)
def test_sets_of_labels_are_learnt_certified_and_asked(tmp_path: Path) -> None:
    draw, rows = random.Random(5), []
    for number in range(220):
        own = [label for label in LABELS if draw.random() < 0.45]
        said = [draw.choice(LABELS[label]) for label in own] or [draw.choice(NONE)]
        rows.append({"input": f"Order {number}: {' and '.join(said)}", "expected": own[::-1]})
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "examples.jsonl").write_text(text)
    (tmp_path / "rung.toml").write_text(TOML)
    result = rung.climb(tmp_path, ClimbOptions(only=("no-llm",), everything=True))
    assert result.verdict.status == "sufficient" and result.calls.made == 0
    assert len(result.candidates) == 3
    for row in result.candidates:
        assert row.test is not None and row.test.value is not None and row.test.value > 0.6
        assert 0 < row.test.details["exact_match"] <= row.test.value
        assert 0.6 < row.test.details["micro_f1"] <= 1
    winner = rung.open_winner(tmp_path)
    said = winner.ask("Order 7: the parcel is late").value
    assert said == ["delivery"]
    assert winner.ask("Order 8: just saying hello").value == []
