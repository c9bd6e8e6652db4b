"""Wrong answers and the ceiling they put on any score, where no label is judged: text, JSON, SQL.

From inputs that stand more than once (`rung.audit.repeats`), and from good candidates that agree
against the expected answer (`agreement`); the one with the narrower interval is given.
"""

from __future__ import annotations

from collections import Counter

from rung.audit.base import Ceiling, Found, percent, skip, these
from rung.audit.checks import agreement
from rung.audit.checks.contradictions import closed
from rung.audit.material import SCORED, Material
from rung.audit.repeated import Repeated, repeated
from rung.audit.repeats import FEWEST
from rung.decide.rules.loader import by_id, titles
from rung.records import Flag
from rung.task.types import LabelsOutput

METHOD = "root of the agreement between answers to one input (Spearman 1904)"
PROVEN = "the one answer that suits equal inputs best (proven)"
WORTH = 0.01
"""Share of wrong answers below which nothing is said."""


def check(material: Material) -> Found:
    """`answer-noise` or `answers-vary`, and `ceiling-below-target`."""
    noise = material.noise if isinstance(material.task.output, LabelsOutput) else None
    if noise is not None and noise.informed:
        return skip("label-noise judges the labels")
    seen = repeated(material)
    known = None if isinstance(seen, str) else of_repeats(seen)
    found = [c for c in (known, agreement.ceiling_of(material)) if c is not None]
    if not found:
        silent = seen if isinstance(seen, str) else _silent(seen)
        return skip(f"the ceiling is undecided: {silent}; and {_unheard(material)}")
    ceiling = min(found, key=lambda c: c.high - c.low)
    strict = None if isinstance(seen, str) else seen.strict
    if strict is not None:
        ends = {name: min(getattr(ceiling, name), strict) for name in ("value", "low", "high")}
        ceiling = ceiling.model_copy(update={"strict": strict, **ends})
    suspects = _suspects(material)
    flags = [_noise(material, ceiling, suspects), _below_target(material, ceiling, suspects)]
    return Found(tuple(flag for flag in flags if flag is not None), ceiling=ceiling)


def of_repeats(seen: Repeated) -> Ceiling | None:
    """What repeated inputs tell of the ceiling; None where they are too few and agree."""
    enough = len(seen.units) >= FEWEST
    if not seen.units or not (enough or seen.strict is not None):
        return None
    equal = sum(unit.equal for unit in seen.units)
    unit = f"inputs that stand more than once ({equal:,} equal, {len(seen.units) - equal:,} nearly)"
    value, low, high = seen.estimate()
    if not enough and seen.strict is not None:  # of the other inputs nothing is known
        return Ceiling(
            value=seen.strict,
            low=min(low, seen.strict),
            high=seen.strict,
            n=len(seen.units),
            unit=unit,
            method=PROVEN,
        )
    exact = "" if seen.metric in ("same", "bag") else "; for this metric an estimate only"
    return Ceiling(
        value=value, low=low, high=high, n=len(seen.units), unit=unit, method=METHOD + exact
    )


def _silent(seen: Repeated) -> str:
    n = len(seen.units)
    if not n:
        return "no input stands more than once among the examples that are scored"
    return f"only {these(n, 'input')} of those scored stand more than once, at least {FEWEST} must"


def _unheard(material: Material) -> str:
    found = agreement.heard(material)
    if isinstance(found, str):
        return found
    return f"good candidates of an earlier run agree on {these(found.decided, 'example')} only"


def _suspects(material: Material) -> list[int]:
    """Rows with a suspect answer: what candidates doubt, then what the fewest equal inputs have.

    Where most of a group agree, only the others are suspect.
    """
    heard = agreement.heard(material)
    doubted = [] if isinstance(heard, str) else [doubt.row for doubt in heard.doubts]
    if not closed(material):
        return doubted
    same = material.same_answer
    outvoted, tied = [], []
    for group in material.twins.equal:
        times = Counter(same[row] for row in group)
        most = max(times.values())
        if len(times) > 1:
            winners = sum(count == most for count in times.values())
            fewer = [row for row in group if times[same[row]] < most]
            outvoted += fewer
            tied += [row for row in group if row not in fewer] if winners > 1 else []
    return list(dict.fromkeys([*doubted, *outvoted, *tied]))


def _noise(material: Material, ceiling: Ceiling, suspects: list[int]) -> Flag | None:
    """How far the expected answers can be relied on."""
    share = 1.0 - ceiling.value
    if share < WORTH:
        return None
    shown = f"{ceiling.value:.3f} [{ceiling.low:.3f}, {ceiling.high:.3f}]"
    fault = closed(material)
    rule = by_id()["label-noise"]
    assert rule.used is not None
    hurts = float(rule.used) if fault else None
    said = (
        f"About {percent(share)} of what a right answer should score is lost to wrong expected "
        "answers"
        if fault
        else "Answers to one input differ, each in its own words"
    )
    return Flag(
        id="answer-noise" if fault else "answers-vary",
        severity="warn" if hurts is not None and share >= hurts else "info",
        figure=round(share, 4),
        threshold=hurts,
        source=f"{'; '.join(titles(rule))}; {ceiling.method}" if fault else ceiling.method,
        text=(
            f"{said}, going by {ceiling.n:,} {ceiling.unit}: a system that is always right is "
            f"shown at {shown} at most.{_proven(ceiling)}"
        ),
        advice=(
            "Look at the examples listed, the first ones first, and correct the answer; "
            "`rung audit --fix` writes them as a list."
            if suspects
            else "Set the target below the ceiling, or take a metric that forgives other words."
        ),
        examples=material.most_suspicious(suspects),
    )


def _proven(ceiling: Ceiling) -> str:
    if ceiling.strict is None:
        return ""
    return (
        f" Whatever is answered, no system exceeds {ceiling.strict:.3f} on the test examples: "
        "equal inputs have different answers there."
    )


def _below_target(material: Material, ceiling: Ceiling, suspects: list[int]) -> Flag | None:
    target = material.task.target
    if ceiling.value >= target.score:
        return None
    sure = ceiling.strict is not None and ceiling.strict < target.score
    return Flag(
        id="ceiling-below-target",
        severity="block" if sure else "warn",
        figure=round(ceiling.value, 4),
        threshold=target.score,
        source=ceiling.method,
        text=(
            f"A system that is always right is shown at about {ceiling.value:.3f} "
            f"[{ceiling.low:.3f}, {ceiling.high:.3f}] on these expected answers, and the target is "
            f"{target.score:g}.{_proven(ceiling)}"
        ),
        advice="Correct the answers of the test examples first, or lower the target.",
        examples=material.most_suspicious(
            [row for row in suspects if material.rows[row].part in SCORED]
        ),
    )
