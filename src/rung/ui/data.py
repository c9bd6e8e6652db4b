"""A task's data before a climb: its first rows, its labels, and what the audit holds against it."""

import json
from collections import Counter
from typing import Any

from starlette.requests import Request

from rung.audit import Material, audit
from rung.errors import UserError
from rung.report.texts import one_line
from rung.task.types import Example, LabelsOutput
from rung.ui.pages import Page, crumbs
from rung.ui.site import Site

ROWS = 5
SUSPECTS = 8
"""Examples that a flag shows."""


def data(site: Site, request: Request) -> Page:
    """The page. Opens no model: what only an embedder sees is `rung audit`'s to say."""
    project = site.project(request)
    task, problem = site.shelf.task(project)
    if task is None:
        raise UserError(problem)
    findings = audit(Material(task))
    examples = (*task.train, *task.dev, *task.test)
    by_id = {example.id: example for example in (*task.train, *task.dev)}
    counts = Counter(
        str(e.expected) for e in examples if isinstance(task.output, LabelsOutput)
    ).most_common()
    flags = [
        (flag, [_cells(by_id[i]) for i in flag.examples[:SUSPECTS] if i in by_id])
        for flag in findings.flags
    ]
    shown = {
        "project": project,
        "task": task,
        "sizes": {name: len(task.split(name)) for name in ("train", "dev", "test")},
        "rows": [_cells(example) for example in task.train[:ROWS]],
        "counts": counts,
        "audited": flags,
    }
    plain: dict[str, Any] = {
        "project": project.slug,
        "sizes": shown["sizes"],
        "labels": dict(counts),
        "flags": findings.flags,
        "notes": task.notes,
    }
    return Page("data.html", f"Data of {project.name}", plain, shown, crumbs(project))


def _cells(example: Example) -> tuple[str, str, str]:
    """Id, input and answer, a line each."""
    asked, answer = (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for value in (example.input, example.expected)
    )
    return one_line(example.id, 40), one_line(asked, 240), one_line(answer, 120)
