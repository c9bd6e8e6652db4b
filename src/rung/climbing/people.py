"""Whose marks a climb certifies: the scorer's own, or people's, through a judge's known errors.

Where enough answers were marked by people (`rung judge`), every score, interval and bound of a
judged candidate is of people's marks, and the test of it spends half of its error on the judge's.
"""

from dataclasses import dataclass

from rung.climbing.certify import Outcome
from rung.climbing.judging import judges, known_judge
from rung.climbing.tools import Tools
from rung.evidence import Design, stopped_interval
from rung.evidence.decision import Scores
from rung.evidence.judging import FEWEST
from rung.evidence.rectified import LARGEST_TARGET, SMALLEST_TARGET, Rectifier, half_as_sure
from rung.evidence.wealth_design import WealthDesign
from rung.records.results import Measured
from rung.task.types import Target, digest

JUDGE_MARK = "judge_mark"
"""Secondary measure: the judge's own mean, where the score is of people's marks."""


@dataclass(frozen=True)
class People:
    """Turns what is known of the scorer's marks into what is known of people's."""

    judged: bool = False
    """Whether a judge scores."""
    rectifier: Rectifier | None = None
    """None where the scorer's own marks are what is certified."""

    @property
    def marked(self) -> int | None:
        """Answers that people marked; 0 where they are too few, None where no judge scores."""
        if self.rectifier is not None:
            return len(self.rectifier.human)
        return 0 if self.judged else None

    @property
    def names(self) -> tuple[str, ...]:
        """What tells a climb by these marks from one by others; empty for the scorer's own."""
        if self.rectifier is None:
            return ()
        return (digest([self.rectifier.human, self.rectifier.judge])[:8],)

    def name(self, key: str) -> str:
        """A candidate's name in the ledger: tested by other marks it is tested once more."""
        return "~".join((key, *self.names))

    def asked(self, target: float, alpha: float) -> tuple[float, float]:
        """Mean of the scorer's marks that certifies `target`, and the error that tests it."""
        if self.rectifier is None:
            return target, alpha
        asked = self.rectifier.judge_target(target, alpha)
        return LARGEST_TARGET if asked is None else asked, alpha / 2.0

    def alpha(self, design: Design) -> float:
        """The whole error of a candidate whose scorer's marks are tested by `design`."""
        return design.alpha if self.rectifier is None else 2.0 * design.alpha

    def lacking(self, target: float, alpha: float, most: float) -> str | None:
        """Why no test can certify the target, where the judge's mean is at most `most`."""
        if self.rectifier is None:
            return None
        asked = self.rectifier.judge_target(target, alpha)
        if asked is not None and asked <= most:
            return None
        pairs = self.rectifier.pairs_for(target, alpha, most)
        ask = "certifies nothing" if asked is None else f"asks for a mark of {asked:.3f} by it"
        more = "let people mark more" if pairs is None else f"about {pairs:,} may do"
        return (
            f"its judge's errors are known from {self.marked} answers that people marked, with "
            f"which {target:g} {ask}: {more}"
        )

    def likely_target(self, target: float) -> float:
        """The scorer's mean at which people's is likely to be `target`."""
        if self.rectifier is None:
            return target
        return min(max(target - self.rectifier.mean, SMALLEST_TARGET), LARGEST_TARGET)

    def at_most(self, bound: float) -> tuple[float, str]:
        """An upper bound at 99 % in people's marks, and how sure it is."""
        if self.rectifier is None:
            return bound, "99%"
        return min(1.0, bound + self.rectifier.high(0.01)), "98%"

    def fixed(self, seen: Measured, scores: Scores, confidence: float) -> Measured:
        """The figures of a fixed sample, in people's marks."""
        if self.rectifier is None or seen.value is None:
            return seen
        return self._moved(seen, self.rectifier.interval(scores, confidence))

    def tested(
        self, seen: Measured, outcome: Outcome, design: Design, target: Target, *, whole: bool
    ) -> Measured:
        """A test with its certified bound, and ends that hold at a stop unless it was `whole`."""
        assert outcome.decision is not None
        bound, sure = outcome.decision.lower_bound, target.confidence
        ends = None
        if not whole:
            each = sure if self.rectifier is None else half_as_sure(sure)
            ends = stopped_interval(outcome.scores, design, each)
            seen = seen.model_copy(update={"low": ends[0], "high": ends[1], "method": "sequential"})
        at_end = isinstance(design, WealthDesign) and len(outcome.scores) >= design.max_examples
        if at_end and "gaffke" not in seen.method:
            seen = seen.model_copy(update={"method": f"{seen.method} + gaffke"})
        if self.rectifier is not None:
            bound = self.rectifier.certified(bound, self.alpha(design))
            if outcome.decision.state == "pass":
                bound = max(bound, target.score)  # not lost to rounding
            if ends is None:
                seen = self.fixed(seen, outcome.scores, sure)
            else:
                seen = self._moved(seen, self.rectifier.around(ends, sure))
        return seen.model_copy(update={"certified": bound})

    def _moved(self, seen: Measured, ends: tuple[float, float]) -> Measured:
        assert self.rectifier is not None and seen.value is not None
        return seen.model_copy(
            update={
                "value": self.rectifier.value(seen.value),
                "low": ends[0],
                "high": ends[1],
                "method": f"{seen.method} + rectifier",
                "details": {**seen.details, JUDGE_MARK: seen.value},
            }
        )


def people_of(tools: Tools, version: str) -> People:
    """By whose marks a climb goes; `version` is its scorer's."""
    if not judges(tools.task):
        return People()
    known = known_judge(tools, version)
    if known is None or len(known.human) < FEWEST:
        return People(judged=True)
    return People(judged=True, rectifier=Rectifier(known.human, known.judge))
