"""The web application: addresses, errors as pages, and the server that runs it."""

import asyncio
import secrets
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rung.economics.output import dumps
from rung.errors import RungError, UserError
from rung.report.sections import asset, css
from rung.ui.advise import advise
from rung.ui.compare import compare
from rung.ui.cost import cost
from rung.ui.data import data
from rung.ui.drafts import drafts, judge_draft
from rung.ui.examples import example, examples
from rung.ui.guard import LOOPBACK, Forged, Guarded
from rung.ui.harvest import harvest
from rung.ui.home import home
from rung.ui.labels import labels, settle
from rung.ui.live import events
from rung.ui.new import take_file
from rung.ui.pages import JSON, Page, action, html, load_templates, routes
from rung.ui.plan import plan, start
from rung.ui.project import change_target, project, stop
from rung.ui.projects import NotFound
from rung.ui.review import judge, review
from rung.ui.run import comment, report, run
from rung.ui.site import REVIEWER, Site

RUN = "/p/{project}/runs/{run}"
PAGES = (
    ("/", home),
    ("/compare", compare),
    ("/advise", advise),
    ("/p/{project}", project),
    ("/p/{project}/plan", plan),
    ("/p/{project}/harvest", harvest),
    ("/p/{project}/review", review),
    ("/p/{project}/drafts", drafts),
    ("/p/{project}/data", data),
    ("/p/{project}/labels", labels),
    (f"{RUN}/examples", examples),
    (f"{RUN}/example", example),
    (f"{RUN}/cost", cost),
    (RUN, run),
)
ACTIONS = (
    ("/p/{project}/target", change_target),
    ("/p/{project}/climb", start),
    ("/p/{project}/stop", stop),
    ("/p/{project}/review", judge),
    ("/p/{project}/drafts", judge_draft),
    ("/p/{project}/labels", settle),
)
STATIC = {"tips.js": "text/javascript", "ui.js": "text/javascript", "rung.css": "text/css"}
WRONG_KEY_S = 0.5
"""Guessing is made slow."""
SHUTDOWN_S = 1
"""Streams of events are open for ever: a server that stops does not wait for them."""


def create_app(site: Site) -> Starlette:
    """The application of one site."""
    all_routes: list[Route] = []
    for path, make in PAGES:
        all_routes += routes(site, path, make)
    all_routes += [action(site, path, act) for path, act in ACTIONS]
    all_routes += [
        Route("/p/{project}/events", partial(events, site)),
        Route(f"{RUN}/report.html", partial(report, site)),
        Route(f"{RUN}/report.md", partial(comment, site)),
        Route("/new", partial(take_file, site), methods=["POST"]),
        Route("/key", partial(ask_key, site), methods=["GET"]),
        Route("/key", partial(take_key, site), methods=["POST"]),
        Route("/static/{name}", static),
    ]

    def complain(request: Request, error: Exception) -> Response:
        return problem(site, request, error)

    return Starlette(
        routes=all_routes,
        middleware=[Middleware(Guarded, guard=site.guard)],
        exception_handlers={RungError: complain, 404: complain, 405: complain, 500: complain},
    )


def problem(site: Site, request: Request, error: Exception) -> Response:
    """An error as one sentence: a page, or JSON where that was asked for."""
    status, text = 500, "Something went wrong in Rung itself: the terminal it runs in says what."
    if isinstance(error, NotFound):
        status, text = 404, str(error)
    elif isinstance(error, Forged):
        status, text = 403, str(error)
    elif isinstance(error, RungError):
        status, text = 400, str(error)
    elif getattr(error, "status_code", 500) < 500:
        status, text = error.status_code, "There is no such page."  # type: ignore[attr-defined]
    if request.url.path.endswith(".json"):
        body = dumps({"error": {"status": status, "message": text}}, 1)
        return Response(body, status, media_type=JSON)
    page = Page("problem.html", "Problem", {}, {"problem": text}, (("/", "Projects"),), status)
    return html(site, request, page)


def static(request: Request) -> Response:
    """Our sheet and scripts."""
    name = request.path_params["name"]
    if name not in STATIC:
        raise NotFound(f"no file {name!r} here")
    own = files("rung.ui") / "templates"
    if name == "rung.css":
        text = str(css()) + (own / "ui.css").read_text(encoding="utf-8")
    elif name == "tips.js":
        text = asset(name)
    else:
        text = (own / name).read_text(encoding="utf-8")
    return Response(text, media_type=STATIC[name], headers={"Cache-Control": "no-cache"})


def ask_key(site: Site, request: Request) -> Response:
    """The page that asks for the key."""
    return html(site, request, Page("key.html", "Key", {}, {"wrong": False}))


async def take_key(site: Site, request: Request) -> Response:
    """A session for who knows the key."""
    body = (await request.body())[:4096]
    given = parse_qs(body.decode("utf-8", "replace")).get("key", [""])[0]
    if not site.guard.opens(given.strip()):
        await asyncio.sleep(WRONG_KEY_S)
        return html(site, request, Page("key.html", "Key", {}, {"wrong": True}, status=403))
    answer = RedirectResponse("/", 303)
    session = site.guard.new_session()
    answer.set_cookie(site.guard.cookie, session, httponly=True, samesite="strict")
    return answer


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on. Raises `UserError` where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"{host}:{port} cannot be listened on ({error}): give another --port, such as 0 for "
            "any that is free"
        ) from error


def key_for(host: str, given: str | None) -> str | None:
    """The key to ask for: none on the loopback unless one is given; else one made up."""
    if given is not None and len(given) < 12:
        raise UserError("the key is shorter than 12 characters: give a longer one")
    return given if given or host in LOOPBACK else secrets.token_urlsafe(18)


def serve(site: Site, where: socket.socket) -> None:
    """Serve until interrupted; climbs that were started from a page are stopped with it."""
    config = uvicorn.Config(
        create_app(site),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
        server_header=False,
    )
    try:
        load_templates()  # takes a moment that the first page would take longer
        threading.Thread(target=site.tables.prepare, daemon=True).start()
        with suppress(KeyboardInterrupt):  # how a server ends
            uvicorn.Server(config).run(sockets=[where])
    finally:
        site.climbs.stop_all()
        site.tables.close()


def open_site(
    folders: Sequence[Path],
    key: str | None,
    where: socket.socket,
    who: str = REVIEWER,
    log: str | None = None,
) -> Site:
    """The site of some folders, behind the socket it will be served on."""
    return Site(folders, key, where.getsockname()[1], who, log)
