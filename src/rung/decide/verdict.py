"""The verdict from the evidence. Pure: no calls, no clock."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rung.candidate import short_name
from rung.decide.hindered import room_was_measured, what_would_help, why_hindered
from rung.decide.results import CandidateResult, Comparison, Measured, Stopped, Verdict
from rung.task.types import Target

ALIKE = 1.01
"""Monthly costs within one percent are alike, since seconds are not measured more closely than
that; of those the lower rung is chosen."""
STILL_FALLING = 0.05
"""A loss on dev that fell by this share in the last epoch says that training ended too soon. Our
own threshold: the learning rate has come down to a tenth by then, so a loss at rest moves less."""


def decide(
    results: Sequence[CandidateResult],
    target: Target,
    comparisons: Sequence[Comparison] = (),
    stopped: Stopped | None = None,
    go_on: str = "",
    claim: str | None = None,
) -> Verdict:
    """Name the cheapest candidate that passed; say insufficient or undecided where none did.

    Of a climb that was `stopped`, `go_on` says how it goes on. One whose budget ran out may have
    found a candidate that suffices; one that was interrupted has saved none. `claim` says what a
    certified bound holds for; the target's confidence when left out.
    """
    rows = [r for r in results if r.state != "probe"]
    passed = [r for r in rows if r.state == "pass" and within_limits(r, target) is None]
    if passed and stopped != "interrupted":
        least = min(r.monthly_usd or 0.0 for r in passed)
        choice = next(r for r in passed if (r.monthly_usd or 0.0) <= ALIKE * least)
        return Verdict(
            status="sufficient",
            choice=choice.key,
            reasons=_why_chosen(choice, rows, target, claim or f"confidence {target.confidence:g}"),
            next_step="Serve it from .rung/winner, or raise the target and climb on.",
            comparisons=tuple(comparisons),
            stopped=stopped,
        )
    unsettled = ("undecided", "incomplete", "planned")
    open_ends = [r for r in rows if r.state in unsettled or out_of_examples(r, target)]
    reasons = tuple(_why_not(r, target) for r in rows) or ("No candidate could be tried.",)
    if stopped is not None:
        return Verdict(status="undecided", reasons=reasons, next_step=go_on, stopped=stopped)
    if open_ends or not rows or all(r.state == "skipped" for r in rows):
        return Verdict(status="undecided", reasons=reasons, next_step=_more(open_ends, target))
    status = "undecided" if any(map(room_was_measured, rows)) else "insufficient"
    return Verdict(status=status, reasons=reasons, next_step=_beyond(rows, target))


def out_of_examples(row: CandidateResult, target: Target) -> bool:
    """Left because these test examples can no longer certify it, though it scores the target."""
    value = row.test.value if row.test else None
    return row.state == "drop" and value is not None and value >= target.score


def alike(row: CandidateResult, choice: CandidateResult) -> bool:
    """Whether a month of it costs no more than of the choice, as closely as that is measured."""
    return (row.monthly_usd or 0.0) <= ALIKE * (choice.monthly_usd or 0.0)


def within_limits(row: CandidateResult, target: Target) -> str | None:
    """Why the candidate breaks a limit on cost or latency; None where it keeps them."""
    most, cost = target.max_cost_per_request, row.cost_per_request_usd
    if most is not None and cost is not None and cost > most:
        return f"costs ${cost:.6f} a request, at most ${most} is allowed"
    slowest, latency = target.max_latency_p95_s, row.latency_p95_s
    if slowest is not None and latency is not None and latency > slowest:
        return f"takes {latency:.2f} s (p95), at most {slowest} s are allowed"
    return None


def certified_text(measured: Measured | None) -> str:
    """A score as prose: value, certified bound, examples."""
    if measured is None or measured.value is None:
        return "nothing scored"
    down = math.floor((measured.certified or 0.0) * 1000) / 1000  # a bound is never rounded up
    bound = f", at least {down:.3f} certified" if down else ""
    return f"{measured.value:.3f} on {measured.n} {measured.split} examples{bound}"


def _why_chosen(
    choice: CandidateResult, rows: Sequence[CandidateResult], target: Target, claim: str
) -> tuple[str, ...]:
    reasons = [
        f"{choice.key} ({choice.technique}) reaches {target.metric} {certified_text(choice.test)} "
        f"(target {target.score:g}, {claim})."
    ]
    fallback, test = choice.candidate.fallback, choice.test
    if fallback is not None and test is not None and "fell_back" in test.details:
        share = f"{test.details['fell_back']:.0%}"
        reasons.append(f"{share} of its test requests went on to {short_name(fallback)}.")
    tried = [r for r in rows if r is not choice and r.state != "planned"]
    reasons += [_why_not(r, target, choice) for r in tried]
    dearest = max(
        (r for r in rows if r.cost_per_request_usd is not None),
        key=lambda r: r.cost_per_request_usd or 0.0,
    )
    if dearest is not choice and choice.cost_per_request_usd:
        times = (dearest.cost_per_request_usd or 0.0) / choice.cost_per_request_usd
        reasons.append(f"A request to {dearest.key} costs {times:.1f} times as much.")
    unreached = [r.key for r in rows if r.state == "planned"]
    if unreached:
        reasons.append(f"Not tried, expected to cost more: {'; '.join(unreached)}.")
    return tuple(reasons)


def _why_not(row: CandidateResult, target: Target, choice: CandidateResult | None = None) -> str:
    broken = within_limits(row, target)
    if row.state == "pass":
        dear = "at a higher cost"
        if choice is not None and alike(row, choice):
            dear = "at the same cost within 1%, on a higher rung"
        return f"{row.key}: passes too, " + (f"but {broken}." if broken else f"{dear}.")
    words = {
        "drop": "left on test",
        "hopeless": "left after the pilot on dev",
        "undecided": "undecided",
        "incomplete": "incomplete",
        "skipped": "skipped",
        "planned": "not reached",
    }
    said = f"{row.key}: {words.get(row.state, row.state)}"
    if row.score is not None:
        said += f", {certified_text(row.score)}"
    remarks = [r for r in (row.reason, why_hindered(row), _undertrained(row)) if r]
    return said + (f" ({'; '.join(remarks)})." if remarks else ".")


def _undertrained(row: CandidateResult) -> str:
    """That the last epoch still lowered the loss on dev; empty where it did not, or none is known.

    Without it a technique that was given too little training reads like one that does not work.
    """
    epochs, losses = row.candidate.weights.epochs, row.training.get("dev_losses", ())
    if len(losses) != epochs + 1 or losses[-1] > (1 - STILL_FALLING) * min(losses[:-1]):
        return ""
    fell = 1 - losses[-1] / losses[-2]
    return (
        f"its loss on dev still fell by {fell:.0%} in the last epoch: more than [climb] epochs = "
        f"{epochs} may lift it"
    )


def _more(rows: Sequence[CandidateResult], target: Target) -> str:
    """What would settle an undecided climb."""
    if any(r.state == "incomplete" for r in rows):
        return (
            "Some calls went unanswered: see why above, then run the same command again; nothing "
            "is paid twice."
        )
    tested = [r for r in rows if r.test is not None and r.forecast is not None]
    if not rows:
        return "Nothing could be run: mend what is said above, then climb again."
    if not tested:
        return "Nothing was measured on test: add examples, or give the climb a larger budget."
    closest = max(tested, key=_value)
    ahead, n = closest.forecast, closest.test.n if closest.test else 0
    assert ahead is not None
    chances = ", ".join(f"{chance:.0%} with {size}" for size, chance in ahead.points)
    must = (
        f"with {n} test examples {ahead.must_see} right certify {target.score:g}"
        if ahead.must_see
        else f"{n} test examples can never certify {target.score:g}"
    )
    return (
        f"Cannot tell on {n} test examples ({must}). Chance that {closest.key} is certified with "
        f"more: {chances}; chance that it is good enough at all: {ahead.ceiling:.0%}. Add labelled "
        "test examples, or lower the target."
    )


def _beyond(rows: Sequence[CandidateResult], target: Target) -> str:
    best = max((r for r in rows if r.score and r.score.value is not None), key=_value, default=None)
    if best is None:
        return "No candidate was scored: look at the errors first."
    said = (
        f"Nothing here reaches {target.score:g}; the best was {best.key} with {_value(best):.3f}. "
    )
    stuck = next((r for r in (best, *filter(room_was_measured, rows)) if why_hindered(r)), None)
    if stuck is not None:
        return f"{said}Of {stuck.key}, {why_hindered(stuck)}. {what_would_help(stuck)}"
    first = "more [climb] epochs, " if any(map(_undertrained, rows)) else ""
    return (
        f"{said}Try {first}a stronger model in [models], more training examples, or a lower target."
    )


def _value(row: CandidateResult) -> float:
    return (row.score.value if row.score else None) or 0.0
