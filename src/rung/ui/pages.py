"""A page: a template with what it shows, and the same as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from rung.economics.output import dumps
from rung.report.sections import environment
from rung.ui.guard import posted

if TYPE_CHECKING:
    from rung.ui.projects import Project
    from rung.ui.site import Site

JSON = "application/json"


@dataclass(frozen=True)
class Page:
    """What one address shows."""

    template: str
    title: str
    plain: Mapping[str, Any]
    """The `.json` twin."""
    shown: Mapping[str, Any] = field(default_factory=dict)
    """What the template names."""
    crumbs: tuple[tuple[str, str], ...] = ()
    """(address, words) from the first page to this one's parent."""
    status: int = 200


Make = Callable[["Site", Request], Page]
Act = Callable[["Site", Request, dict[str, str]], str | Page]
"""Does what a form asks, and returns the address to go to, or a page where it was refused."""


def crumbs(project: Project, run: str | None = None) -> tuple[tuple[str, str], ...]:
    """The way from the first page down to a project, or to one of its runs."""
    way: tuple[tuple[str, str], ...] = (("/", "Projects"), (f"/p/{project.slug}", project.name))
    return (*way, (f"/p/{project.slug}/runs/{run}", f"Run {run}")) if run else way


def routes(site: Site, path: str, make: Make) -> list[Route]:
    """The page and its twin. The twin comes first: a name in a path must not swallow its end."""
    twin = "/index.json" if path == "/" else f"{path}.json"

    async def show(request: Request) -> Response:
        page = await run_in_threadpool(make, site, request)
        return await run_in_threadpool(html, site, request, page)

    async def tell(request: Request) -> Response:
        page = await run_in_threadpool(make, site, request)
        text = await run_in_threadpool(dumps, plain(page.plain), 1)
        return Response(text, page.status, media_type=JSON)

    return [Route(twin, tell), Route(path, show)]


def action(site: Site, path: str, act: Act) -> Route:
    """A form's address."""

    async def do(request: Request) -> Response:
        fields = await posted(request, site.guard)
        done = await run_in_threadpool(act, site, request, fields)
        if isinstance(done, Page):
            return await run_in_threadpool(html, site, request, done)
        return RedirectResponse(done, 303)

    return Route(path, do, methods=["POST"])


def html(site: Site, request: Request, page: Page) -> Response:
    """The page as a browser gets it."""
    session = request.scope["state"].get("session")
    text = (
        templates()
        .get_template(page.template)
        .render(
            **page.shown,
            title=page.title,
            crumbs=page.crumbs,
            token=site.guard.token(session) if session else "",
            here=request.url.path,
            twin_address=_twin(request),
            version=site.version,
        )
    )
    return HTMLResponse(text, page.status)


def templates() -> Any:
    """Our templates, and below them the report's."""
    return environment("rung.ui")


def load_templates() -> None:
    """Compile every template, which the first page of its kind would wait for."""
    for name in templates().list_templates(["html"]):
        templates().get_template(name)


def _twin(request: Request) -> str:
    path = request.url.path
    query = f"?{request.url.query}" if request.url.query else ""
    return ("/index.json" if path == "/" else f"{path}.json") + query


def plain(value: Any) -> Any:
    """Records as objects, all the way down; what JSON knows stays."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        if hasattr(value, "_asdict"):
            return plain(value._asdict())
        return [plain(item) for item in value]
    return value
