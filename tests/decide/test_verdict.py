from __future__ import annotations

import pytest

from rung.candidate import Candidate
from rung.decide.results import CandidateResult, Forecast, Measured
from rung.decide.verdict import decide
from rung.task.types import Target


@pytest.mark.parametrize(("value", "status"), [(0.962, "undecided"), (0.9, "insufficient")])
def test_a_dropped_candidate_that_scores_the_target_lacks_examples(value, status) -> None:
    candidate = Candidate(model="no-llm/linear")
    row = CandidateResult(
        key=candidate.key,
        technique="no-llm",
        model=candidate.model,
        candidate=candidate,
        state="drop",
        test=Measured(split="test", value=value, low=0.85, high=0.988, n=132, certified=0.897),
        forecast=Forecast(points=((264, 0.5),), ceiling=0.8),
    )
    verdict = decide([row], Target(metric="accuracy", score=0.95))
    assert verdict.status == status
    assert ("132 test examples can never certify 0.95" in verdict.next_step) == (value > 0.95)
