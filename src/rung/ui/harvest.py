"""What was harvested from traffic, to be looked at before it becomes examples."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request

from rung.loop.harvest.queue import QUEUE_FILE
from rung.report.texts import clean, cut
from rung.traffic.review import MOST_ID
from rung.ui.pages import Page, crumbs
from rung.ui.projects import Project
from rung.ui.site import Site

PLACES = ("harvest.jsonl", "harvest/*.jsonl")
"""Below `.rung`: the queue to label, and whatever else was gathered."""
PAGE = 50
MOST_CHARS = 2_000


@dataclass(frozen=True)
class Harvested:
    """One line of a file, as it stands there."""

    file: str
    line: int
    fields: dict[str, Any]
    """Empty where the line is not a JSON object."""
    problem: str


def harvest(site: Site, request: Request) -> Page:
    """The page: every row that was harvested, newest file first."""
    project = site.project(request)
    rows = harvested(project)
    at = request.query_params.get("page", "1")
    pages = max(1, -(-len(rows) // PAGE))
    page = min(pages, max(1, int(at) if at.isdecimal() and len(at) < 9 else 1))
    part = rows[(page - 1) * PAGE : page * PAGE]
    plain = {"rows": len(rows), "page": page, "pages": pages, "harvested": part}
    shown = {
        "project": project,
        "rows": [_card(row) for row in part],
        "count": len(rows),
        "page": page,
        "pages": pages,
    }
    return Page("harvest.html", f"Harvest of {project.name}", plain, shown, crumbs(project))


ASKED, ANSWERED = ("input", "question", "prompt", "asked"), ("answer", "output", "expected")
"""Fields whose text heads a card, the first that is there."""


def _card(row: Harvested) -> tuple[Harvested, str, str, list[tuple[str, str]], str]:
    """The row with its question, its answer, its other fields, and the request it names."""
    asked, answered = (
        next((name for name in names if row.fields.get(name) not in (None, "")), "")
        for names in (ASKED, ANSWERED)
    )
    others = [(clean(k), _text(v)) for k, v in row.fields.items() if k not in (asked, answered)]
    texts = [_text(row.fields[name]) if name else "" for name in (asked, answered)]
    return row, texts[0], texts[1], others, _request(row)


def harvested(project: Project) -> list[Harvested]:
    """All rows; a line that is no JSON object says so and stops nothing."""
    files = sorted((p for place in PLACES for p in project.kept.glob(place)), key=_age)
    return [row for path in files for row in _rows(path)]


def _age(path: Path) -> tuple[float, str]:
    try:
        return -path.stat().st_mtime, path.name
    except OSError:
        return 0.0, path.name


def _rows(path: Path) -> list[Harvested]:
    harvested = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            if not isinstance(fields, dict):
                raise ValueError
        except ValueError:
            harvested.append(Harvested(path.name, number, {}, "not a JSON object"))
        else:
            harvested.append(Harvested(path.name, number, fields, ""))
    return harvested


def _request(row: Harvested) -> str:
    """The request that a row of the queue names; empty for other rows."""
    named = row.fields.get("request")
    if row.file != QUEUE_FILE or not isinstance(named, str):
        return ""
    return named.encode("utf-8", "replace").decode()[:MOST_ID]  # no half characters in an address


def _text(value: Any) -> str:
    plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return cut(plain, MOST_CHARS)
