"""Served answers one at a time, to be approved, rejected or corrected.

What is kept goes through `rung.traffic.review`, and `rung harvest` makes examples of it. The queue
of `rung harvest` comes first. `rung review` opens this page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from markupsafe import Markup, escape
from starlette.requests import Request

from rung.errors import UserError
from rung.loop.harvest.queue import queued
from rung.report.texts import clean, cut
from rung.solver import SolverSpec
from rung.solver.store import read_spec
from rung.task.contract import render
from rung.task.files import stamp
from rung.task.labelling import find_labels
from rung.task.types import JsonValue, LabelsOutput, MultiLabelOutput, Output, SchemaOutput
from rung.traffic import Judged
from rung.traffic.review import MOST_ID, QUEUE, QUEUED, VIEWS, judgement, open_log, waiting
from rung.ui.pages import Page, crumbs
from rung.ui.projects import NotFound, Project
from rung.ui.site import Site

if TYPE_CHECKING:
    from rung.traffic.store import TrafficStore

WORDS = {QUEUE: QUEUED, **{name: words for name, (words, _) in VIEWS.items()}}
SAID = {"right": "approved", "wrong": "rejected", "corrected": "corrected"}
MOST_CHARS = 20_000
"""Characters of a text that are shown."""


@dataclass(frozen=True)
class Spot:
    """One request where it stands in a view."""

    view: str
    counts: Mapping[str, int]
    """Requests in each view."""
    judged: Judged | None = None
    """None where the view is empty."""
    previous: str | None = None
    next: str | None = None
    reasons: Sequence[str] = ()
    """Why `rung harvest` queued it."""


@dataclass(frozen=True)
class Typed:
    """What a form brought that could not be kept, and why."""

    problem: str
    request_id: str
    draft: str


@dataclass
class Desk:
    """What one project has to review."""

    store: TrafficStore
    reasons: Mapping[str, Sequence[str]]
    """By request, in the order of the queue."""
    waiting: list[str] = field(init=False)
    """Queued requests that wait for a person: with no judgement, or with a user's complaint."""

    def __post_init__(self) -> None:
        self.waiting = waiting(self.store, list(self.reasons))

    def spot(self, view: str, request_id: str) -> Spot:
        """A request in a view, the view's first where none is named. Raises `NotFound`."""
        first = request_id or self.first(view)
        counts = {name: self.store.count(query) for name, (_, query) in VIEWS.items()}
        counts = {QUEUE: len(self.waiting), **counts}
        if first is None:
            return Spot(view, counts)
        record = self.store.get(first)
        if record is None:
            raise NotFound(
                f"request {first!r} is not in the log: it was not kept, or has been deleted"
            )
        feedback = self.store.newest_feedback([first]).get(first)
        return Spot(
            view,
            counts,
            Judged(record, feedback),
            self.beside(view, first, later=False),
            self.beside(view, first, later=True),
            self.reasons.get(first, ()),
        )

    def first(self, view: str) -> str | None:
        """Best first in the queue, newest first elsewhere."""
        if view == QUEUE:
            return self.waiting[0] if self.waiting else None
        return self.store.neighbour(VIEWS[view][1], None, older=True)

    def beside(self, view: str, request_id: str, *, later: bool) -> str | None:
        """The one before or after in the order of the view, whether or not itself is in it."""
        if view != QUEUE:
            place = self.store.place_of(request_id)
            return self.store.neighbour(VIEWS[view][1], place, older=later)
        order = {name: number for number, name in enumerate(self.reasons)}
        here = order.get(request_id, -1)
        if later:
            return next((i for i in self.waiting if order[i] > here), None)
        return next((i for i in reversed(self.waiting) if order[i] < here), None)


def review(site: Site, request: Request) -> Page:
    """The page of one request."""
    query = request.query_params
    return _page(
        site,
        site.project(request),
        query.get("view", ""),
        query.get("id", "")[:MOST_ID],
        kept=query.get("kept", "")[:MOST_ID],
    )


def judge(site: Site, request: Request, fields: dict[str, str]) -> str | Page:
    """Keep a verdict, then go to the next request; show the same one again where it is refused."""
    project = site.project(request)
    view, request_id = fields.get("view", ""), fields.get("request_id", "")[:MOST_ID]
    if not _is_kept(site, project):
        raise UserError(f"{project.name} has no log of answers: nothing can be reviewed")
    with closing(open_log(project.folder, site.log)) as store:
        try:
            store.add_feedback(judgement(_spec(site, project).output, fields, site.who))
        except UserError as error:
            typed = Typed(f"Not kept: {error}", request_id, fields.get("corrected", ""))
            if store.get(request_id) is None:
                raise
            return _page(site, project, view, request_id, typed=typed)
        desk = Desk(store, queued(project.folder))
        view = view if view in WORDS else QUEUE
        following = desk.beside(view, request_id, later=True) or desk.first(view)
    where = {"view": view, "id": following, "kept": request_id}
    return f"/p/{project.slug}/review?{urlencode({k: v for k, v in where.items() if v})}"


def _page(
    site: Site,
    project: Project,
    view: str,
    request_id: str,
    *,
    kept: str = "",
    typed: Typed | None = None,
) -> Page:
    title = f"Review of {project.name}"
    if not _is_kept(site, project):
        shown: dict[str, Any] = {
            "project": project,
            "spot": None,
            "log": project.places.traffic.name,
        }
        plain = {"project": project.slug, "log": None}
        return Page("review.html", title, plain, shown, crumbs(project))
    output = _spec(site, project).output
    with closing(open_log(project.folder, site.log)) as store:
        desk = Desk(store, queued(project.folder))
        if view not in WORDS:
            view = QUEUE if desk.waiting else "todo"
        spot = desk.spot(view, request_id)
        before = store.newest_feedback([kept]).get(kept) if kept else None
    shown = {
        "project": project,
        "spot": spot,
        "words": WORDS,
        "said": SAID,
        "kept": before,
        "typed": typed,
        "whole": _whole,
        "at": lambda view, name: "?" + urlencode({"view": view, "id": name}),
        **_field(output, spot, typed),
    }
    status = 400 if typed else 200
    return Page("review.html", title, _plain(project, spot), shown, crumbs(project), status)


def _plain(project: Project, spot: Spot) -> dict[str, Any]:
    record, feedback = spot.judged or (None, None)
    return {
        "project": project.slug,
        "log": project.places.traffic.name,
        "view": spot.view,
        "views": spot.counts,
        "request": record,
        "feedback": feedback,
        "reasons": spot.reasons,
        "previous": spot.previous,
        "next": spot.next,
    }


def _field(output: Output, spot: Spot, typed: Typed | None) -> dict[str, Any]:
    """The field of the correction: labels to choose from, or the answer to be edited."""
    draft = typed.draft if typed else ""
    answer = spot.judged.record.answer if spot.judged else None
    if not draft and answer is not None and not isinstance(output, LabelsOutput):
        draft = _editable(output, answer.value if answer.valid else None, answer.text)
    several = isinstance(output, MultiLabelOutput)
    labels = output.labels if isinstance(output, LabelsOutput | MultiLabelOutput) else ()
    chosen = find_labels(draft, labels)[0] if several else (draft,)
    return {
        "several": several,
        "labels": [(_exact(label), label, label in chosen) for label in labels],
        "json": isinstance(output, SchemaOutput),
        "draft": _exact(draft),
    }


def _editable(output: Output, value: JsonValue, text: str) -> str:
    """The answer as a start; nothing where hidden characters would slip into the correction."""
    if isinstance(output, SchemaOutput) and value is not None:
        text = json.dumps(value, indent=1, ensure_ascii=False)
    elif value is not None:
        text = render(output, value)
    return text if clean(text) == text and len(text) <= MOST_CHARS else ""


def _exact(text: str) -> Markup:
    """Escaped, and otherwise as it is: what a form sends back must be what it was given."""
    return Markup(escape(text.encode("utf-8", "replace").decode()))


def _whole(value: JsonValue) -> str:
    plain = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False)
    return cut(plain, MOST_CHARS)


def _is_kept(site: Site, project: Project) -> bool:
    return site.log is not None or project.places.traffic.is_file()


def _spec(site: Site, project: Project) -> SolverSpec:
    """The served winner's, checked when its files change. Raises `StoreError`."""
    folder = project.places.winner
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return site.winners.get(str(folder), stamp(files), lambda: read_spec(folder))
