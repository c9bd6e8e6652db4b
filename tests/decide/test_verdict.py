"""Every sentence that a verdict can say: figures that make it true, and ones that make it false."""

from __future__ import annotations

import typing
from typing import Any

import pytest

from rung.candidate import Candidate, Weights
from rung.decide.verdict import decide, standing_of
from rung.records.results import CandidateResult, Forecast, Kind, Measured, Reason, Verdict
from rung.report.reasons import WORDS, reason_text
from rung.task.types import Target

TARGET = Target(metric="accuracy", score=0.8)
TIMED = Target(metric="accuracy", score=0.8, max_latency_p95_s=1.0)


def score(split: Any = "test", value: float | None = 0.9, **how: Any) -> Measured:
    plain = {"low": 0.85, "high": 0.95, "n": 100, "certified": 0.82 if split == "test" else None}
    return Measured(split=split, value=value, **{**plain, **how})


def row(key: str, state: Any, **how: Any) -> CandidateResult:
    plain: dict[str, Any] = {"candidate": Candidate(model=f"local/{key}"), "model": key}
    return CandidateResult(key=key, technique="prompting", state=state, **{**plain, **how})


def passed(key: str = "pick", **how: Any) -> CandidateResult:
    plain = {"test": score(), "cost_per_request_usd": 0.01, "monthly_usd": 100.0}
    return row(key, "pass", **{**plain, **how})


def left(key: str = "left", state: Any = "drop", **how: Any) -> CandidateResult:
    plain = {"test": score(value=0.78, low=0.7, high=0.86, certified=0.7), "chance": 0.3}
    return row(key, state, **{**plain, **how})


AHEAD = Forecast(points=((200, 0.4),), ceiling=0.73, must_see=88, alpha=0.01, more=80)
NEVER = Forecast(points=((200, 0.4),), ceiling=0.7, must_see=None, alpha=0.01, more=None)
FELL = {"dev_losses": [3.5, 0.4, 0.2, 0.15]}


def kinds(verdict: Verdict) -> list[str]:
    return [r.kind for r in (*verdict.reasons, verdict.next_step)]


def lora(key: str, **how: Any) -> CandidateResult:
    return left(key, candidate=Candidate(model="local/x", weights=Weights(kind="lora")), **how)


CASES: dict[str, tuple[Any, Any]] = {
    "reaches": ([passed()], [left()]),
    "fell-back": (
        [
            passed(
                candidate=Candidate(model="local/a", fallback="local/b"),
                test=score(details={"fell_back": 0.25}),
            )
        ],
        [passed()],
    ),
    "times-dearer": (
        [passed(), left(cost_per_request_usd=0.05)],
        [passed(), left(cost_per_request_usd=0.005)],
    ),
    "not-tried": ([passed(), row("later", "planned")], [passed(), left("later")]),
    "passes-too": ([passed(), passed("dear", monthly_usd=200.0)], [passed(), left("dear")]),
    "below": (
        [left(test=score(value=0.6, high=0.79))],
        [left(test=score(value=0.6, high=0.81), chance=0.01)],
    ),
    "open": ([left(chance=0.05)], [left(chance=0.049)]),
    "unlikely": ([left(chance=0.049)], [left(chance=0.05)]),
    "may-suffice": (
        [passed(), left(monthly_usd=20.0)],
        [passed(), left(monthly_usd=120.0)],
    ),
    "unsettled": ([row("off", "skipped", reason="no key")], [left()]),
    "nothing-tried": ([], [left()]),
    "serve": ([passed()], [left()]),
    "unanswered": ([row("off", "incomplete")], [left()]),
    "mend": ([row("off", "skipped")], [left(chance=0.01)]),
    "nothing-tested": ([row("used-up", "undecided")], [left(forecast=AHEAD)]),
    "more-examples": ([left(forecast=AHEAD)], [left(chance=0.01, forecast=AHEAD)]),
    "beyond": ([left(chance=0.01)], [left(chance=0.5)]),
    "no-scores": (
        [row("off", "skipped"), row("mute", "drop")],
        [row("off", "skipped"), left(chance=0.01)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_every_sentence_is_said_where_it_is_true_and_nowhere_else(kind: str) -> None:
    true, false = CASES[kind]
    assert kind in kinds(decide(true, TARGET))
    assert kind not in kinds(decide(false, TARGET))


def test_every_sentence_has_its_case_and_its_words() -> None:
    assert set(typing.get_args(Kind)) == set(WORDS)
    assert set(WORDS) - set(CASES) == {
        "time-again",
        "limits",
        "said",
    }  # they have tests of their own


def says(kind: str, rows: list[CandidateResult], target: Target = TARGET, **how: Any) -> str:
    verdict = decide(rows, target, **how)
    reasons = (*verdict.reasons, verdict.next_step)
    return reason_text(next(r for r in reasons if r.kind == kind))


def test_three_sentences_of_who_was_left_are_never_mixed() -> None:
    """Below only where the interval ends below; open where it may suffice; else not worth it."""
    near = left(test=score(value=0.88, low=0.8, high=0.93), chance=0.7)
    assert standing_of(near, 0.86) == "open"
    few = left(state="drop", test=score(value=0.714, n=21, low=0.48, high=0.89), chance=0.04)
    assert standing_of(few, 0.85) == "unlikely"
    assert standing_of(left(test=score(value=0.5, high=0.6)), 0.85) == "below"
    target = Target(metric="accuracy", score=0.85)
    assert "not worth more calls, 0.714 on 21 test" in says("unlikely", [few], target)
    assert "interval 0.480 to 0.890; chance 4% that it is good" in says("unlikely", [few], target)
    verdict = decide([near], Target(metric="accuracy", score=0.86))
    assert verdict.status == "undecided"
    said = says("open", [near.model_copy(update={"forecast": AHEAD})])
    assert "chance 73% that it is good enough, and 80 more examples would probably tell" in said
    assert "no number of examples up to 100,000" in says("open", [left(forecast=NEVER)])


def test_how_many_examples_would_tell_is_said_only_where_it_is_known() -> None:
    """Without a forecast (dev alone was scored) or without error left, nobody looked."""
    assert "100,000" in says("open", [left(forecast=NEVER)])
    for ahead in (None, Forecast(points=(), ceiling=0.5, alpha=0.0)):
        unknown = left(monthly_usd=20.0, forecast=ahead)
        assert "that it is good enough." in says("open", [unknown])
        said = says("may-suffice", [passed(), unknown])
        assert "would tell is not known, though it would save $80 a month" in said
        assert "100,000" not in said + says("open", [unknown])


def test_groups_are_not_called_examples_and_no_number_of_right_ones_is_said_of_graded_scores() -> (
    None
):
    dear = [passed(), left(monthly_usd=20.0, forecast=AHEAD)]
    graded = left(forecast=AHEAD.model_copy(update={"counts": False}))
    for rows in ([graded], [left(forecast=NEVER)], [left()], dear):
        verdict = decide(rows, TARGET)
        reasons = (*verdict.reasons, verdict.next_step)
        said = " ".join(reason_text(r, "meta.talk") for r in reasons if r.kind != "times-dearer")
        assert "groups" in said and "more examples" not in said and "100 test examples" not in said
    said = says("more-examples", [graded])
    assert said.startswith("Cannot tell on 100 test examples. Chance that left is certified")
    assert "must" not in said and " right certify" not in said


@pytest.mark.parametrize("state", ["drop", "hopeless", "undecided"])
def test_a_standing_follows_from_the_scores_whatever_the_state(state) -> None:
    assert standing_of(left(state=state, test=score(value=0.5, high=0.6)), 0.8) == "below"
    assert standing_of(left(state=state, chance=0.5), 0.8) == "open"
    assert standing_of(left(state=state, chance=0.02), 0.8) == "unlikely"
    assert standing_of(row("none", state), 0.8) is None
    assert standing_of(passed(), 0.8) is None


@pytest.mark.parametrize(
    ("rows", "known"),
    [
        ([left(test=score(value=0.6, high=0.7))], "Everything tried is shown to be below 0.8"),
        ([left(chance=0.02)], "Nothing tried is likely to reach 0.8"),
        (
            [left(test=score(value=0.6, high=0.7)), left("b", chance=0.02)],
            "Nothing tried is likely to reach 0.8",
        ),
        (  # scored on dev, then it could not be tested
            [left(test=score(value=0.6, high=0.7)), row("b", "skipped", dev=score("dev", 0.75))],
            "Nothing tried is likely to reach 0.8",
        ),
    ],
)
def test_nothing_tried_reaches_it_is_said_only_where_all_is_shown(rows, known) -> None:
    verdict = decide(rows, TARGET)
    assert verdict.status == "insufficient"
    assert reason_text(verdict.next_step).startswith(known)


def test_what_was_tried_at_plain_settings_only_is_said_to_be_so() -> None:
    rows = [left("a", chance=0.01), left("b", chance=0.01), row("c", "skipped")]
    for plain, said in (((), ""), (("a", "c"), "One of these was"), (("a", "b"), "2 of these")):
        text = says("beyond", rows, plain=plain)
        assert ("tried at plain settings only" in text) == bool(plain)
        assert said in text and ('effort = "serious"' in text) == bool(plain)


def test_a_cheaper_one_that_may_suffice_is_said_with_its_money() -> None:
    cheap = left("rag", monthly_usd=20.0, forecast=AHEAD)
    rows = [passed(monthly_usd=330.0), cheap]
    assert says("may-suffice", rows) == (
        "rag may be enough too (chance 73%): 80 more examples would tell, and save $310 a month."
    )
    assert kinds(decide(rows, TARGET)).count("open") == 0  # once is enough
    never = [rows[0], cheap.model_copy(update={"forecast": NEVER})]
    assert "no number of examples up to 100,000 is likely to tell" in says("may-suffice", never)
    for state in ({"monthly_usd": None}, {"chance": 0.01, "forecast": None}):
        shut = [rows[0], cheap.model_copy(update=state)]
        assert "may-suffice" not in kinds(decide(shut, TARGET))


def test_unused_rows_come_before_more_labelling() -> None:
    rows = [left(forecast=AHEAD)]
    assert "40 test examples lie unused: raise or leave out [climb] test_size" in says(
        "more-examples", rows, unused=40
    )
    said = says("more-examples", rows)
    assert "with 100 test examples 88 right certify 0.8" in said and "unused" not in said
    assert "Add labelled test examples" in said
    spent = [left(forecast=Forecast(points=(), ceiling=0.5, alpha=0.0))]
    assert "with more: none, since the error" in (said := says("more-examples", spent))
    assert said.endswith("Give these up (`rung reveal`), and add fresh test examples.")
    lying = says("more-examples", spent, unused=140)
    assert "with more: none, since" in lying and lying.endswith(
        "140 test examples lie unused: give these up (`rung reveal`), and raise or leave out "
        "[climb] test_size."
    )


@pytest.mark.parametrize(
    ("low", "high", "status"),
    [
        (0.3, 0.9, "sufficient"),
        (0.3, 1.2, "undecided"),
        (0.3, None, "undecided"),
        (1.1, 2.0, "insufficient"),
        (None, None, "sufficient"),
    ],
)
def test_a_limit_on_latency_is_kept_broken_or_cannot_be_told(low, high, status) -> None:
    """No interval at all is a run of an earlier version, which compared the estimate."""
    one = passed(latency_p95_s=0.8, latency_low_s=low, latency_high_s=high)
    if status == "insufficient":
        one = one.model_copy(update={"latency_p95_s": 1.5})
    verdict = decide([one], TIMED)
    assert verdict.status == status
    assert ("time-again" in kinds(verdict)) == (status == "undecided")
    if status == "undecided":
        assert "whether it keeps 1 s cannot be told" in reason_text(verdict.reasons[0])
        what = "climb again when the machine" if high else "59 different examples to time"
        assert what in reason_text(verdict.next_step)
    if status == "insufficient":
        assert "passes, but takes 1.50 s (p95)" in reason_text(verdict.reasons[0])
        assert reason_text(verdict.next_step) == (
            "Certified at 0.8, but over a limit of [target]: pick. Allow more, or name a cheaper "
            "or faster model in [models]."
        )
        worse = decide([one, left(chance=0.01)], TIMED)
        assert (worse.status, worse.next_step.kind) == ("insufficient", "limits")
        assert "limits" not in kinds(decide([left(chance=0.01)], TIMED))


@pytest.mark.parametrize(("dearer", "said"), [
    (0.995, "passes too, at the same cost within 1% or a cent, on a higher rung."),
    (1.2, "passes too, at a higher cost."),
])  # fmt: skip
def test_the_lower_of_two_rungs_that_cost_the_same_wins_and_the_other_is_not_called_dearer(
    dearer, said
) -> None:
    rows = [passed("low", monthly_usd=100.0), passed("high", monthly_usd=100.0 * dearer)]
    assert decide(rows, TARGET).choice == "low"
    assert says("passes-too", rows) == f"high: {said}"


@pytest.mark.parametrize(("first", "alike"), [(0.0127, True), (0.0131, False)])
def test_months_are_told_apart_by_a_cent_at_least(first: float, alike: bool) -> None:
    """No bill tells less: of such two the lower rung is taken, though it was measured dearer."""
    low, high = passed("low", monthly_usd=first), left("high", monthly_usd=0.003)
    both = decide([low, passed("high", monthly_usd=0.003)], TARGET)
    assert both.choice == ("low" if alike else "high")
    assert ("may-suffice" in kinds(decide([low, high], TARGET))) == (not alike)


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
    tuned = lora("tuned", test=score(value=0.3, high=0.4), training={"dev_losses": losses})
    verdict = decide([tuned], TARGET)
    assert said is None or said in reason_text(verdict.reasons[0])
    assert ("still fell" in reason_text(verdict.reasons[0])) == (said is not None)
    assert ("more [climb] epochs" in reason_text(verdict.next_step)) == (said is not None)


def test_a_stopped_climb_says_how_it_goes_on_and_an_old_run_its_own_words() -> None:
    verdict = decide([left()], TARGET, stopped="budget", go_on="Raise the budget.")
    assert reason_text(verdict.next_step) == "Raise the budget."
    old = Verdict.model_validate({"status": "undecided", "reasons": ["As it was."]})
    assert [reason_text(r) for r in old.reasons] == ["As it was."]
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    assert old.next_step == Reason(kind="said", figures={"text": ""})


@pytest.mark.parametrize("kind", ["reaches", "open", "unlikely", "below"])
def test_a_certified_bound_is_rounded_down_and_none_is_said_where_there_is_none(kind) -> None:
    rows, _ = CASES[kind]
    sure = [
        r.model_copy(update={"test": r.test.model_copy(update={"certified": 0.7999})}) for r in rows
    ]
    assert "at least 0.799 certified" in says(kind, sure)
    none = [
        r.model_copy(update={"test": r.test.model_copy(update={"certified": 0.0})}) for r in rows
    ]
    assert "certified" not in says(kind, none)
