from __future__ import annotations

import pytest

from rung.candidate import Candidate, Weights
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


@pytest.mark.parametrize(("dearer", "said"), [
    (0.995, "passes too, at the same cost within 1%, on a higher rung."),
    (1.2, "passes too, at a higher cost."),
])  # fmt: skip
def test_the_lower_of_two_rungs_that_cost_the_same_wins_and_the_other_is_not_called_dearer(
    dearer, said
) -> None:
    rows = [
        CandidateResult(
            key=name, technique="prompting", model=name, candidate=Candidate(model=f"local/{name}"),
            state="pass", cost_per_request_usd=cost, monthly_usd=100 * cost,
            test=Measured(split="test", value=0.9, low=0.8, high=1.0, n=99, certified=0.8),
        )
        for name, cost in (("low", 1.0), ("high", dearer))
    ]  # fmt: skip
    verdict = decide(rows, Target(metric="accuracy", score=0.8))
    assert verdict.choice == "low" and f"high: {said}" in verdict.reasons


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([3.5, 0.4, 0.2, 0.15], "still fell by 25% in the last epoch: more than [climb] epochs"),
        ([3.5, 0.4, 0.2, 0.198], None),  # at rest
        ([3.5, 0.4, 0.2, 0.21], None),  # risen again
        ([3.5, 0.4, 0.2], None),  # ended early
        ([], None),  # a provider tells no losses
    ],
)
def test_too_little_training_does_not_read_like_a_technique_that_fails(losses, said) -> None:
    candidate = Candidate(model="local/x", weights=Weights(kind="lora"))
    row = CandidateResult(
        key=candidate.key,
        technique="fine-tuning",
        model=candidate.model,
        candidate=candidate,
        state="hopeless",
        dev=Measured(split="dev", value=0.3, low=0.2, high=0.4, n=40),
        training={"dev_losses": losses},
    )
    verdict = decide([row], Target(metric="accuracy", score=0.9))
    assert said is None or said in verdict.reasons[0]
    assert ("still fell" in verdict.reasons[0]) == (said is not None)
    assert ("more [climb] epochs" in verdict.next_step) == (said is not None)


def test_a_ladder_that_could_not_be_run_asks_for_no_examples() -> None:
    candidate = Candidate(model="http://localhost:8000/v1#m")
    row = CandidateResult(
        key=candidate.key,
        technique="prompting",
        model=candidate.model,
        candidate=candidate,
        state="skipped",
        reason="the model has no known price",
    )
    verdict = decide([row], Target(metric="accuracy", score=0.9))
    assert verdict.status == "undecided"
    assert verdict.next_step == "Nothing could be run: mend what is said above, then climb again."
