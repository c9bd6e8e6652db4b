"""What a diagnosis says, as plain data: `diagnosis.json` and `rung explain --json`."""

from pydantic import Field

from rung.candidate import Technique
from rung.diagnose.causes import Cause
from rung.task.types import Frozen, SplitName


class ProbeResult(Frozen):
    """One probe on one failure: whether each arm was right."""

    probe: str
    cause: Cause
    """What it proves when the treatment flips the failure and the placebo does not."""
    also: tuple[Cause, ...] = ()
    """What else had to be mended at the same time."""
    treated: bool
    placebo: bool
    arms: tuple[str, ...] = ()
    """Keys of the arms' attempts; empty where no call was needed."""

    @property
    def flipped(self) -> bool:
        """The treatment mends the failure and the placebo does not."""
        return self.treated and not self.placebo


class Finding(Frozen):
    """Why one failure failed."""

    id: str
    score: float | None
    """Of the candidate under diagnosis; None where no answer was scored."""
    cause: Cause
    also: tuple[Cause, ...] = ()
    flipped_by: str | None = None
    """The probe."""
    probes: tuple[ProbeResult, ...] = ()

    @property
    def causes(self) -> frozenset[Cause]:
        """All that has to be mended for this failure."""
        return frozenset((self.cause, *self.also))


class CauseShare(Frozen):
    """How many of the failures a cause explains, beyond its placebo."""

    cause: Cause
    share: float
    """Of the failures probed: flipped by the treatment alone, less flipped by the placebo alone."""
    low: float
    high: float
    count: int
    """Failures with this cause."""
    examples: tuple[str, ...]
    techniques: tuple[Technique, ...] = ()
    """Techniques of this run that could mend it."""


class Bound(Frozen):
    """The largest score that a candidate could reach, were all that it can mend mended."""

    candidate: str
    technique: Technique
    most: float
    """Point estimate."""
    high: float
    """Upper limit at 99 % confidence: a rung is skipped only where this is below the target."""
    text: str


class Diagnosis(Frozen):
    """The failures of one candidate by cause."""

    candidate: str
    split: SplitName = "dev"
    n: int
    """Examples that the candidate was asked."""
    failures: int
    probed: int
    unanswered: int = 0
    """Arms that got no answer: such failures are not counted as probed."""
    confidence: float
    calls: int = 0
    """Answers that the probes asked for."""
    causes: tuple[CauseShare, ...] = ()
    bounds: tuple[Bound, ...] = ()
    examples: dict[str, Finding] = Field(default_factory=dict)
    note: str = ""

    def technique_bounds(self) -> dict[Technique, Bound]:
        """The highest bound of each technique."""
        best: dict[Technique, Bound] = {}
        for bound in self.bounds:
            known = best.get(bound.technique)
            if known is None or bound.high > known.high:
                best[bound.technique] = bound
        return best
