"""Shares net of placebo, their intervals, and what a rung could reach."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.candidate import Candidate, Context, Prompt, Shots, Weights
from rung.diagnose.causes import CAUSES, mendable
from rung.diagnose.records import Finding, ProbeResult
from rung.diagnose.shares import bounds, net_share, shares

CLOSED = Candidate(model="m")
SHOWN = Candidate(model="m", prompt=Prompt(shots=Shots(kind="nearest", k=5)))
READS = Candidate(model="m", context=Context(kind="retrieved", k=1))
TUNED = Candidate(model="m", weights=Weights(kind="lora"))
HYBRID = Candidate(model="m", context=Context(kind="retrieved", k=1), weights=Weights(kind="lora"))


def finding(name: str, cause: str = "missing_knowledge", score: float = 0.0, **more) -> Finding:
    return Finding(id=name, score=score, cause=cause, **more)


@given(st.integers(1, 200), st.data())
def test_a_share_lies_in_its_interval_and_within_one(n: int, data) -> None:
    alone = data.draw(st.integers(0, n))
    misled = data.draw(st.integers(0, n - alone))
    share, low, high = net_share(alone, misled, n, 0.95)
    assert 0 <= low <= share <= high <= 1
    assert share == max(0, (alone - misled) / n)


@pytest.mark.lengthy
@pytest.mark.parametrize(("flips", "chance"), [(0.5, 0.1), (0.2, 0.02), (0.8, 0.1), (0.05, 0.05)])
def test_intervals_cover_the_truth(flips: float, chance: float) -> None:
    rng = np.random.default_rng(1)
    draws = rng.multinomial(40, [flips, chance, 1 - flips - chance], 300)
    truth = max(0.0, flips - chance)
    seen = cache(lambda b, c: net_share(b, c, 40, 0.9)[1:])
    held = [low <= truth <= high for low, high in (seen(b, c) for b, c, _ in draws)]
    assert np.mean(held) >= 0.87


def test_what_flips_by_chance_has_no_share() -> None:
    share, low, high = net_share(6, 6, 40, 0.95)
    assert share == 0 and low == 0 and high < 0.2


def test_no_failures_have_no_share() -> None:
    assert shares([], [CLOSED], 0.95) == []
    with pytest.raises(ValueError, match="no failure was probed"):
        net_share(0, 0, 0, 0.95)


def test_placebo_flips_are_taken_off_the_cause_they_would_have_proven() -> None:
    chance = ProbeResult(probe="p", cause="wrong_behaviour", treated=False, placebo=True)
    found = [finding(f"a{i}", "wrong_behaviour") for i in range(6)]
    found += [finding(f"b{i}", "unexplained", probes=(chance,)) for i in range(2)]
    rows = {row.cause: row for row in shares(found, [SHOWN], 0.95)}
    assert rows["wrong_behaviour"].count == 6 and rows["wrong_behaviour"].share == 0.5
    assert list(rows) == ["wrong_behaviour", "unexplained"]


def test_who_could_mend_what() -> None:
    assert "missing_knowledge" not in mendable(SHOWN) | mendable(TUNED) | mendable(CLOSED)
    assert {"missing_knowledge", "retrieval_miss"} <= mendable(READS)
    assert "wrong_behaviour" in mendable(SHOWN) & mendable(TUNED) & mendable(HYBRID)
    assert "wrong_format" not in mendable(READS) | mendable(CLOSED)
    assert all("label_suspect" not in mendable(c) for c in (CLOSED, READS, TUNED, HYBRID))
    assert mendable(HYBRID) == frozenset(CAUSES) - {"label_suspect", "unread"}


def test_bounds_count_only_what_is_proven_and_out_of_reach() -> None:
    found = [finding(f"k{i}") for i in range(20)] + [finding("u", "unexplained")]
    by_key = {b.candidate: b for b in bounds(found, 40, [TUNED, READS], 0.8)}
    tuned, reads = by_key[TUNED.key], by_key[READS.key]
    assert tuned.most == 0.5 and 0.5 < tuned.high < 0.8
    assert tuned.text == (
        "fine-tuning could reach at most 0.50, 0.8 is wanted: it cannot get there "
        "(20 of 40 dev examples: missing knowledge)"
    )
    assert reads.most == reads.high == 1.0


def test_partial_credit_is_kept_in_a_bound() -> None:
    found = [finding(f"k{i}", score=0.4) for i in range(20)]
    assert bounds(found, 40, [TUNED], 0.8)[0].most == pytest.approx(0.7)


def test_both_axes_missing_is_out_of_reach_of_either_alone() -> None:
    found = [finding(f"k{i}", also=("wrong_behaviour",)) for i in range(10)]
    most = {b.candidate: b.most for b in bounds(found, 10, [TUNED, READS, HYBRID], 0.8)}
    assert most == {TUNED.key: 0.0, READS.key: 0.0, HYBRID.key: 1.0}
