"""What a climb would take, before it is started: the forecast, and the form that starts it."""

import asyncio
import hashlib
import math
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from rung.climbing.tools import ClimbOptions
from rung.errors import UserError
from rung.money import rate, usd
from rung.report.planning import (
    Plan,
    cascade_lines,
    certification_text,
    make_plan,
    minutes_text,
    training_lines,
)
from rung.task.files import stamp, task_files
from rung.ui.pages import Page, crumbs
from rung.ui.projects import Project
from rung.ui.site import Site


def plan(site: Site, request: Request) -> Page:
    """The page of the forecast. Asks no model."""
    project = _climbable(site.project(request))
    budget, exhaustive = _wanted(request.query_params)
    seen = _mark(project)
    task, problem = site.shelf.task(project)
    if task is None:
        raise UserError(problem)
    forecast = asyncio.run(make_plan(task, ClimbOptions(budget_usd=budget, everything=exhaustive)))
    limit = task.climb.budget_usd if budget is None else budget
    plain: dict[str, Any] = {
        "project": project.slug,
        "climbing": site.climbs.busy(project),
        "budget_usd": limit,
        "exhaustive": exhaustive,
        "plan": forecast,
    }
    shown = {
        **plain,
        "project": project,
        "budget": "" if budget is None else repr(budget),
        "limited": _limited(forecast, limit, given=budget is not None),
        "certification": certification_text(forecast),
        "assumed": [*cascade_lines(forecast), *training_lines(forecast)],
        "minutes": minutes_text,
        "file_mark": seen,
    }
    return Page("plan.html", "Before it climbs", plain, shown, crumbs(project))


def start(site: Site, request: Request, fields: dict[str, str]) -> str:
    """Start a climb, or go on with one that was stopped, as its forecast was shown."""
    project = _climbable(site.project(request))
    budget, exhaustive = _wanted(fields)
    if fields.get("mark", "") != _mark(project):
        raise UserError(
            f"the forecast of {project.name} was not seen, or its files were changed since: look "
            "at the forecast (Climb) and start from there"
        )
    flags = [] if budget is None else ["--budget", repr(budget)]
    if exhaustive:
        flags.append("--exhaustive")
    site.climbs.start(project, flags)
    return f"/p/{project.slug}"


def _climbable(project: Project) -> Project:
    if not project.config.is_file():
        raise UserError(f"{project.name} has no rung.toml: climb it where its code is")
    return project


def _mark(project: Project) -> str:
    """Changes when any file of the task does: then the forecast is of another task."""
    return hashlib.sha256(repr(stamp(task_files(project.folder))).encode()).hexdigest()


def _wanted(fields: Mapping[str, str]) -> tuple[float | None, bool]:
    """(most USD, None where rung.toml is to say; whether everything is asked)"""
    return _budget(fields.get("budget", "").strip()), fields.get("exhaustive") == "on"


def _budget(text: str) -> float | None:
    if not text:
        return None
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not 0 <= limit < math.inf:
        raise UserError(f"the budget is {text!r}: write USD as a number, or nothing")
    return limit


def _limited(forecast: Plan, limit: float | None, *, given: bool) -> str:
    """What the budget means for this climb, in a sentence or two."""
    if limit is None:
        return "No budget is set: nothing but the forecast says what it will cost."
    words = f"The climb stops before it has spent more than {rate(limit)}"
    words += "." if given else " ([climb] budget_usd in rung.toml)."
    if forecast.pilots_only.usd > limit:
        return (
            f"{words} Even the pilots are expected to cost more ({usd(forecast.pilots_only.usd)})."
        )
    everything = forecast.everything.usd + sum(r.training_usd or 0.0 for r in forecast.candidates)
    if everything > limit:
        return f"{words} It may run out: everything is expected to cost {usd(everything)}."
    return f"{words} Everything is expected to cost less."
