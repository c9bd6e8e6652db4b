"""The examples of a run as a table: filtered and paged here, so that any run stays quick."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from rung.records.results import RunResult
from rung.report.example_index import ExampleIndex, StaleIndex
from rung.report.example_lines import Filter, Line
from rung.report.failures import OUTCOMES
from rung.report.rows import places
from rung.report.texts import clean, cut
from rung.report.words import labels
from rung.ui.pages import Page, crumbs
from rung.ui.projects import NotFound
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


def examples(site: Site, request: Request) -> Page:
    """The page of the table."""
    project, folder = site.project(request), site.run_folder(request)
    address = f"/p/{project.slug}/runs/{folder.name}"
    result = site.shelf.result(folder)
    view = site.tables.read(
        project, folder, lambda index: table_view(index, result, request.query_params)
    )
    plain = {
        "run": folder.name,
        "filter": view["wanted"],
        "matching": view["matching"],
        "of": view["total"],
        "page": view["page"],
        "pages": view["pages"],
        "examples": [brief_line(line, keys_of(result)) for line in view["lines"]],
    }
    return Page(
        "examples_page.html",
        f"Examples of {result.task}",
        plain,
        {**view, "table_address": f"{address}/examples", "project": project, "address": address},
        crumbs(project, folder.name),
    )


def table_view(index: ExampleIndex, result: RunResult, query: Mapping[str, str]) -> dict[str, Any]:
    """What the template of the table names, but for its address."""
    fields = ("text", "candidate", "outcome", "split", "cause")
    wanted = Filter(**{name: query.get(name, "")[:500] for name in fields})
    matching = index.matching(wanted)
    pages = max(1, -(-len(matching) // PAGE))
    page = min(pages, max(1, _whole(query.get("page", "1"))))
    named, named_rows = places(result), labels(result.candidates)
    if index.keys != keys_of(result):
        raise StaleIndex("the run was written anew")
    return {
        "wanted": wanted,
        "matching": len(matching),
        "total": index.total,
        "page": page,
        "pages": pages,
        "lines": index.lines(matching[(page - 1) * PAGE : page * PAGE]),
        "columns": [
            (r.key, named[r.key], named_rows[r.key], r.technique) for r in result.candidates
        ],
        "causes": index.causes,
        "signs": SIGNS,
        "letters": WORDS,
        "further": FURTHER,
        "excerpt": lambda text: clean(text[:EXCERPT]),
    }


def keys_of(result: RunResult) -> list[str]:
    """The candidates, in the order of the ladder."""
    return [r.key for r in result.candidates]


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 1


def example(site: Site, request: Request) -> Page:
    """One example through every candidate, side by side."""
    project, folder = site.project(request), site.run_folder(request)
    result = site.shelf.result(folder)
    split, name = (request.query_params.get(key, "") for key in ("split", "id"))
    keys = keys_of(result)

    def look(index: ExampleIndex) -> Line:
        place = index.place(split, name)
        if index.keys != keys:
            raise StaleIndex("the run was written anew")
        if place is None:
            raise NotFound(f"no example {name!r} in {split!r} of this run")
        return index.lines([place])[0]

    line = site.tables.read(project, folder, look)
    named, named_rows = places(result), labels(result.candidates)
    answered = [
        (named[r.key], named_rows[r.key], r, line.answers[r.key], letter)
        for r, letter in zip(result.candidates, line.outcomes, strict=True)
        if r.key in line.answers
    ]
    shown = {
        "line": line,
        "answered": answered,
        "choice": result.verdict.choice,
        "signs": SIGNS,
        "letters": WORDS,
        "whole": lambda text: cut(text, WHOLE),
        "project": project,
    }
    title, plain = f"Example {clean(line.id)[:80]}", plain_line(line, keys)
    return Page("example.html", title, plain, shown, crumbs(project, folder.name))


def plain_line(line: Line, keys: Sequence[str]) -> dict[str, Any]:
    """An example as data: every text whole, with the passages that were read."""
    return {
        **_head(line),
        "input": line.example.input if line.example else None,
        "expected": line.example.expected if line.example else None,
        "answers": {
            key: {**_verdict(line, key, letter), "answer": line.answers[key].answer}
            for key, letter in _asked(line, keys)
        },
    }


def brief_line(line: Line, keys: Sequence[str]) -> dict[str, Any]:
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
            for key, letter in _asked(line, keys)
        },
    }


def _head(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "split": line.split,
        "cause": line.cause or None,
        "mended_by": line.mended_by or None,
    }


def _asked(line: Line, keys: Sequence[str]) -> list[tuple[str, str]]:
    """(key, letter) of the candidates that were asked."""
    pairs = zip(keys, line.outcomes, strict=True)
    return [(key, letter) for key, letter in pairs if key in line.answers]


def _verdict(line: Line, key: str, letter: str) -> dict[str, Any]:
    one = line.answers[key]
    return {"outcome": WORDS[letter], "score": one.score, "error": one.error}
