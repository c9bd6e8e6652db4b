"""A promotion spends the error of the examples it is tested on, beside what climbs spent of it."""

from __future__ import annotations

import asyncio
import json
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
from rung.climbing import ClimbOptions
from rung.climbing.ledger import TestLedger
from rung.errors import UserError
from rung.evidence import paired_comparison
from rung.evidence.ledger import SMALLEST_ALPHA
from rung.shipping import promote
from rung.shipping.budget import Share, draw
from rung.task.types import Example, Task

from .test_shipping import PLAIN, code, folder, options, put, shares, two_winners

__all__ = ["folder"]  # the fixture

ALPHA = 0.05


def entries(root: Path) -> list[dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = json.loads((root / ".rung/ledger.json").read_text())
    return list(kept.values())


def fresh(numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Examples that stand nowhere in the task."""
    return [{"input": f"Fresh code of part {i} ?", "expected": code(i)} for i in numbers]


def test_a_promotion_draws_from_the_ledger_of_the_test_split(folder: Path) -> None:
    opts = two_winners(folder, 50, 90)
    (before,) = entries(folder)
    assert list(before["granted"].values()) == pytest.approx([0.8 * ALPHA, 0.2 * ALPHA / 2])
    tried = promote(folder, opts, dry_run=True)
    (after,) = entries(folder)
    assert tried.alpha == pytest.approx(0.2 * ALPHA / 6) and tried.alpha_of == "test split"
    assert tried.alpha == list(after["granted"].values())[-1] and len(after["granted"]) == 3
    assert tried.confidence == pytest.approx(1 - tried.alpha)
    assert tried.alpha_total == pytest.approx(ALPHA)
    assert tried.alpha_left == pytest.approx(ALPHA - sum(after["granted"].values()))
    # The same comparison again is no other test, so a swap after a dry run spends nothing more.
    done = promote(folder, opts)
    assert done.alpha == tried.alpha and entries(folder) == [after]
    why = json.loads((folder / ".rung/promotions.jsonl").read_text().splitlines()[-1])["why"]
    assert why["alpha"] == done.alpha and why["alpha_of"] == "test split"


def test_a_used_up_split_refuses_before_a_call_and_fresh_examples_do_not(folder: Path) -> None:
    opts = two_winners(folder, 50, 90)
    task = rung.load_task(folder)
    ledger = TestLedger(folder / ".rung/ledger.json", task, [])
    with pytest.raises(UserError):
        for number in range(99):
            ledger.alpha(f"candidate {number}")
    asked = opts.models["http://localhost:1/v1#m"].calls  # type: ignore[attr-defined]
    with pytest.raises(UserError, match=r"used 10 times, its error of 0\.05 is spent.*--examples"):
        promote(folder, opts)
    assert opts.models["http://localhost:1/v1#m"].calls == asked  # type: ignore[attr-defined]
    put(folder / "fresh.jsonl", fresh(range(500, 560)))
    done = promote(folder, opts, examples=folder / "fresh.jsonl")
    assert done.alpha_of == "given examples" and done.alpha == pytest.approx(0.8 * ALPHA)
    assert done.outcome == "better" and len(entries(folder)) == 2


def test_a_copy_of_the_test_split_is_the_test_split(folder: Path) -> None:
    opts = two_winners(folder, 50, 90)
    task = rung.load_task(folder)
    rows = [{"input": e.input, "expected": e.expected} for e in reversed(task.test)]
    put(folder / "copy.jsonl", rows)
    put(folder / "longer.jsonl", [*rows[:3], *fresh(range(500, 530))])
    first = promote(folder, opts, dry_run=True)
    for name in ("copy.jsonl", "longer.jsonl"):
        again = promote(folder, opts, examples=folder / name, dry_run=True)
        assert (again.alpha_of, again.alpha) == ("test split", first.alpha)
    assert len(entries(folder)) == 1


def test_the_first_use_of_a_test_split_leaves_the_climb_its_places(folder: Path) -> None:
    opts = two_winners(folder, 50, 90)
    (folder / ".rung/ledger.json").unlink()
    ladder = [PLAIN, PLAIN.model_copy(update={"embedder": "e"})]
    wide = options(shares(50, 90), *ladder)
    assert promote(folder, wide, dry_run=True).alpha == pytest.approx(0.8 * ALPHA / 3)
    (entry,) = entries(folder)
    assert entry["planned"] == 3
    assert promote(folder, opts, dry_run=True).alpha == pytest.approx(0.8 * ALPHA / 3)


def test_the_command_says_which_share_it_used(folder: Path) -> None:
    done = promote(folder, two_winners(folder, 50, 90), dry_run=True)
    told = _promotion(done)
    assert " at 99.83 % (" in told
    assert "it took 0.0017 of the 0.05 that the test split may err; 0.0033 is left" in told
    assert "of which the next gets 0.00083" in told
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
    rows = [Example(id=f"g{i}", input=f"file {name} row {i}", expected="a") for i in range(size)]
    return rows


USE = st.one_of(
    st.tuples(st.just("climb"), st.integers(0, 8)),
    st.tuples(st.just("promote"), st.integers(0, 8)),
    st.tuples(st.sampled_from(["file 1", "file 2"]), st.integers(0, 8)),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(USE, max_size=40))
def test_no_order_of_climbs_and_promotions_spends_more_than_alpha(
    uses: list[tuple[str, int]],
) -> None:
    """Whatever is asked in whatever order: each set of examples grants its alpha at most, the same
    comparison spends once, and no set pays for another."""
    task, seen = small_task(30), dict[tuple[str, int], float | None]()
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "ledger.json"
        opts = ClimbOptions(folder=Path(work), candidates=(PLAIN,))
        for use in uses:
            got = used(task, opts, path, *use)
            assert use not in seen or seen[use] == got
            assert got is None or got >= SMALLEST_ALPHA
            seen[use] = got
        for names in (("climb", "promote"), ("file 1",), ("file 2",)):
            granted = [a for (name, _), a in seen.items() if name in names and a is not None]
            assert sum(granted) <= ALPHA + 1e-12
            if granted and names != ("climb", "promote"):
                assert max(granted) == pytest.approx(0.8 * ALPHA)
        kept = json.loads(path.read_text()).values() if path.exists() else []
        assert all(sum(split["granted"].values()) <= ALPHA + 1e-12 for split in kept)


def used(task: Task, opts: ClimbOptions, path: Path, what: str, number: int) -> float | None:
    """The alpha of one use; None where the examples are used up."""
    pair = (f"{number:x}" * 64, "f" * 64)
    try:
        if what == "climb":
            return TestLedger(path, task, [f"c{n}" for n in range(3)]).alpha(f"c{number}")
        rows = list(task.test) if what == "promote" else given_rows(int(what[-1]))
        share: Share = asyncio.run(draw(task, opts, path.parent, pair, rows))
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


def test_what_a_bootstrap_cannot_resolve_is_bet_on() -> None:
    rng = np.random.default_rng(3)
    ours, theirs = rng.random(300), rng.random(300)
    assert "bca" in paired_comparison(ours, theirs, confidence=0.95).method
    late = paired_comparison(ours, theirs, confidence=1 - 0.001)
    early = paired_comparison(ours, theirs, confidence=0.95)
    assert late.method == "betting + betting"
    assert late.low < early.low and late.high > early.high
