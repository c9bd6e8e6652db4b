"""A run in one line: for lists of projects and of runs."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rung.records.results import CandidateResult, RunResult
from rung.report.figures import Strip
from rung.report.rows import strip
from rung.report.verdict_view import BADGES
from rung.report.words import assumed_note, bound, month_cell, name_and_model, score_text
from rung.ui.projects import Project, Shelf


@dataclass(frozen=True)
class RunLine:
    """What a list says of a run; figures are of the choice, else of the best candidate."""

    name: str
    address: str
    task: str
    status: str
    badge: str
    headline: str
    model: str
    technique: str
    when: str
    seconds: float
    goal: str
    score: str
    at_least: str
    monthly: str
    assumed: str
    """What its star stands for; empty where it has none."""
    strip: Strip | None
    finished: bool
    readable: bool = True


def lines(shelf: Shelf, project: Project) -> list[RunLine]:
    """Every run of a project, the newest first."""
    return [line(project, folder, result) for folder, result in shelf.results(project)]


def line(project: Project, folder: Path, result: RunResult | None) -> RunLine:
    """One run; one that cannot be read says so."""
    address = f"/p/{project.slug}/runs/{folder.name}"
    if result is None:
        return RunLine(
            folder.name, address, project.name, "undecided", "Cannot be read", "", "", "", "", 0.0,
            "", "–", "–", "–", "", None, finished=False, readable=False,
        )  # fmt: skip
    row = _shown(result)
    name, model = name_and_model(row.candidate) if row else ("Nothing was measured", "")
    score = row.score if row else None
    certified = row.test.certified if row and row.test else None
    return RunLine(
        name=folder.name,
        address=address,
        task=result.task,
        status=result.verdict.status if result.finished else "undecided",
        badge=BADGES[result.verdict.status] if result.finished else "Not finished",
        headline=name,
        model=model,
        technique=row.technique if row else "",
        when=when(result.started),
        seconds=result.seconds,
        goal=f"{result.metric} ≥ {result.target:g}",
        score=score_text(score),
        at_least="–" if certified is None else f"≥ {bound(certified)}",
        monthly=month_cell(row) if row else "–",
        assumed=assumed_note([row] if row else []),
        strip=strip(row, name, result) if row else None,
        finished=result.finished,
    )


def _shown(result: RunResult) -> CandidateResult | None:
    chosen = next((r for r in result.candidates if r.key == result.verdict.choice), None)
    if chosen is not None:
        return chosen
    scored = [r for r in result.candidates if r.state != "probe" and r.score and r.score.value]
    return max(scored, key=lambda r: (r.score.value if r.score else 0) or 0, default=None)


def when(stamp: str) -> str:
    """A moment as people read it, in UTC."""
    try:
        return datetime.fromisoformat(stamp).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return "not recorded"
