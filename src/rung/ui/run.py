"""One run: the sections of the report, with its examples paged; and the report itself to keep."""

from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from rung.report.html import REPORT_FILE, render
from rung.report.markdown import markdown
from rung.report.sections import context
from rung.report.spending import costs_of
from rung.report.verdict_view import what_would_change
from rung.ui.examples import table_view
from rung.ui.pages import Page, crumbs
from rung.ui.site import Site


def run(site: Site, request: Request) -> Page:
    """The page of a run."""
    project, folder = site.project(request), site.run_folder(request)
    finished = site.shelf.run(folder)
    task, _ = site.shelf.task(project)
    parts = context(finished, task)
    address = f"/p/{project.slug}/runs/{folder.name}"
    first = parts["hero"]
    plain = {
        "project": project.slug,
        "first_screen": {
            "verdict": first.badge,
            "what_to_do": first.headline,
            "why": first.lead,
            "beside_it": first.rival,
            "figures": {question: fact.text for question, fact, _ in first.tiles},
            "what_would_change_it": first.changes,
            "next_step": first.next_step,
        },
        "flags": parts["flags"],
        "prior": parts["prior"],
        "diagnosis": finished.diagnosis,
        "run": finished.result,
        "examples": f"{address}/examples.json",
    }
    shown: dict[str, Any] = {
        **parts,
        "project": project,
        "address": address,
        **site.tables.read(project, folder, lambda index: table_view(index, finished.result, {})),
        "table_address": f"{address}/examples",
    }
    return Page(
        "run.html", f"{finished.result.task}: {first.headline}", plain, shown, crumbs(project)
    )


def report(site: Site, request: Request) -> Response:
    """The report as one file to keep: a download, for it brings its own scripts."""
    project, folder = site.project(request), site.run_folder(request)
    task, _ = site.shelf.task(project)
    name = f"{project.slug}-{REPORT_FILE}"
    return Response(
        render(site.shelf.run(folder), task),
        media_type="text/html",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def comment(site: Site, request: Request) -> Response:
    """The run as Markdown for a pull request."""
    finished = site.shelf.run(site.run_folder(request))
    return PlainTextResponse(
        markdown(finished.result, what_would_change(finished, costs_of(finished)))
    )
