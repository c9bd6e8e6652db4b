"""A project: the climb that runs, its target, its runs; and what can be done with them."""

from typing import Any

from starlette.requests import Request

from rung.climbing.journal import read_live
from rung.errors import StoreError, UserError
from rung.loop.shipping.winners import Winners
from rung.task.types import Task
from rung.ui.live import shown, view
from rung.ui.pages import Page
from rung.ui.projects import Project
from rung.ui.site import Site
from rung.ui.summaries import lines
from rung.ui.target import FIELDS, edit_target, target_of


def project(site: Site, request: Request) -> Page:
    """The page of a project."""
    opened = site.project(request)
    task, problem = site.shelf.task(opened)
    live = view(site, opened)
    runs = lines(site.shelf, opened)
    target, mark = _target(opened)
    shown_task = _task(task) if task is not None else None
    plain = {
        "project": opened.slug,
        "name": opened.name,
        "folder": str(opened.folder),
        "problem": problem,
        "task": shown_task,
        "target": {name: float(value) if value else None for name, value in target.items()},
        "climbing": live.running,
        "live": read_live(opened.kept),
        "runs": runs,
        "unproven": _doubt(opened),
    }
    return Page(
        "project.html",
        opened.name,
        plain,
        {
            "project": opened,
            "task": task,
            "facts": shown_task,
            "problem": problem,
            "target": target,
            "fields": FIELDS,
            "file_mark": mark,
            "runs": runs,
            "unproven": plain["unproven"],
            "saved": "saved" in request.query_params,
            **shown(live),
        },
        (("/", "Projects"),),
    )


def _doubt(project: Project) -> str | None:
    """Why what is served is unproven."""
    try:
        return Winners(project.folder).doubt()
    except StoreError as error:
        return str(error)


def _task(task: Task) -> dict[str, Any]:
    return {
        "name": task.name,
        "instruction": task.instruction,
        "output": task.output.kind,
        "metric": task.target.metric,
        "examples": {name: len(task.split(name)) for name in ("train", "dev", "test")},
        "documents": len(task.documents),
        "requests_per_month": task.workload.requests_per_month,
        "months": task.workload.months,
        "models": list(task.models.to_try),
    }


def _target(project: Project) -> tuple[dict[str, str], str]:
    try:
        return target_of(project.config)
    except (UserError, OSError):
        return {}, ""


def change_target(site: Site, request: Request, fields: dict[str, str]) -> str:
    """Edit `[target]`."""
    project = site.project(request)
    if not project.config.is_file():
        raise UserError(f"{project.name} has no rung.toml: its target stands in code")
    given = {name: fields[name] for name in FIELDS if name in fields}
    edit_target(project.config, given, fields.get("mark", ""))
    return f"/p/{project.slug}?saved=1#target"


def stop(site: Site, request: Request, fields: dict[str, str]) -> str:
    """Stop the climb, as Ctrl-C does."""
    project = site.project(request)
    site.climbs.stop(project)
    return f"/p/{project.slug}"
