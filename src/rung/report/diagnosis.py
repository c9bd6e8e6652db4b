"""The diagnosis beside a run, `diagnosis.json`: why failures fail, found by probes on dev."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rung.task.types import SplitName

DIAGNOSIS_FILE = "diagnosis.json"
BAR = 320.0


class _Plain(BaseModel):
    """Another room writes this file and may say more: what is not shown here is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Cause(_Plain):
    """One cause and how much of the failures it explains."""

    cause: str
    share: float
    low: float | None = None
    high: float | None = None
    count: int
    examples: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    """What could mend it."""

    @property
    def name(self) -> str:
        """In words: `missing knowledge`."""
        return self.cause.replace("_", " ")


class Bound(_Plain):
    """The most that a candidate could reach if it mended all that it can."""

    candidate: str = ""
    technique: str
    most: float
    high: float | None = None
    """Upper limit at 99 % confidence: a rung whose limit is below the target need not be tried."""
    text: str = ""


class Found(_Plain):
    """What the probes said of one failed example."""

    cause: str
    flipped_by: str | None = None


class Diagnosis(_Plain):
    """The failures of one candidate by cause."""

    candidate: str
    split: SplitName
    n: int
    failures: int
    probed: int
    causes: tuple[Cause, ...] = ()
    bounds: tuple[Bound, ...] = ()
    examples: dict[str, Found] = Field(default_factory=dict)


@dataclass(frozen=True)
class CauseBar:
    """A cause as a bar with its interval, on an axis from 0 to 1 of all probed failures."""

    cause: Cause
    width: float
    low: float
    high: float
    title: str


def read_diagnosis(folder: Path) -> tuple[Diagnosis | None, str]:
    """The diagnosis beside a run, or what is wrong with it. Neither: the run has none."""
    path = folder / DIAGNOSIS_FILE
    try:
        return Diagnosis.model_validate_json(path.read_bytes()), ""
    except FileNotFoundError:
        return None, ""
    except (OSError, ValidationError) as error:
        problem = str(error).splitlines()[0]
        return None, f"{DIAGNOSIS_FILE} is left out because it cannot be read ({problem})."


def cause_bars(found: Diagnosis) -> list[CauseBar]:
    """The causes, the most frequent first."""
    ranked = sorted(found.causes, key=lambda c: (-c.share, c.cause))
    return [
        CauseBar(
            cause,
            round(BAR * cause.share, 1),
            round(BAR * (cause.share if cause.low is None else cause.low), 1),
            round(BAR * (cause.share if cause.high is None else cause.high), 1),
            f"{cause.name}: {cause.count} of {found.probed} probed failures, {cause.share:.0%}"
            + ("" if cause.low is None or cause.high is None
               else f" (95% interval {cause.low:.0%} to {cause.high:.0%})"),
        )
        for cause in ranked
    ]  # fmt: skip
