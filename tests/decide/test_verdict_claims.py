"""What a verdict claims, against the figures that it was made of: whatever the rows are."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from test_verdict import row, score

from rung.decide.verdict import decide, no_dearer, standing_of, within_limits
from rung.records.results import CandidateResult, Forecast
from rung.report.reasons import reason_text
from rung.task.types import Target

TARGET = Target(metric="accuracy", score=0.8, max_latency_p95_s=1.0, max_cost_per_request="0.01")
UNIT = st.floats(0.0, 1.0)
AHEADS = st.builds(
    Forecast,
    points=st.sampled_from([(), ((200, 0.4),)]),
    ceiling=UNIT,
    must_see=st.sampled_from([None, 88]),
    alpha=st.just(0.01),
    more=st.sampled_from([None, 1, 80]),
    counts=st.booleans(),
)


@st.composite
def rows(draw: Any) -> list[CandidateResult]:
    made = []
    for n in range(draw(st.integers(0, 5))):
        state = draw(
            st.sampled_from(["pass", "drop", "hopeless", "undecided", "skipped", "incomplete"])
        )
        low, value, high = sorted(draw(st.tuples(UNIT, UNIT, UNIT)))
        seen: dict[str, Any] = {"dev": score("dev", value, low=low, high=high)}
        if state in ("pass", "drop", "undecided") and draw(
            st.booleans() | st.just(state == "pass")
        ):
            seen["test"] = score(value=value, low=low, high=high)
        if state in ("skipped", "incomplete") and draw(st.booleans()):
            seen = {}
        late = draw(st.sampled_from([None, (0.5, 0.3, 0.9), (0.5, 0.3, None), (1.5, 1.2, 2.0)]))
        if state == "pass" and late is not None:
            seen |= dict(
                zip(("latency_p95_s", "latency_low_s", "latency_high_s"), late, strict=True)
            )
        money = {
            "monthly_usd": draw(st.floats(1.0, 500.0)),
            "cost_per_request_usd": draw(st.sampled_from([0.001, 0.02])),
        }
        open_ = {"chance": draw(st.none() | UNIT), "forecast": draw(st.none() | AHEADS)}
        made.append(row(f"k{n}", state, **seen, **money, **open_))
    return made


@given(rows(), st.integers(0, 50), st.sampled_from([None, "talk"]))
def test_nothing_is_claimed_that_the_figures_do_not_show(
    ladder: list[CandidateResult], unused: int, unit: str | None
) -> None:
    verdict = decide(ladder, TARGET, unused=unused)
    reasons = (*verdict.reasons, verdict.next_step)
    said = [(r, reason_text(r, unit)) for r in reasons]
    by_key = {r.key: r for r in ladder}
    passed = [r for r in ladder if r.state == "pass"]
    kept = [r for r in passed if within_limits(r, TARGET) is None]
    standing = {r.key: standing_of(r, TARGET.score) for r in ladder}
    assert verdict.choice is None or by_key[verdict.choice] in kept
    if verdict.choice is not None:  # whoever is as fast is at most as cheap
        mine = by_key[verdict.choice].monthly_usd or 0.0
        sure = [r for r in kept if r.latency_p95_s is None or (r.latency_high_s or 9) <= 1]
        assert all(no_dearer(mine, r.monthly_usd or 0.0) for r in sure)
    if verdict.status == "insufficient":
        assert "open" not in standing.values()
        assert not any(r.state == "incomplete" for r in ladder)
    for reason, text in said:
        assert "None" not in text and ": ;" not in text and "{" not in text
        if "shown to be below" in text and reason.candidate in by_key and reason.kind == "below":
            found = by_key[reason.candidate].score
            assert found is not None and (found.high or 0.0) < TARGET.score
        if text.startswith("Everything tried is shown to be below"):
            measured = [r for r in ladder if r.score is not None]
            assert not passed and all((r.score.high or 0.0) < TARGET.score for r in measured)  # type: ignore[union-attr]
        if "100,000" in text:
            ahead = by_key[str(reason.candidate)].forecast
            assert ahead is not None and ahead.points and ahead.more is None
        if "right certify" in text or "can never certify" in text:
            ahead = by_key[str(reason.candidate)].forecast
            assert ahead is not None and ahead.counts
        if unit is not None and reason.kind in ("open", "below", "unlikely", "more-examples"):
            assert "dev examples" not in text and "more examples" not in text
    if unused and verdict.next_step.kind == "more-examples":
        assert "lie unused" in said[-1][1]
