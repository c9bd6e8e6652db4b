"""The first page: every project with its newest run."""

from dataclasses import dataclass

from starlette.requests import Request

from rung.report.sections import strip_ticks
from rung.ui.pages import Page
from rung.ui.projects import Project
from rung.ui.site import Site
from rung.ui.summaries import RunLine, line


@dataclass(frozen=True)
class ProjectLine:
    """One project in the list."""

    project: Project
    running: bool
    newest: RunLine | None
    runs: int


def home(site: Site, request: Request) -> Page:
    """All projects."""
    rows = [_line(site, project) for project in site.shelf.projects.values()]
    plain = {
        "projects": [
            {
                "project": one.project.slug,
                "name": one.project.name,
                "folder": str(one.project.folder),
                "climbing": one.running,
                "runs": one.runs,
                "newest": one.newest,
            }
            for one in rows
        ]
    }
    return Page("home.html", "Projects", plain, {"found": rows, "strip_ticks": strip_ticks()})


def _line(site: Site, project: Project) -> ProjectLine:
    runs = site.shelf.results(project)
    newest = line(project, *runs[0]) if runs else None
    return ProjectLine(project, site.climbs.busy(project), newest, len(runs))
