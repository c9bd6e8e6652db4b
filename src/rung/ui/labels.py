"""Labels that look wrong, one at a time: take the likelier one, keep the given one, or skip."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from starlette.requests import Request

from rung.audit.labels import Labels, Suspect, suspected
from rung.errors import UserError
from rung.report.texts import cut
from rung.report.witnessed import material_of_task
from rung.task.corrections import FILE
from rung.task.files import stamp, task_files
from rung.task.types import LabelsOutput, Task, render_input
from rung.ui.pages import Page, crumbs
from rung.ui.projects import Project
from rung.ui.site import Site

MOST_CHARS = 20_000
"""Characters of an input that are shown."""


def labels(site: Site, request: Request) -> Page:
    """The page of the most suspicious one; `?after=ID` shows the one behind another."""
    project = site.project(request)
    every = _suspects(site, project)
    decided = Labels(project.folder).all()
    spoken = {one.id for one in decided}
    after = request.query_params.get("after", "")
    ids = [one.id for one in every]
    begin = ids.index(after) + 1 if after in ids else 0
    left = [one for one in every[begin:] if one.id not in spoken]
    suspect = left[0] if left else None
    skipped = sum(one.id not in spoken for one in every[:begin])
    shown = {
        "project": project,
        "suspect": suspect,
        "asked": cut(render_input(suspect.input), MOST_CHARS) if suspect else "",
        "left": len(left),
        "skipped": skipped,
        "corrected": sum(one.was != one.expected for one in decided),
        "kept": sum(one.was == one.expected for one in decided),
        "file": FILE,
    }
    plain = {"project": project.slug, "suspects": every, "said": decided}
    return Page("labels.html", f"Labels of {project.name}", plain, shown, crumbs(project))


def settle(site: Site, request: Request, fields: dict[str, str]) -> str | Page:
    """Keep what a person says of a label, then show the next one."""
    project = site.project(request)
    here, store = f"/p/{project.slug}/labels", Labels(project.folder)
    ident, verdict = fields.get("suspect", ""), fields.get("verdict", "")
    if verdict == "undo":
        store.undo()
        site.suspects.forget(str(project.folder))  # it is suspect again
        return here
    suspect = next((one for one in _suspects(site, project) if one.id == ident), None)
    if suspect is None:
        raise UserError("this label was looked at already, or its row is gone: open the page again")
    if verdict not in ("accept", "keep", "skip"):
        raise UserError(f"{verdict[:40]!r} is none of accept, keep, skip and undo")
    if verdict != "skip":
        store.settle(suspect, site.who, accept=verdict == "accept")
    return f"{here}?{urlencode({'after': ident})}"


def _suspects(site: Site, project: Project) -> list[Suspect]:
    """As of the data: what a person says here leaves the list as it is."""
    task, problem = site.shelf.task(project)
    if task is None:
        raise UserError(problem)
    if not isinstance(task.output, LabelsOutput):
        return []
    files = [path for path in task_files(project.folder) if path.name != FILE]
    return site.suspects.get(str(project.folder), stamp(files), lambda: asyncio.run(_find(task)))


async def _find(task: Task) -> list[Suspect]:
    return suspected(await material_of_task(task))
