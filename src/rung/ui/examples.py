"""The examples of a run as a table: filtered and paged here, so that any run stays quick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from starlette.requests import Request

from rung.errors import UserError
from rung.records import Attempt
from rung.report.diagnosis import cause_name
from rung.report.examples_data import all_asked, cause_of, outcome
from rung.report.failures import OUTCOMES
from rung.report.reading import FinishedRun
from rung.report.rows import places
from rung.report.texts import clean, cut
from rung.task.types import Example, Task, render_expected
from rung.ui.pages import Page, crumbs
from rung.ui.projects import NotFound, Project
from rung.ui.site import Site

PAGE = 25
SIGNS = {"r": "✓", "p": "◐", "w": "✗", "u": "?", "e": "!", "n": "·"}
WORDS = {**OUTCOMES, "n": "not asked"}
FURTHER = {
    "f": "failed (all but right)",
    "-": "not asked",
    "nobody": "nobody right",
    "differs": "candidates differ",
}
EXCERPT, BRIEF, WHOLE = 300, 2_000, 20_000
"""Characters of a text in the table, in its twin, and on the page of an example."""


@dataclass(frozen=True)
class Filter:
    """What is looked for; an empty field looks for anything."""

    text: str = ""
    candidate: str = ""
    """A candidate's key."""
    outcome: str = ""
    split: str = ""
    cause: str = ""


@dataclass(frozen=True)
class Line:
    """One example with the answers to it."""

    split: str
    id: str
    example: Example | None
    answers: Mapping[str, Attempt]
    outcomes: tuple[str, ...]
    """A letter for each candidate, in the order of the ladder."""
    cause: str
    mended_by: str
    """The probe that turned a failure right; empty where none did."""

    @cached_property
    def input(self) -> str:
        """The input as text; empty where the task's files are not known."""
        return self.example.input_text() if self.example else ""

    @cached_property
    def expected(self) -> str:
        """The expected answer as text."""
        return render_expected(self.example.expected) if self.example else ""

    @cached_property
    def asked(self) -> str:
        """What a search looks through, answers aside."""
        return "\n".join((self.id, self.input, self.expected)).lower()


@dataclass(frozen=True)
class Table:
    """All examples of a run."""

    run: FinishedRun
    task: Task | None
    lines: tuple[Line, ...]

    @cached_property
    def keys(self) -> list[str]:
        """The candidates, in the order of the ladder."""
        return [r.key for r in self.run.result.candidates]

    @cached_property
    def causes(self) -> list[str]:
        """The causes that a diagnosis found, in words."""
        return sorted({line.cause for line in self.lines if line.cause})

    def line(self, split: str, example_id: str) -> Line:
        """Raises `NotFound`."""
        for line in self.lines:
            if (line.split, line.id) == (split, example_id):
                return line
        raise NotFound(f"no example {example_id!r} in {split!r} of this run")

    def matching(self, wanted: Filter) -> list[Line]:
        """The examples that fit, in their order. Raises `UserError` for an unknown candidate."""
        if wanted.candidate and wanted.candidate not in self.keys:
            raise UserError(
                f"no candidate {wanted.candidate!r} in this run: choose one of the list"
            )
        at = self.keys.index(wanted.candidate) if wanted.candidate else None
        needle = wanted.text.strip().lower()
        return [
            line
            for line in self.lines
            if (not wanted.split or line.split == wanted.split)
            and (not wanted.cause or line.cause == wanted.cause)
            and _fits(line, wanted.outcome, at)
            and (not needle or _says(line, needle, wanted.candidate))
        ]


def _fits(line: Line, wanted: str, at: int | None) -> bool:
    looked = line.outcomes if at is None else (line.outcomes[at],)
    asked = [letter for letter in line.outcomes if letter != "n"]
    if wanted == "nobody":
        return bool(asked) and "r" not in asked
    if wanted == "differs":
        return len(set(asked)) > 1
    if wanted == "f":
        return any(letter not in "rn" for letter in looked)
    if wanted == "-":
        return "n" in looked
    return not wanted or wanted in looked


def _says(line: Line, needle: str, candidate: str) -> bool:
    if needle in line.asked:
        return True
    answers = [line.answers.get(candidate)] if candidate else line.answers.values()
    return any(a is not None and a.answer and needle in a.answer.text.lower() for a in answers)


def make_table(run: FinishedRun, task: Task | None) -> Table:
    """The examples that any candidate was asked."""
    order, asked, known = all_asked(run, task)
    keys = [r.key for r in run.result.candidates]
    lines = []
    for place in order:
        answers = asked[place]
        letters = tuple(outcome(answers[k]) if k in answers else "n" for k in keys)
        cause = cause_name(cause_of(run, *place) or "")
        lines.append(
            Line(*place, known.get(place), answers, letters, cause, _mended(run, place[1]))
        )
    return Table(run, task, tuple(lines))


def _mended(run: FinishedRun, example_id: str) -> str:
    found = run.diagnosis.examples.get(example_id) if run.diagnosis else None
    return (found.flipped_by if found else None) or ""


def table(site: Site, project: Project, folder: Path) -> Table:
    """The table of a run, made once for the run and the task as they were read."""
    run = site.shelf.run(folder)
    task, _ = site.shelf.task(project)
    # The table holds both, so that an identity stands for the same object as long as it is kept.
    made_of = (("", id(run), id(task)),)
    return site.tables.get(str(folder), made_of, lambda: make_table(run, task))


def examples(site: Site, request: Request) -> Page:
    """The page of the table."""
    project, folder = site.project(request), site.run_folder(request)
    found = table(site, project, folder)
    address = f"/p/{project.slug}/runs/{folder.name}"
    view = table_view(found, request.query_params, f"{address}/examples")
    plain = {
        "run": folder.name,
        "filter": view["wanted"],
        "matching": view["matching"],
        "of": len(found.lines),
        "page": view["page"],
        "pages": view["pages"],
        "examples": [brief_line(found, line) for line in view["lines"]],
    }
    return Page(
        "examples_page.html",
        f"Examples of {found.run.result.task}",
        plain,
        {**view, "project": project, "address": address},
        crumbs(project, folder.name),
    )


def table_view(found: Table, query: Mapping[str, str], address: str) -> dict[str, Any]:
    """What the template of the table names."""
    fields = ("text", "candidate", "outcome", "split", "cause")
    wanted = Filter(**{name: query.get(name, "")[:500] for name in fields})
    matching = found.matching(wanted)
    pages = max(1, -(-len(matching) // PAGE))
    page = min(pages, max(1, _whole(query.get("page", "1"))))
    named, run = places(found.run.result), found.run
    return {
        "table_address": address,
        "wanted": wanted,
        "matching": len(matching),
        "total": len(found.lines),
        "page": page,
        "pages": pages,
        "lines": matching[(page - 1) * PAGE : page * PAGE],
        "columns": [
            (r.key, named[r.key], run.label(r), r.technique) for r in run.result.candidates
        ],
        "causes": found.causes,
        "signs": SIGNS,
        "letters": WORDS,
        "further": FURTHER,
        "excerpt": lambda text: clean(text[:EXCERPT]),
    }


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 1


def example(site: Site, request: Request) -> Page:
    """One example through every candidate, side by side."""
    project, folder = site.project(request), site.run_folder(request)
    found = table(site, project, folder)
    line = found.line(request.query_params.get("split", ""), request.query_params.get("id", ""))
    columns = found.run.result.candidates
    named = places(found.run.result)
    answered = [
        (named[r.key], found.run.label(r), r, line.answers[r.key], letter)
        for r, letter in zip(columns, line.outcomes, strict=True)
        if r.key in line.answers
    ]
    shown = {
        "line": line,
        "answered": answered,
        "choice": found.run.result.verdict.choice,
        "signs": SIGNS,
        "letters": WORDS,
        "whole": lambda text: cut(text, WHOLE),
        "project": project,
    }
    title = f"Example {clean(line.id)[:80]}"
    return Page("example.html", title, plain_line(found, line), shown, crumbs(project, folder.name))


def plain_line(found: Table, line: Line) -> dict[str, Any]:
    """An example as data: every text whole, with the passages that were read."""
    return {
        **_head(line),
        "input": line.example.input if line.example else None,
        "expected": line.example.expected if line.example else None,
        "answers": {
            key: {**_verdict(line, key, letter), "answer": line.answers[key].answer}
            for key, letter in _asked(found, line)
        },
    }


def brief_line(found: Table, line: Line) -> dict[str, Any]:
    """An example as a row of a list: texts cut, passages left to the example's own address."""

    def said(key: str) -> str | None:
        answer = line.answers[key].answer
        return cut(answer.text, BRIEF) if answer else None

    return {
        **_head(line),
        "input": cut(line.input, BRIEF) if line.example else None,
        "expected": cut(line.expected, BRIEF) if line.example else None,
        "answers": {
            key: {**_verdict(line, key, letter), "text": said(key)}
            for key, letter in _asked(found, line)
        },
    }


def _head(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "split": line.split,
        "cause": line.cause or None,
        "mended_by": line.mended_by or None,
    }


def _asked(found: Table, line: Line) -> list[tuple[str, str]]:
    """(key, letter) of the candidates that were asked."""
    pairs = zip(found.keys, line.outcomes, strict=True)
    return [(key, letter) for key, letter in pairs if key in line.answers]


def _verdict(line: Line, key: str, letter: str) -> dict[str, Any]:
    one = line.answers[key]
    return {"outcome": WORDS[letter], "score": one.score, "error": one.error}
