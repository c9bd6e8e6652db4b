"""The diagnosis beside a run, `diagnosis.json`: why failures fail, as bars."""

from dataclasses import dataclass
from pathlib import Path

from rung.climbing.explaining import DIAGNOSIS_FILE
from rung.diagnose import MEANING, CauseShare, Diagnosis
from rung.errors import StoreError
from rung.state import read_model

BAR = 320.0


@dataclass(frozen=True)
class CauseBar:
    """A cause as a bar with its interval, on an axis from 0 to 1 of all probed failures."""

    cause: CauseShare
    name: str
    meaning: str
    width: float
    low: float
    high: float
    title: str


def read_diagnosis(folder: Path) -> tuple[Diagnosis | None, str]:
    """The diagnosis beside a run, or what is wrong with it. Neither: the run has none."""
    path = folder / DIAGNOSIS_FILE
    if not path.exists():
        return None, ""
    try:
        return read_model(path, Diagnosis, "`rung explain` writes it anew"), ""
    except StoreError as error:
        return None, f"The causes of failures are left out: {error}."


def cause_name(cause: str) -> str:
    """In words: `missing knowledge`."""
    return cause.replace("_", " ")


def cause_bars(diagnosis: Diagnosis) -> list[CauseBar]:
    """The causes, the most frequent first."""
    ranked = sorted(diagnosis.causes, key=lambda c: (-c.share, c.cause))
    return [
        CauseBar(
            cause=cause,
            name=cause_name(cause.cause),
            meaning=MEANING[cause.cause],
            width=round(BAR * max(0.0, cause.share), 1),
            low=round(BAR * max(0.0, cause.low), 1),
            high=round(BAR * max(0.0, cause.high), 1),
            title=f"{cause_name(cause.cause)}: {cause.count} of {diagnosis.probed} probed "
            f"failures, {cause.share:.0%} ({diagnosis.confidence:.0%} interval {cause.low:.0%} to "
            f"{cause.high:.0%})",
        )
        for cause in ranked
    ]
