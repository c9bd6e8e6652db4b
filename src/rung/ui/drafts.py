"""Drafted examples one at a time, to be kept, corrected or thrown away."""

import json

from starlette.requests import Request

from rung.errors import UserError
from rung.loop.drafts import Draft, Drafts
from rung.report.texts import clean
from rung.task.rows import strict_json
from rung.task.types import JsonValue, LabelsOutput, Task
from rung.ui.pages import Page, crumbs
from rung.ui.site import Site


def drafts(site: Site, request: Request) -> Page:
    """The page of the draft that waits longest."""
    return _page(site, request)


def judge_draft(site: Site, request: Request, fields: dict[str, str]) -> str | Page:
    """Keep or throw away, then show the next; the same one again where it is refused."""
    project = site.project(request)
    store, ident = Drafts(project.folder), fields.get("draft", "")
    try:
        if fields.get("verdict") == "discard":
            store.discard(ident, site.who)
        else:
            task, problem = site.shelf.task(project)
            if task is None:
                raise UserError(problem or "the task cannot be read")
            store.keep(ident, task.output, site.who, _given(store, ident, fields))
    except UserError as error:
        return _page(site, request, str(error), fields)
    return f"/p/{project.slug}/drafts"


def _page(
    site: Site, request: Request, problem: str = "", typed: dict[str, str] | None = None
) -> Page:
    project = site.project(request)
    task, broken = site.shelf.task(project)
    store = Drafts(project.folder)
    every = store.all()
    waiting = [one for one in every if one.state == "waiting"]
    named = (typed or {}).get("draft")
    draft = next((one for one in waiting if one.id == named), waiting[0] if waiting else None)
    shown = {
        "project": project,
        "draft": draft,
        "left": len(waiting),
        "kept": sum(one.state in ("approved", "corrected") for one in every),
        "thrown": sum(one.state == "discarded" for one in every),
        "problem": problem or broken,
        "asked": (typed or {}).get("input") or (_text(draft.input) if draft else ""),
        "answer": (typed or {}).get("expected") or (_text(draft.expected) if draft else ""),
        "labels": task.output.labels if task and isinstance(task.output, LabelsOutput) else (),
        "sources": _sources(task, draft),
    }
    plain = {
        "project": project.slug,
        "draft": draft,
        "waiting": len(waiting),
        "kept": shown["kept"],
    }
    status = 400 if problem else 200
    return Page("drafts.html", f"Drafts of {project.name}", plain, shown, crumbs(project), status)


def _sources(task: Task | None, draft: Draft | None) -> list[tuple[str, str]]:
    named = draft.context_ids if draft else ()
    documents = task.documents if task else ()
    return [(one.title or one.id, one.text) for one in documents if one.id in named]


def _given(
    store: Drafts, ident: str, fields: dict[str, str]
) -> tuple[str | dict[str, JsonValue], JsonValue]:
    """What the form holds, in the form that the draft has: an untouched field is as it was."""
    draft = next((one for one in store.waiting() if one.id == ident), None)
    if draft is None:
        raise UserError("this draft was looked at already")
    asked = _changed(draft.input, fields.get("input", ""))
    if not isinstance(asked, str | dict):
        raise UserError("the input is neither text nor an object of fields")
    return asked, _changed(draft.expected, fields.get("expected", ""))


def _changed(was: JsonValue, text: str) -> JsonValue:
    text = text.replace("\r\n", "\n")
    if text == _text(was):
        return was
    if isinstance(was, str):
        return text
    try:
        return strict_json(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"this is not JSON: {error}") from None


def _text(value: JsonValue) -> str:
    plain = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False)
    return clean(plain)
