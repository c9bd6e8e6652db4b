"""Examples on which good candidates of an earlier run agree with each other, against the answer."""

from statistics import fmean
from typing import NamedTuple

from rung.audit.base import Ceiling, Found, one, percent, skip, these
from rung.audit.checks.contradictions import closed
from rung.audit.material import Material
from rung.diagnose.relaxed import relaxed_right
from rung.diagnose.shares import net_share
from rung.diagnose.witnesses import WITNESSES, Agreed, Witness, agreed, misheard, said, strong
from rung.records import Attempt, Flag
from rung.task.contract import render
from rung.task.types import Example

CONFIDENCE = 0.95
FULL = 1 - 1e-9
"""Score from which an answer is right."""
FEWEST = 20
"""Examples on which witnesses agree either way, below which no share is given."""
METHOD = (
    "good candidates that agree against the expected answer, less placebo, and at the upper end "
    "less as many shared mistakes as they make alone (Dirichlet intervals)"
)


class Doubt(NamedTuple):
    """An expected answer that witnesses agree against."""

    row: int
    answer: str
    """What they say instead."""
    score: float
    """What that is given by the task's metric."""
    sureness: tuple[float, ...]
    """Techniques that agree, and their share of the witnesses asked."""


class Heard(NamedTuple):
    """What the witnesses say of all examples that enough of them were asked."""

    doubts: tuple[Doubt, ...]
    """The most suspicious first."""
    judged: int
    """Examples that witnesses of different techniques were asked."""
    decided: int
    """Of those, where enough agree with each other: against the expected answer, or with it."""
    alone: int
    """Doubts that are none once the witnesses' answers are exchanged."""
    placebo_alone: int
    """Doubts only once they are exchanged."""
    unshared: int
    """Examples on which some are against the expected answer and too few agree: mistakes made
    alone."""

    def noise(self) -> tuple[float, float, float]:
        """(low, most, high) of the share of wrong answers where witnesses agree.

        Most: all that they agree against, net of placebo; with `high` its upper limit. A mistake
        that they share looks the same, and no answer tells how many those are: `low` allows for as
        many as they make alone.
        """
        most, _, high = net_share(self.alone, self.placebo_alone, self.decided, CONFIDENCE)
        n = self.decided + self.unshared
        kept = net_share(self.alone, self.placebo_alone + self.unshared, n, CONFIDENCE)
        return min(most, kept[1] * n / self.decided), most, high

    @property
    def lost(self) -> float:
        """What a right answer loses by the metric where the expected one is wrong."""
        return 1.0 - fmean(d.score for d in self.doubts) if self.doubts else 1.0


def check(material: Material) -> Found:
    """`candidates-disagree`: one other answer from good candidates of different techniques."""
    agreement = heard(material)
    if isinstance(agreement, str):
        return skip(agreement)
    if not agreement.doubts:
        return Found()
    swapped = len(agreement.doubts) - agreement.alone + agreement.placebo_alone
    return one(
        Flag(
            id="candidates-disagree",
            severity="info",
            figure=round(len(agreement.doubts) / agreement.judged, 4),
            threshold=None,
            source="our own: different candidates seldom make the same mistake",
            text=(
                f"On {these(len(agreement.doubts), 'example')} of {agreement.judged:,} that good "
                "candidates of different techniques of the newest run answered, they agree with "
                f"each other and not with the expected answer; on {swapped:,} once all but one of "
                f"them are given their answers to other examples.{_estimate(agreement)}"
            ),
            advice="Look at these expected answers first: they are wrong more often than others.",
            examples=material.most_suspicious([doubt.row for doubt in agreement.doubts]),
        )
    )


def ceiling_of(material: Material) -> Ceiling | None:
    """What can be shown; None where all that witnesses doubt may be their own mistakes."""
    agreement = heard(material)
    if isinstance(agreement, str) or agreement.decided < FEWEST:
        return None
    low, _, high = agreement.noise()
    if low == 0.0:
        return None
    return Ceiling(
        value=1.0 - low * agreement.lost,
        low=1.0 - high * agreement.lost,
        high=1.0 - low * agreement.lost,
        n=agreement.decided,
        unit="examples on which good candidates agree",
        method=METHOD,
    )


def heard(material: Material) -> Heard | str:
    """What the witnesses say; why there is nothing to hear, as a sentence without a full stop."""
    if not material.rows or not closed(material):
        return "the answers are long texts, which may differ and be right"
    good = [w for w in material.witnesses if strong(w.attempts)]
    techniques = {w.key: w.technique for w in good}
    if len(set(techniques.values())) < WITNESSES:
        return "no earlier run of this task has two good candidates of different techniques"
    doubts: dict[str, Doubt] = {}
    judged = decided = alone = placebo_alone = unshared = 0
    for row, ident in enumerate(material.ids):
        asked = [w for w in good if ident in w.attempts]
        if ident in doubts or len({w.technique for w in asked}) < WITNESSES:
            continue
        judged += 1
        example = material.rows[row].example
        against, for_it = _sides(material, example, asked)
        treated = agreed(against, techniques, len(asked))
        attempts = {w.key: w.attempts for w in good}
        seed = material.task.climb.seed
        swapped = misheard(material.task.output, attempts, against, ident, seed)
        placebo = agreed(swapped, techniques, len(asked))
        alone += treated is not None and placebo is None
        placebo_alone += placebo is not None and treated is None
        with_it = agreed(dict.fromkeys(for_it, "right"), techniques, len(asked))
        if any(one is not None for one in (treated, placebo, with_it)):
            decided += 1
        elif against:
            unshared += 1
        if treated is not None:
            doubts[ident] = _doubt(material, row, treated, asked)
    order = sorted(doubts.values(), key=lambda d: ([-s for s in d.sureness], d.row))
    return Heard(tuple(order), judged, decided, alone, placebo_alone, unshared)


def _sides(
    material: Material, example: Example, asked: list[Witness]
) -> tuple[dict[str, str], list[str]]:
    """What witnesses say against an expected answer, by key, and those that are for it."""
    output = material.task.output
    against, for_it = {}, []
    for witness in asked:
        attempt = witness.attempts[example.id]
        if attempt.answer is None or attempt.score is None:
            continue
        # Another form of the expected answer accuses nobody, however the metric marks it.
        accepted = any(relaxed_right(output, one, attempt.answer) for one in example.references)
        if attempt.score >= FULL or accepted:
            for_it.append(witness.key)
        elif (text := said(output, attempt)) is not None:
            against[witness.key] = text
    return against, for_it


def _doubt(material: Material, row: int, agreed: Agreed, asked: list[Witness]) -> Doubt:
    ident, output = material.ids[row], material.task.output
    own: list[Attempt] = [w.attempts[ident] for w in asked if w.key in agreed.keys]
    kinds = {w.technique for w in asked if w.key in agreed.keys}
    answers = [a.answer for a in own if a.answer is not None]
    return Doubt(
        row=row,
        answer=render(output, answers[0].value),
        score=fmean(a.score or 0.0 for a in own),
        sureness=(len(kinds), len(own) / len(asked)),
    )


def _estimate(heard_of: Heard) -> str:
    if heard_of.decided < FEWEST:
        return ""
    low, most, high = heard_of.noise()
    return (
        f" Between {percent(low)} and {percent(high)} of the expected answers are wrong by this: "
        f"{percent(most)} if the candidates are right wherever they agree, less the mistakes that "
        f"they share (alone they make {heard_of.unshared:,})."
    )
