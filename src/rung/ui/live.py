"""The climb that runs now, as the ladder of the report; told to the page as it changes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from rung.climbing.journal import LIVE_FILE, Live
from rung.records.results import Calls, CandidateResult, Measured, RunResult, Verdict
from rung.report.reading import FinishedRun
from rung.report.rows import Row, ladder_rows
from rung.report.sections import strip_ticks
from rung.report.spending import costs_of
from rung.report.verdict_view import BADGES
from rung.report.words import PHASES, number, usd
from rung.task.files import stamp
from rung.ui.pages import templates
from rung.ui.projects import Project
from rung.ui.site import Site

LOOK_S = 0.4
"""How often the file of a climb is looked at: two calls of the system."""
PING_S = 15.0
FEWEST, LEAST_S = 0.1, 3.0
"""Share and seconds of a step from which its pace says how long it takes."""


@dataclass(frozen=True)
class LiveView:
    """What the part of the page says that changes while a climb runs."""

    running: bool
    badge: str
    """Empty where no climb was ever seen."""
    status: str = "undecided"
    says: str = ""
    doing: str = ""
    now: str = ""
    """Key of the candidate that is being asked."""
    share: float | None = None
    """Of the phase, in [0, 1]; None where it is not known."""
    so_far: str = ""
    gone: str = ""
    """Time since it began, and what is left."""
    priced: bool = False
    """Whether any candidate has costs to show."""
    rows: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    spent: str = ""
    answers: int = 0
    run: str | None = None
    """Address of the run that came of it."""
    problem: str = ""


def view(site: Site, project: Project) -> LiveView:
    """The last climb of a project as it stands."""
    live, running = project.live()
    busy = site.climbs.busy(project)
    if live is None or (busy and not running and not site.climbs.ending(project, live.pid)):
        return LiveView(
            running=busy,
            badge="Starting" if busy else "",
            says="Reading the task" if busy else "",
            problem=site.climbs.failed(project),
        )
    if busy and not running:
        return LiveView(running=True, badge="Stopping", says="Keeping what was answered")
    badge, status, says = _state(live, running)
    if running and site.climbs.stopping(project, live.pid):
        badge, status, says = "Stopping", "undecided", "Asked to stop; what was answered is kept"
    doing = live.doing if running else None
    rows = _rows(live, running)
    label = next((r.label for r in rows if doing and r.key == doing.key), "")
    done = live.run if live.run and not running else None
    return LiveView(
        running=running,
        badge=badge,
        status=status,
        says=says,
        doing=_capital(f"{PHASES.get(doing.phase, doing.phase)}: {label}") if doing else "",
        now=doing.key if doing else "",
        share=_share(live) if doing else None,
        so_far=_so_far(live) if doing else "",
        gone=_gone(live) if running else "",
        priced=any(row.row.cost_per_request_usd is not None for row in rows),
        rows=() if done else tuple(rows),
        notes=live.notes[-5:],
        spent=usd(live.spent_usd),
        answers=live.answers,
        run=f"/p/{project.slug}/runs/{done}" if done else None,
        problem="" if running else live.problem or site.climbs.failed(project),
    )


def _state(live: Live, running: bool) -> tuple[str, str, str]:
    """(badge, class, sentence)"""
    if running:
        return "Climbing", "running", ""
    if live.ended in BADGES:
        return BADGES[live.ended], live.ended, "The last climb came to its verdict."
    if live.ended == "failed":
        return "Failed", "insufficient", "The last climb ended early."
    # Ended without a word: killed, or the machine went down. The lock says that it is gone.
    return "Stopped", "undecided", "The last climb was stopped: start it again and it goes on."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _share(live: Live) -> float | None:
    doing = live.doing
    if doing is None:
        return None
    if doing.share is not None:
        return min(1.0, doing.share)
    return min(1.0, doing.done / doing.total) if doing.total else None


def _so_far(live: Live) -> str:
    doing = live.doing
    if doing is None or not doing.total:
        return ""
    progress = f"{doing.done} of {doing.total}"
    if doing.score is None:
        return progress
    return f"{progress}; {doing.score:.2f} [{number(doing.low, 2)}–{number(doing.high, 2)}] so far"


def _gone(live: Live) -> str:
    """Time since the climb began, what is left of this step, and of the candidates."""
    seconds = _seconds_since(live.started)
    if seconds is None:
        return ""
    parts = [f"{_minutes(seconds)} so far", _step_left(live)]
    left = sum(row.state == "planned" for row in live.rows)
    if live.rows:
        parts.append(f"{left} of {len(live.rows)} candidates not asked yet")
    return ", ".join(part for part in parts if part)


def _step_left(live: Live) -> str:
    """As long as what is left of this step takes at its pace so far; empty before that is known."""
    share, spent = _share(live), _seconds_since(live.doing.since) if live.doing else None
    if not share or spent is None or share < FEWEST or spent < LEAST_S:
        return ""
    return f"about {_minutes(spent * (1 - share) / share)} left of this step"


def _seconds_since(moment: str) -> float | None:
    try:
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())
    except ValueError:
        return None


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _rows(live: Live, running: bool) -> list[Row]:
    result = RunResult(
        run="",
        task=live.task,
        fingerprint="",
        metric=live.metric,
        target=live.target,
        confidence=live.confidence,
        verdict=Verdict(status="undecided"),
        candidates=tuple(_measuring(row, live) if running else row for row in live.rows),
        calls=Calls(),
        sizes=live.sizes,
        workload=live.workload,
    )
    run = FinishedRun(result)
    return ladder_rows(run, costs_of(run))


def _measuring(row: CandidateResult, live: Live) -> CandidateResult:
    """The row that is being asked, with its score so far."""
    doing = live.doing
    if doing is None or doing.key != row.key or doing.score is None:
        return row
    if doing.phase not in ("dev", "test"):
        return row
    so_far = Measured(
        split="dev" if doing.phase == "dev" else "test",
        value=doing.score,
        low=doing.low,
        high=doing.high,
        n=doing.done,
    )
    return row.model_copy(update={doing.phase: so_far})


def fragment(site: Site, project: Project) -> tuple[str, LiveView]:
    """The part of the page that changes."""
    live = view(site, project)
    text = templates().get_template("live.html").render(**shown(live))
    return text, live


def shown(live: LiveView) -> dict[str, Any]:
    """What the template of that part names."""
    return {"live": live, "strip_ticks": strip_ticks()}


async def events(site: Site, request: Request) -> Response:
    """Server-sent events: `live` with the part of the page anew, whenever it has changed."""
    project = site.project(request)
    file = project.kept / LIVE_FILE

    async def told() -> AsyncIterator[str]:
        last: object = None
        quiet = 0.0
        while not await request.is_disconnected():
            now = (stamp([file]), site.climbs.busy(project))
            if now != last:
                last, quiet = now, 0.0
                text, live = await run_in_threadpool(fragment, site, project)
                yield _event("live", text)
                yield _event("state", "running" if live.running else "idle")
            elif quiet >= PING_S:
                quiet = 0.0
                yield ": still here\n\n"
            await asyncio.sleep(LOOK_S)
            quiet += LOOK_S

    return StreamingResponse(told(), media_type="text/event-stream")


def _event(name: str, text: str) -> str:
    data = "".join(f"data: {line}\n" for line in text.splitlines())
    return f"event: {name}\n{data}\n"
