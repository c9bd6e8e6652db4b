"""`rung review`: a page on this machine where answers are approved and corrected.

It reads the log itself and needs no running server. Who may open it has the address with its
one-time token; API keys do not open it, because a key lets one ask, not read what others asked.
Everything shown comes from outside and is escaped; there is no script on the page.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qsl

import uvicorn
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as Event

from rung.errors import UserError
from rung.project import ProjectFolder
from rung.serve.patience import PatientProtocol
from rung.serve.run import listening
from rung.serve.settings import LOOPBACK
from rung.solver import SolverSpec
from rung.solver.store import read_spec
from rung.task.types import LabelsOutput, SchemaOutput
from rung.traffic import Judged
from rung.traffic.review import MOST_FORM, QUEUE, QUEUED, VIEWS, judgement, open_log, waiting
from rung.traffic.store import TrafficStore

PAGE = 25
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # without a referrer, browsers call their origin "null"
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass
class Desk:
    """What the page works on, and the secrets of one sitting."""

    spec: SolverSpec
    store: TrafficStore
    who: str
    reasons: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Why `rung harvest` queued a request, best first: what is shown first, where there is any."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))


class Door:
    """Lets in who knows the token, by a name of this machine only; adds the safe headers."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self.app, self.desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is not let in here."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def say(event: Event) -> None:
            if event["type"] == "http.response.start":
                safe = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
                event["headers"] = [*event.get("headers", ()), *safe]
            await send(event)

        request = Request(scope)
        await (self._refusal(request) or self.app)(scope, receive, say)

    def _refusal(self, request: Request) -> Response | None:
        if request.url.hostname not in LOOPBACK:
            return PlainTextResponse("This page is for this machine only.", 421)
        # A browser sends cookies to every port of a host, so the name tells the port.
        cookie = f"rung_review_{request.url.port}"
        token = request.query_params.get("token")
        if token is not None and _same(token, self.desk.token):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(cookie, self.desk.session, httponly=True, samesite="strict")
            return answer
        if not _same(request.cookies.get(cookie, ""), self.desk.session):
            return PlainTextResponse("Open the address that `rung review` printed.", 403)
        return None


async def show(request: Request) -> Response:
    """A page of requests."""
    return await _page(
        request, request.query_params.get("view"), request.query_params.get("before")
    )


async def judge(request: Request) -> Response:
    """Keep one verdict, then show the page again."""
    desk: Desk = request.app.state.desk
    form = await _form(request)
    if form is None:
        return PlainTextResponse("The form is too large.", 413)
    origin = request.headers.get("origin")
    foreign = origin not in (None, f"{request.url.scheme}://{request.url.netloc}")
    if foreign or not _same(form.get("csrf", ""), desk.csrf):
        return PlainTextResponse("This form is not of this page: load the page again.", 403)
    view, before, request_id = form.get("view"), form.get("before"), form.get("request_id", "")
    try:
        feedback = judgement(desk.spec.output, form, desk.who)
        await run_in_threadpool(desk.store.add_feedback, feedback)
    except UserError as error:
        drafts = {request_id: form.get("corrected", "")}
        return await _page(request, view, before, f"Not kept: {error}", drafts)
    place = f"&before={int(before)}" if before and before.isdecimal() else ""
    return RedirectResponse(f"/?view={view if view in (QUEUE, *VIEWS) else 'todo'}{place}", 303)


async def style(_: Request) -> Response:
    """The style sheet."""
    source = files("rung.serve").joinpath("templates/review.css").read_text(encoding="utf-8")
    return Response(source, media_type="text/css")


async def _form(request: Request) -> dict[str, str] | None:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_FORM:
            return None
    pairs = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=20)
    return dict(pairs)


async def _page(
    request: Request,
    view: str | None,
    before: str | None,
    notice: str = "",
    drafts: dict[str, str] | None = None,
) -> Response:
    desk: Desk = request.app.state.desk
    last = int(before) if before and before.isdecimal() and len(before) < 16 else None
    text = await run_in_threadpool(_rendered, desk, view, last, notice, drafts or {})
    return HTMLResponse(text, 400 if notice else 200)


def _rendered(
    desk: Desk, view: str | None, before: int | None, notice: str, drafts: dict[str, str]
) -> str:
    output = desk.spec.output
    queue = waiting(desk.store, list(desk.reasons))
    known = {**({QUEUE: QUEUED} if queue else {}), **{name: VIEWS[name][0] for name in VIEWS}}
    if view not in known:
        view = next(iter(known))
    page, following = _queued(desk, queue, before) if view == QUEUE else _kept(desk, view, before)
    counts = {name: desk.store.count(query) for name, (_, query) in VIEWS.items()}
    return (
        _environment()
        .get_template("review.html")
        .render(
            spec=desk.spec,
            views=known,
            counts={QUEUE: len(queue), **counts},
            view=view,
            before=before,
            page=page,
            following=following,
            reasons=desk.reasons,
            notice=notice,
            drafts=drafts,
            csrf=desk.csrf,
            labels=output.labels if isinstance(output, LabelsOutput) else (),
            schema=isinstance(output, SchemaOutput),
        )
    )


def _kept(desk: Desk, view: str, before: int | None) -> tuple[list[Judged], int | None]:
    """A page of the log, newest first, and where the next one begins."""
    rows = desk.store.judged(VIEWS[view][1], newest_first=True, before=before)
    found = list(islice(rows, PAGE + 1))
    following = desk.store.place_of(found[PAGE - 1].record.id) if len(found) > PAGE else None
    return found[:PAGE], following


def _queued(desk: Desk, queue: list[str], before: int | None) -> tuple[list[Judged], int | None]:
    """A page of the queue, best first; `before` counts those on the pages before."""
    start = before or 0
    names = queue[start : start + PAGE]
    records, newest = map(desk.store.get, names), desk.store.newest_feedback(names)
    page = [Judged(one, newest.get(one.id)) for one in records if one is not None]
    return page, start + PAGE if len(queue) > start + PAGE else None


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("rung.serve"), autoescape=True, undefined=StrictUndefined
    )
    made.filters["tojson_plain"] = lambda value: json.dumps(value, indent=1, ensure_ascii=False)
    return made


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def build_review(desk: Desk) -> ASGIApp:
    """The application."""
    app = Starlette(
        routes=[
            Route("/", show),
            Route("/feedback", judge, methods=["POST"]),
            Route("/style.css", style),
        ]
    )
    app.state.desk = desk
    return Door(app, desk)


def run_review(
    folder: Path,
    log: str | None,
    port: int,
    who: str,
    say: Callable[[str], None],
    reasons: Mapping[str, Sequence[str]],
) -> None:
    """Serve the page on this machine until stopped. Raises `UserError`, `StoreError`."""
    spec = read_spec(ProjectFolder(folder).winner)
    store = open_log(folder, log)
    desk = Desk(spec, store, who, reasons)
    with listening("127.0.0.1", port) as door:
        say(f"open http://127.0.0.1:{door.getsockname()[1]}/?token={desk.token}")
        config = uvicorn.Config(
            build_review(desk),
            http=PatientProtocol,
            ws="none",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            log_level="warning",
            limit_concurrency=100,
            timeout_graceful_shutdown=5,
        )
        try:
            uvicorn.Server(config).run([door])
        finally:
            store.close()
