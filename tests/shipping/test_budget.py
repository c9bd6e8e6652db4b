"""A promotion spends the error of the examples it is tested on, beside what climbs spent of it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rung
from rung.cli.ship import _promotion
from rung.climbing.ledger import LEDGER_FILE, TestLedger
from rung.errors import UserError
from rung.evidence import paired_comparison
from rung.evidence.ledger import DEV, SMALLEST_ALPHA
from rung.loop.shipping.budget import WEIGHT, Share, draw
from rung.loop.shipping.promote import promote
from rung.task.types import Example, Task

from .test_shipping import code, folder, put, two_winners

__all__ = ["folder"]  # the fixture

ALPHA = 0.05


def uses(root: Path) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = json.loads((root / LEDGER_FILE).read_text())["uses"]
    return [use for use in kept if use["key"] != DEV]


def spent(root: Path) -> float:
    return sum(use["alpha"] for use in uses(root))


def fresh(numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Examples that stand nowhere in the task."""
    return [{"input": f"Fresh code of part {i} ?", "expected": code(i)} for i in numbers]


def test_a_promotion_draws_from_the_ledger_of_the_test_split(folder: Path) -> None:
    opts = two_winners(folder, 50, 90)
    left = 0.2 * 0.2 * ALPHA
    assert spent(folder) == pytest.approx(ALPHA - left)
    tried = promote(folder, opts, dry_run=True)
    assert tried.alpha == pytest.approx(WEIGHT * left) and tried.alpha_of == "test split"
    assert tried.alpha == uses(folder)[-1]["alpha"] and len(uses(folder)) == 3
    assert tried.confidence == pytest.approx(1 - tried.alpha)
    assert tried.alpha_total == pytest.approx(ALPHA)
    assert tried.alpha_left == pytest.approx(ALPHA - spent(folder))
    # The same comparison again is no other test, so a swap after a dry run spends nothing more.
    before = uses(folder)
    done = promote(folder, opts)
    assert done.alpha == tried.alpha and uses(folder) == before
    why = json.loads((folder / ".rung/promotions.jsonl").read_text().splitlines()[-1])["why"]
    assert why["alpha"] == done.alpha and why["alpha_of"] == "test split"


def test_a_used_up_split_refuses_before_a_call_and_fresh_examples_do_not(folder: Path) -> None:
    opts = two_winners(folder, 50, 90)
    task = rung.load_task(folder)
    ledger = TestLedger(folder / ".rung", task, [])
    with pytest.raises(UserError):
        for number in range(99):
            ledger.alpha(f"candidate {number}", 0.5)
    asked = opts.models["http://localhost:1/v1#m"].calls  # type: ignore[attr-defined]
    says = rf"used {len(uses(folder))} times, its error of 0\.05 is spent.*--examples"
    with pytest.raises(UserError, match=says):
        promote(folder, opts)
    assert opts.models["http://localhost:1/v1#m"].calls == asked  # type: ignore[attr-defined]
    put(folder / "fresh.jsonl", fresh(range(500, 560)))
    done = promote(folder, opts, examples=folder / "fresh.jsonl")
    assert done.alpha_of == "given examples" and done.alpha == pytest.approx(WEIGHT * ALPHA)
    assert done.outcome == "better"


def test_examples_that_hold_a_test_example_draw_on_what_it_has_left(folder: Path) -> None:
    opts = two_winners(folder, 50, 90)
    task = rung.load_task(folder)
    rows = [{"input": e.input, "expected": e.expected} for e in reversed(task.test)]
    put(folder / "copy.jsonl", rows)
    put(folder / "longer.jsonl", [*rows[:3], *fresh(range(500, 530))])
    first = promote(folder, opts, dry_run=True)
    again = promote(folder, opts, examples=folder / "copy.jsonl", dry_run=True)
    assert (again.alpha_of, again.alpha) == ("test split", first.alpha)
    other = promote(folder, opts, examples=folder / "longer.jsonl", dry_run=True)
    assert other.alpha_of == "test split"
    assert other.alpha == pytest.approx((1 - WEIGHT) * (first.alpha or 0))


def test_the_command_says_which_share_it_used(folder: Path) -> None:
    done = promote(folder, two_winners(folder, 50, 90), dry_run=True)
    told = _promotion(done)
    assert " at 99.95 % (" in told
    assert "it took 0.0005 of the 0.05 that the test split may err; 0.0015 is left" in told
    assert "of which the next gets 0.00038" in told
    spent = done.model_copy(update={"alpha_next": None})
    assert "nothing is left: the next comparison needs fresh ones (--examples)" in _promotion(spent)


def small_task(test: int) -> Task:
    rows = [Example(id=f"e{i}", input=f"in {i}", expected="a") for i in range(test)]
    return Task.model_validate(
        {
            "name": "t",
            "instruction": "x",
            "output": {"kind": "labels", "labels": ["a", "b"]},
            "target": {"metric": "accuracy", "score": 0.5},
            "test": rows,
            "costs": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1},
            "models": {"try": ["http://localhost:1/v1#m"]},
        }
    )


def given_rows(name: int, size: int = 25) -> list[Example]:
    rows = [
        Example(id=f"g{name}-{i}", input=f"file {name} row {i}", expected="a") for i in range(size)
    ]
    return rows


USE = st.tuples(
    st.sampled_from(["climb", "promote", "half", "file"]), st.integers(0, 8), st.booleans()
)


@settings(max_examples=25, deadline=None)
@given(st.lists(USE, max_size=30))
def test_no_order_of_climbs_and_promotions_spends_more_than_alpha(
    asked: list[tuple[str, int, bool]],
) -> None:
    """Whatever is asked in whatever order: no example spends more than its alpha, and the same
    comparison spends once."""
    task, seen = small_task(30), dict[tuple[str, int], float | None]()
    places = {
        "climb": list(task.test),
        "promote": list(task.test),
        "half": [*task.test[:15], *given_rows(10)],
        "file": given_rows(25),
    }
    with tempfile.TemporaryDirectory() as work:
        for what, number, deleted in asked:
            if deleted:
                shutil.rmtree(Path(work) / ".rung", ignore_errors=True)
            got = used(task.model_copy(update={"root": Path(work)}), what, number, places[what])
            assert (what, number) not in seen or seen[what, number] in (None, got)
            assert got is None or got >= SMALLEST_ALPHA
            seen[what, number] = got
    for row in {e.id for rows in places.values() for e in rows}:
        mine = [a for (w, _), a in seen.items() if a and row in {e.id for e in places[w]}]
        assert sum(mine) <= ALPHA + 1e-9


def used(task: Task, what: str, number: int, rows: Sequence[Example]) -> float | None:
    """The alpha of one use; None where the examples are used up."""
    folder, pair = (task.root or Path()) / ".rung", (f"{number:x}" * 64, "f" * 64)
    try:
        if what == "climb":
            return TestLedger(folder, task, [f"c{n}" for n in range(3)]).alpha(f"c{number}")
        share: Share = draw(task, folder, pair, rows)
        return share.alpha
    except UserError as error:
        assert "is spent" in str(error) or "is used up" in str(error)
        return None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(20, 150), st.floats(0.001, 0.5))
def test_a_smaller_share_never_narrows_the_interval(seed: int, n: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    ours, theirs = rng.integers(0, 2, n).astype(float), rng.integers(0, 2, n).astype(float)
    wide = paired_comparison(ours, theirs, confidence=1 - alpha / 3)
    narrow = paired_comparison(ours, theirs, confidence=1 - alpha)
    assert wide.low <= narrow.low + 1e-6 and narrow.high <= wide.high + 1e-6
