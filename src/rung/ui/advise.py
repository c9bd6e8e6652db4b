"""The questionnaire: what the framework expects before anything is measured, as it is answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from starlette.requests import Request

from rung.decide.advise import Advice
from rung.decide.advise import advise as advised
from rung.decide.rules import wording
from rung.decide.rules.answers import Answers, answers_of, parse_answer
from rung.decide.rules.conditions import met
from rung.decide.rules.loader import Question, cited, documents, questions
from rung.money import usd
from rung.ui.pages import Page, crumbs
from rung.ui.site import Site


@dataclass(frozen=True)
class Asked:
    """One question with its answer."""

    question: Question
    value: str
    chosen: frozenset[str]
    """Of a question that takes several."""
    idle: bool
    """The answers so far make it pointless."""


def advise(site: Site, request: Request) -> Page:
    """The page."""
    slug = request.query_params.get("project", "")
    known: dict[str, Any] = {}
    project = None
    if slug:
        project = site.shelf.project(slug)
        task, _ = site.shelf.task(project)
        known = answers_of(task).model_dump(exclude_defaults=True) if task is not None else {}
    given = answered(request.query_params.multi_items())
    merged = {**known, **given}
    answers = Answers.read(merged)
    advice = advised(answers, date.today(), str(project.folder) if project else None)
    shown = {
        "asked": [_asked(q, merged) for q in questions()],
        "advice": advice,
        "costs": costs(advice),
        "project": project,
        "letters": {title: letter for letter, title in documents().items()},
        "cited": cited(),
    }
    plain = {"answers": answers.model_dump(exclude_defaults=True), **wording.as_json(advice)}
    way = crumbs(project) if project else (("/", "Projects"),)
    return Page("advise.html", "What to expect", plain, shown, way)


def answered(items: list[tuple[str, str]]) -> dict[str, Any]:
    """The answers in an address; an empty one is not known. Raises `UserError`."""
    fields = {q.field: q for q in questions()}
    given: dict[str, list[str]] = {}
    for name, text in items:
        if name != "project" and text.strip():
            given.setdefault(name, []).append(text)
    answers = {}
    for name, texts in given.items():
        many = name in fields and fields[name].many
        value = parse_answer(name, ",".join(texts) if many else texts[-1])
        if value is not None:
            answers[name] = value
    return answers


def _asked(question: Question, answers: Mapping[str, Any]) -> Asked:
    value = answers.get(question.field)
    idle = not all(met(condition, dict(answers), {}) for condition in question.when)
    several = frozenset(value) if question.many and value else frozenset()
    if isinstance(value, bool):
        value = "yes" if value else "no"
    text = "" if value is None or question.many else str(value)
    return Asked(question, text, several, idle)


def costs(advice: Advice) -> list[tuple[str, str, str, str]]:
    """(technique, running a month, once, a month all in)"""
    rows = []
    for c in advice.costs.candidates:
        running, once, monthly = (usd(float(x.value)) for x in (c.running, c.once, c.monthly))
        rows.append((c.key, running, once, monthly))
    return rows
