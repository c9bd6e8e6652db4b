"""A run as one self-contained HTML file: no network, opens from disk, prints, phone and desktop."""

import base64
import hashlib
from pathlib import Path

from markupsafe import Markup

from rung.project import write_whole
from rung.report.examples_data import ExampleData, example_data
from rung.report.reading import FinishedRun, read_run, uncollected
from rung.report.sections import asset, context, css, environment
from rung.report.texts import script_json
from rung.task.types import Task

REPORT_FILE = "report.html"
SCRIPTS = ("tips.js", "examples.js")


def write_report(run_folder: Path, task: Task | None) -> Path:
    """Write `report.html` into a run's folder, whole or not at all, and return its path.

    Without the task the examples table shows answers, but neither inputs nor expected answers.
    """
    with uncollected():
        return write_whole(run_folder / REPORT_FILE, render(read_run(run_folder), task))


def render(run: FinishedRun, task: Task | None) -> str:
    """The page."""
    sheet, scripts = css(), tuple(Markup(asset(name)) for name in SCRIPTS)
    shown: ExampleData = example_data(run, task)
    return (
        environment()
        .get_template("report.html")
        .render(
            **context(run, task),
            examples=shown,
            data=script_json(shown.data),
            css=sheet,
            scripts=scripts,
            csp=_policy(sheet, scripts),
        )
    )


def _policy(css: str, scripts: tuple[str, ...]) -> str:
    """Nothing may be fetched, and only our own script and sheet may run, known by their hash."""
    runs = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; style-src {_hash(css)}; script-src {runs}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
