"""Why the failures fail: probes on one candidate's dev failures, cheapest first.

A failure gets a cause when a probe flips it and the probe's placebo does not; else it stays
`unexplained`. Only dev examples are asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from rung.candidate import Candidate
from rung.diagnose.bench import Bench, Case, Unanswered
from rung.diagnose.causes import Cause
from rung.diagnose.probes import SHELF, Probe
from rung.diagnose.records import Diagnosis, Finding, ProbeResult
from rung.diagnose.shares import bounds, placebo_alone, shares
from rung.errors import BudgetExceeded
from rung.evidence import fixed_order
from rung.records import Attempt
from rung.task.types import Example

BATCH = 16
"""Failures probed at once, between two looks at whether enough is known."""

Enough = Callable[[Sequence[Finding]], bool]
Told = Callable[[Finding], None]


async def diagnose(
    bench: Bench,
    attempts: Sequence[tuple[Example, Attempt]],
    candidates: Iterable[Candidate] = (),
    *,
    probes: Sequence[Probe] = SHELF,
    width: float | None = None,
    enough: Enough | None = None,
    on_step: Told | None = None,
) -> Diagnosis:
    """The failures among `attempts` by cause.

    `candidates` are the run's, whose largest reachable scores are worked out. Stops when every
    share's interval is at most `width` wide, when `enough` says so, or when the failures are
    through. Raises `ProviderError` on an outage, and `BudgetExceeded` where the budget ends before
    the first batch does: later it ends the diagnosis with the failures of whole batches, since
    those that are probed with the last of the money are the cheap ones. Answers are kept.
    """
    task, tried = bench.task, list(candidates)
    answered = [(e, a) for e, a in attempts if a.error is None or a.error_is_final]
    scored = [(e, a) for e, a in answered if a.score is not None or a.error_is_final]
    failed = {e.id: (e, a) for e, a in scored if (a.score or 0.0) < bench.cut}
    bench.controls += [Case(e, a) for e, a in scored if e.id not in failed]
    order = fixed_order(list(failed), task.climb.seed)
    findings: list[Finding] = []
    unanswered, poor = 0, False
    for start in range(0, len(order), BATCH):
        cases = [bench.case(*failed[i]) for i in order[start : start + BATCH]]
        try:
            done = await _all([_find(bench, case, probes, on_step) for case in cases])
        except BudgetExceeded:
            if not findings:
                raise
            poor = True
            break
        findings += [f for f in done if f is not None]
        unanswered += sum(f is None for f in done)
        if enough is not None and enough(findings):
            break
        if width is not None and all(
            s.high - s.low <= width for s in shares(findings, tried, task.target.confidence)
        ):
            break
    diagnosis = _diagnosis(bench, len(scored), _beyond_placebo(findings), tried)
    note = _note(len(scored), len(failed), len(findings), poor=poor)
    more = {"failures": len(failed), "unanswered": unanswered, "note": note}
    return diagnosis.model_copy(update=more)


def _diagnosis(
    bench: Bench, n: int, findings: Sequence[Finding], tried: Sequence[Candidate]
) -> Diagnosis:
    """The findings summed up."""
    target = bench.task.target
    return Diagnosis(
        candidate=bench.subject.candidate.key,
        n=n,
        failures=len(findings),
        probed=len(findings),
        confidence=target.confidence,
        calls=sum(len(arms) for arms in bench.asked.values()),
        causes=tuple(shares(findings, tried, target.confidence)),
        bounds=tuple(bounds(findings, n, tried, target.score)),
        examples={f.id: f for f in findings},
    )


async def _all(finding: Sequence[Awaitable[Finding | None]]) -> list[Finding | None]:
    """Every finding; the first error once all have ended, so that none asks on behind it."""
    ended = await asyncio.gather(*finding, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException):
            raise one
    return [one for one in ended if not isinstance(one, BaseException)]


async def _find(
    bench: Bench, case: Case, probes: Sequence[Probe], on_step: Told | None
) -> Finding | None:
    """One failure through the probes; None where an arm got no answer."""
    seen = _seen(case.attempt)
    results: list[ProbeResult] = []
    flip: ProbeResult | None = None
    if seen is None:
        try:
            for probe in probes:
                results += await probe(bench, case)
                flip = next((r for r in results if r.flipped), None)
                if flip is not None:
                    break
        except Unanswered:
            return None
    finding = Finding(
        id=case.example.id,
        score=case.attempt.score,
        cause=flip.cause if flip else seen or "unexplained",
        also=flip.also if flip else (),
        flipped_by=flip.probe if flip else None,
        probes=tuple(results),
    )
    if on_step is not None:
        on_step(finding)
    return finding


def _beyond_placebo(findings: Sequence[Finding]) -> list[Finding]:
    """Withdraw every cause whose placebo flips as many failures as its probe: that is chance."""
    chance = {
        cause
        for cause in {f.cause for f in findings if f.flipped_by is not None}
        if sum(f.cause == cause for f in findings) <= placebo_alone(findings, cause)
    }
    none = {"cause": "unexplained", "also": (), "flipped_by": None}
    return [f.model_copy(update=none) if f.cause in chance else f for f in findings]


def _seen(attempt: Attempt) -> Cause | None:
    """What needs no probe: there was no answer, or a refusal."""
    if attempt.answer is None:
        return "errored"
    return "refused" if attempt.answer.finish == "refused" else None


def _note(n: int, failures: int, probed: int, *, poor: bool) -> str:
    if n == 0:
        return "No dev example was scored, so there is nothing to explain."
    if failures == 0:
        return f"No failures among {n} dev examples."
    if poor:
        return (
            f"{probed} of {failures} failures were probed, then the budget ran out: raise --budget "
            "and run again; answered calls are kept."
        )
    if probed < failures:
        return f"{probed} of {failures} failures were probed: enough was known by then."
    return ""
