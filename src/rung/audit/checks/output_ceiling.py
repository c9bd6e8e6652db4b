"""Wrong answers and the ceiling they put on any score, where no label is judged: text, JSON, SQL.

From inputs that stand more than once (`rung.audit.repeats`), and from good candidates that agree
against the expected answer (`agreement`); the one with the narrower interval is given.
"""

from rung.audit.base import Ceiling, Found, percent, skip, these
from rung.audit.checks import agreement, contradictions
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
    ceilings = [c for c in (known, agreement.ceiling_of(material)) if c is not None]
    if not ceilings:
        silent = seen if isinstance(seen, str) else _silent(seen)
        return skip(f"the ceiling is undecided: {silent}; and {_unheard(material)}")
    ceiling = min(ceilings, key=lambda c: c.high - c.low)
    wrong = None
    if not isinstance(seen, str):
        if ceiling is known and len(seen.units) >= FEWEST:
            wrong = seen.wrong()
        ceiling = _capped(ceiling, seen.strict)
    suspects = _suspects(material)
    flags = [_noise(material, ceiling, wrong, suspects), _below_target(material, ceiling, suspects)]
    return Found(tuple(flag for flag in flags if flag is not None), ceiling=ceiling)


def _capped(ceiling: Ceiling, strict: float | None) -> Ceiling:
    if strict is None:
        return ceiling
    ends = {name: min(getattr(ceiling, name), strict) for name in ("value", "low", "high")}
    return ceiling.model_copy(update={"strict": strict, **ends})


def of_repeats(seen: Repeated) -> Ceiling | None:
    """What repeated inputs tell of the ceiling; None where they are too few and agree."""
    enough = len(seen.units) >= FEWEST
    if not seen.units or not (enough or seen.strict is not None):
        return None
    equal = sum(unit.equal for unit in seen.units)
    nearly = len(seen.units) - equal
    unit = f"inputs that stand more than once, {equal:,} equal and {nearly:,} nearly"
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
    stand = these(n, "scored input stands", "scored inputs stand")
    return f"only {stand} more than once, at least {FEWEST} must"


def _unheard(material: Material) -> str:
    heard = agreement.heard(material)
    if isinstance(heard, str):
        return heard
    if heard.decided < agreement.FEWEST:
        return f"good candidates of an earlier run agree on {these(heard.decided, 'example')} only"
    high = percent(heard.noise()[2])
    return (
        f"what good candidates of an earlier run doubt may all be their own mistakes (where they "
        f"agree, at most {high} of the answers are wrong)"
    )


def _suspects(material: Material) -> list[int]:
    """Rows with a suspect answer: doubted by candidates, outvoted by equal inputs, then all that
    stand one against one."""
    heard = agreement.heard(material)
    doubted = [] if isinstance(heard, str) else [doubt.row for doubt in heard.doubts]
    outvoted: list[int] = []
    tied: list[int] = []
    for group in contradictions.equal(material):
        fewer = contradictions.outvoted(material, group)
        outvoted += fewer
        tied += () if fewer else group
    near = [row for pair in contradictions.nearly(material) for row in pair]
    return list(dict.fromkeys([*doubted, *outvoted, *tied, *near]))


def _noise(
    material: Material,
    ceiling: Ceiling,
    wrong: tuple[float, float, float] | None,
    suspects: list[int],
) -> Flag | None:
    """How far the expected answers can be relied on; `wrong`: (share, low, high) of wrong ones."""
    if not contradictions.closed(material):
        return _vary(ceiling)
    lost = 1.0 - ceiling.value
    share, low, high = wrong or (lost, 1.0 - ceiling.high, 1.0 - ceiling.low)
    if share < WORTH:
        return None
    rule = by_id()["label-noise"]
    assert rule.used is not None
    hurts = float(rule.used)
    what = "the expected answers look wrong" if wrong else "a right answer's score looks lost"
    return Flag(
        id="answer-noise",
        severity="warn" if share >= hurts else "info",
        figure=round(share, 4),
        threshold=hurts,
        source=f"{'; '.join(titles(rule))}; {ceiling.method}",
        text=(
            f"About {percent(share)} of {what} (between {percent(low)} and {percent(high)}), going "
            f"by {ceiling.n:,} {ceiling.unit}: a system that is always right is shown at "
            f"{_shown(ceiling)} at most.{_proven(ceiling)}"
        ),
        advice=(
            "Look at the examples listed, the first ones first, and correct the answer; "
            "`rung audit --fix` writes them as a list."
        ),
        examples=material.most_suspicious(suspects),
    )


def _vary(ceiling: Ceiling) -> Flag | None:
    """Texts in words of their own: no fault, and a ceiling all the same."""
    if 1.0 - ceiling.value < WORTH:
        return None
    return Flag(
        id="answers-vary",
        severity="info",
        figure=round(1.0 - ceiling.value, 4),
        threshold=None,
        source=ceiling.method,
        text=(
            f"Going by {ceiling.n:,} {ceiling.unit}, texts to one input differ so much that a good "
            f"one is shown at {_shown(ceiling)} at most.{_proven(ceiling)}"
        ),
        advice="Keep the target below it, or take a metric that forgives other words.",
    )


def _shown(ceiling: Ceiling) -> str:
    return f"{ceiling.value:.3f} [{ceiling.low:.3f}, {ceiling.high:.3f}]"


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
            f"A system that is always right is shown at {_shown(ceiling)} at most on these "
            f"expected answers, and the target is {target.score:g}.{_proven(ceiling)}"
        ),
        advice="Correct the answers of the test examples first, or lower the target.",
        examples=material.most_suspicious(
            [row for row in suspects if material.rows[row].part in SCORED]
        ),
    )
