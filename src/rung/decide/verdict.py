"""The verdict from the evidence, its reasons as data. Pure: no calls, no clock, no wording."""

from collections.abc import Container, Sequence
from typing import Any

from rung.candidate import short_name
from rung.decide.claims import by_method
from rung.decide.hindered import room_was_measured, what_would_help, why_hindered
from rung.money import rate, usd
from rung.records.results import (
    CandidateResult,
    Measured,
    Reason,
    Standing,
    Stopped,
    Verdict,
)
from rung.task.types import Target

ALIKE, CENT = 1.01, 0.01
"""Monthly costs within one percent are alike, since seconds are not measured more closely than
that, and those within a cent, since no bill is; of those the lower rung is chosen."""
STILL_FALLING = 0.05
"""A loss on dev that fell by this share in the last epoch says that training ended too soon. Our
own threshold: the learning rate has come down to a tenth by then, so a loss at rest moves less."""
LIKELY = 0.05
"""Chance of being good enough from which one that was left is said to be open: as unsure as a
verdict of .95 may be. Below it, nineteen of twenty times, more examples would be labelled for
nothing."""


def decide(
    results: Sequence[CandidateResult],
    target: Target,
    stopped: Stopped | None = None,
    go_on: str = "",
    unused: int = 0,
    claim: str | None = None,
    plain: Container[str] = (),
) -> Verdict:
    """Name the cheapest candidate that passed; say insufficient or undecided where none did.

    Of a climb that was `stopped`, `go_on` says how it goes on. One whose budget ran out may have
    found a candidate that suffices; one that was interrupted has saved none. `unused` test rows
    were left out by a setting: they come before any that would have to be labelled. `claim` says
    what a certified bound holds for; the target's confidence when left out. `plain` are those that
    more effort would have looked for a better prompt, search or recipe of.
    """
    rows = [r for r in results if r.state != "probe"]
    passed = [r for r in rows if r.state == "pass" and keeps_limits(r, target)]
    if passed and stopped != "interrupted":
        least = min(r.monthly_usd or 0.0 for r in passed)
        choice = next(r for r in passed if no_dearer(r.monthly_usd or 0.0, least))
        return Verdict(
            status="sufficient",
            choice=choice.key,
            reasons=_why_chosen(
                choice, rows, target, claim or f"confidence {target.confidence:g}", unused
            ),
            next_step=Reason(kind="serve"),
            stopped=stopped,
        )
    reasons = tuple(_why_not(r, target) for r in rows) or (Reason(kind="nothing-tried"),)
    if stopped is not None:
        then = Reason(kind="said", figures={"text": go_on})
        return Verdict(status="undecided", reasons=reasons, next_step=then, stopped=stopped)
    open_ends = [r for r in rows if _is_open(r, target)]
    if open_ends or not rows or all(r.state == "skipped" for r in rows):
        then = _more(open_ends, target, unused)
        return Verdict(status="undecided", reasons=reasons, next_step=then)
    status = "undecided" if any(map(room_was_measured, rows)) else "insufficient"
    return Verdict(status=status, reasons=reasons, next_step=_beyond(rows, target, plain))


def standing_of(row: CandidateResult, target: float) -> Standing | None:
    """What is known of one that was left, or whose examples ran out; None of any other."""
    score = row.score
    if row.state not in ("drop", "hopeless", "undecided") or score is None or score.value is None:
        return None
    if score.high is not None and score.high < target:
        return "below"
    chance = row.chance if row.chance is not None else float(score.value >= target)
    return "open" if chance >= LIKELY else "unlikely"


def _is_open(row: CandidateResult, target: Target) -> bool:
    if row.state == "pass":  # certified, and its speed cannot be told against the limit
        return within_limits(row, target) is None
    if row.state in ("incomplete", "planned"):
        return True
    return standing_of(row, target.score) == "open" or (
        row.state == "undecided" and row.score is None
    )


def alike(row: CandidateResult, choice: CandidateResult) -> bool:
    """Whether a month of it costs no more than of the choice, as closely as that is measured."""
    return no_dearer(row.monthly_usd or 0.0, choice.monthly_usd or 0.0)


def no_dearer(usd: float, than: float) -> bool:
    """Whether a month of the one costs no more than of the other, or a percent or a cent more."""
    return usd <= max(ALIKE * than, than + CENT)


def within_limits(row: CandidateResult, target: Target) -> str | None:
    """Why the candidate breaks a limit on cost or latency; None where it is not shown to."""
    most, cost = target.max_cost_per_request, row.cost_per_request_usd
    if most is not None and cost is not None and cost > most:
        return f"costs {usd(cost)} a request, at most {rate(most)} is allowed"
    slowest, latency = target.max_latency_p95_s, row.latency_p95_s
    if _slower(row, target):
        return f"takes {latency:.2f} s (p95), at most {slowest} s are allowed"
    return None


def _slower(row: CandidateResult, target: Target) -> bool:
    """Whether it is shown to take longer than is allowed."""
    slowest, latency = target.max_latency_p95_s, row.latency_p95_s
    return slowest is not None and latency is not None and (row.latency_low_s or latency) > slowest


def fast_enough(row: CandidateResult, target: Target) -> bool:
    """Whether it keeps the limit on latency, as far as it was timed."""
    return not _slower(row, target) and not unsure_speed(row, target)


def keeps_limits(row: CandidateResult, target: Target) -> bool:
    """Whether it breaks no limit and is shown to be fast enough, where that is asked."""
    return within_limits(row, target) is None and not unsure_speed(row, target)


def unsure_speed(row: CandidateResult, target: Target) -> bool:
    """Whether the limit on latency lies within what the timed requests leave open."""
    slowest, latency = target.max_latency_p95_s, row.latency_p95_s
    if slowest is None or latency is None or _slower(row, target):
        return False
    if row.latency_low_s is None:  # timed by an earlier version, without an interval
        return False
    return row.latency_high_s is None or row.latency_high_s > slowest


def _figures(measured: Measured | None) -> dict[str, Any]:
    if measured is None:
        return {"n": 0}
    kept = {"value", "low", "high", "n", "split", "certified"}
    return measured.model_dump(include=kept)


def _why_chosen(
    choice: CandidateResult,
    rows: Sequence[CandidateResult],
    target: Target,
    claim: str,
    unused: int,
) -> tuple[Reason, ...]:
    reasons = [
        Reason(
            kind="reaches",
            candidate=choice.key,
            figures=_figures(choice.test)
            | {"technique": choice.technique, "metric": target.metric}
            | {"target": target.score, "claim": claim + by_method(choice.test)},
        )
    ]
    then, test = choice.candidate.then, choice.test
    if then is not None and test is not None and "fell_back" in test.details:
        share = {"share": test.details["fell_back"], "to": short_name(then)}
        reasons.append(Reason(kind="fell-back", candidate=choice.key, figures=share))
    tried = [r for r in rows if r is not choice and r.state != "planned"]
    may = [r for r in tried if _may_suffice(r, choice, target)]
    reasons += [_may_be_enough(r, choice, unused) for r in may]
    reasons += [_why_not(r, target, choice) for r in tried if r not in may]
    dearest = max(
        (r for r in rows if r.cost_per_request_usd is not None),
        key=lambda r: r.cost_per_request_usd or 0.0,
    )
    if dearest is not choice and choice.cost_per_request_usd:
        times = (dearest.cost_per_request_usd or 0.0) / choice.cost_per_request_usd
        dear = Reason(kind="times-dearer", candidate=dearest.key, figures={"times": times})
        reasons.append(dear)
    unreached = [r.key for r in rows if r.state == "planned"]
    if unreached:
        reasons.append(Reason(kind="not-tried", figures={"keys": unreached}))
    return tuple(reasons)


def _may_suffice(row: CandidateResult, choice: CandidateResult, target: Target) -> bool:
    """Whether a cheaper one was left open."""
    cheaper = row.monthly_usd is not None and not alike(choice, row)
    return cheaper and standing_of(row, target.score) == "open"


def _may_be_enough(row: CandidateResult, choice: CandidateResult, unused: int) -> Reason:
    ahead = row.forecast
    return Reason(
        kind="may-suffice",
        candidate=row.key,
        figures=_figures(row.score)
        | {"chance": ahead.ceiling if ahead else row.chance, **_would_tell(row), "unused": unused}
        | {"saves_usd": (choice.monthly_usd or 0.0) - (row.monthly_usd or 0.0)},
    )


def _would_tell(row: CandidateResult) -> dict[str, Any]:
    """How many more examples would tell, None for more than are looked at; empty where that is not
    known: nothing was scored on test, or these examples have no error left."""
    ahead = row.forecast
    return {"more": ahead.more} if ahead is not None and ahead.points else {}


def _why_not(row: CandidateResult, target: Target, choice: CandidateResult | None = None) -> Reason:
    if row.state == "pass":
        how = "alike" if choice is not None and alike(row, choice) else "dearer"
        broken = within_limits(row, target)
        if broken is None and unsure_speed(row, target):
            how = "unsure-speed"
        speed = {"p95": row.latency_p95_s, "low": row.latency_low_s, "high": row.latency_high_s}
        figures: dict[str, Any] = {"how": "limit" if broken else how, "limit": broken or ""}
        figures |= speed | {"slowest": target.max_latency_p95_s}
        return Reason(kind="passes-too", candidate=row.key, figures=figures)
    remarks = [remark for remark in (row.reason, why_hindered(row)) if remark]
    figures = {**_figures(row.score), "target": target.score, "why": "; ".join(remarks)}
    figures |= _undertrained(row)
    standing = standing_of(row, target.score)
    if standing is None:
        return Reason(kind="unsettled", candidate=row.key, figures=figures | {"state": row.state})
    ahead = row.forecast
    figures |= {"chance": ahead.ceiling if ahead else row.chance}
    if standing == "open":
        figures |= _would_tell(row)
    return Reason(kind=standing, candidate=row.key, figures=figures)


def _undertrained(row: CandidateResult) -> dict[str, Any]:
    """That the last epoch still lowered the loss on dev; empty where it did not, or none is known.

    Without it a technique that was given too little training reads like one that does not work.
    """
    epochs, losses = row.candidate.weights.epochs, row.training.get("dev_losses", ())
    if len(losses) != epochs + 1 or losses[-1] > (1 - STILL_FALLING) * min(losses[:-1]):
        return {}
    return {"loss_fell": 1 - losses[-1] / losses[-2], "epochs": epochs}


def _more(rows: Sequence[CandidateResult], target: Target, unused: int) -> Reason:
    """What would settle an undecided climb."""
    if any(r.state == "incomplete" for r in rows):
        return Reason(kind="unanswered")
    if not rows:
        return Reason(kind="mend")
    if all(r.state == "pass" for r in rows):
        few = any(r.latency_high_s is None for r in rows)
        return Reason(kind="time-again", figures={"slowest": target.max_latency_p95_s, "few": few})
    tested = [r for r in rows if r.test is not None and r.forecast is not None]
    if not tested:
        return Reason(kind="nothing-tested")
    closest = max(tested, key=_value)
    ahead = closest.forecast
    assert ahead is not None
    return Reason(
        kind="more-examples",
        candidate=closest.key,
        figures={
            "n": closest.test.n if closest.test else 0,
            "must_see": ahead.must_see,
            "counts": ahead.counts,
            "target": target.score,
            "points": [list(point) for point in ahead.points],
            "ceiling": ahead.ceiling,
            "more": ahead.more,
            "unused": unused,
        },
    )


def _beyond(rows: Sequence[CandidateResult], target: Target, plain: Container[str]) -> Reason:
    if passed := [r.key for r in rows if r.state == "pass"]:
        return Reason(kind="limits", figures={"keys": passed, "target": target.score})
    best = max((r for r in rows if r.score and r.score.value is not None), key=_value, default=None)
    if best is None:
        return Reason(kind="no-scores")
    scored = [r for r in rows if r.state != "skipped" or r.score]
    left = [standing_of(r, target.score) for r in scored]
    stuck = next((r for r in (best, *filter(room_was_measured, rows)) if why_hindered(r)), None)
    return Reason(
        kind="beyond",
        candidate=best.key,
        figures={
            "target": target.score,
            "value": _value(best),
            "all_below": all(standing == "below" for standing in left),
            "epochs": any(map(_undertrained, rows)),
            "plain": sum(r.key in plain for r in scored),
            "stuck": "" if stuck is None else stuck.key,
            "hindered": "" if stuck is None else why_hindered(stuck),
            "help": "" if stuck is None else what_would_help(stuck),
        },
    )


def _value(row: CandidateResult) -> float:
    return (row.score.value if row.score else None) or 0.0
