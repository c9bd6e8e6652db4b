"""A run as one self-contained HTML file: no network, opens from disk, prints, phone and desktop."""

from __future__ import annotations

import base64
import gc
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rung.decide.results import CandidateResult
from rung.errors import StoreError
from rung.report import about, charts
from rung.report.examples_data import ExampleData, example_data
from rung.report.failures import OUTCOMES, failures
from rung.report.figures import MARKS, Tick
from rung.report.reading import FinishedRun, read_run
from rung.report.red_flags import WORDS, ids
from rung.report.rows import STRIP, Row, ladder_rows, seconds
from rung.report.spending import Cost, costs_of, measured_rows, undominated
from rung.report.terminal import calls_text
from rung.report.texts import finalize, one_line, script_json
from rung.report.verdict_view import hero
from rung.report.words import TECHNIQUE_COLOURS, signed, times, usd
from rung.task.types import Task

REPORT_FILE = "report.html"
SCRIPTS = ("tips.js", "examples.js")


def write_report(run_folder: Path, task: Task | None) -> Path:
    """Write `report.html` into a run's folder, whole or not at all, and return its path.

    Without the task the examples table shows answers, but neither inputs nor expected answers.
    """
    with _uncollected():
        return write_whole(run_folder / REPORT_FILE, render(read_run(run_folder), task))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cycle collector: it walks every attempt again and again, and finds nothing.

    40,000 attempts are read in 0.5 s without it, in 2 s with it.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def render(run: FinishedRun, task: Task | None) -> str:
    """The page."""
    css, scripts = _css(), tuple(Markup(_asset(name)) for name in SCRIPTS)
    costs = costs_of(run)
    rows = ladder_rows(run, costs)
    return (
        environment()
        .get_template("report.html")
        .render(
            run=run.result,
            rows=rows,
            by_key={row.key: row for row in rows},
            costs=costs,
            hero=hero(run, rows, costs),
            calls=calls_text(run.result),
            strip_ticks=[Tick(STRIP.at(v), f"{v:g}") for v in (0.0, 0.5, 1.0)],
            flags=about.flags(run, task),
            prior=about.prior(run, task),
            about=about.about(run, task),
            css=css,
            scripts=scripts,
            csp=_policy(css, scripts),
            **_figures(run, rows, costs),
            **_examples(run, task),
        )
    )


def _figures(run: FinishedRun, rows: list[Row], costs: Mapping[str, Cost]) -> dict[str, Any]:
    requests = run.result.workload.get("requests_per_month", 0)
    priced = [
        (r.key, costs[r.key].month(requests)[0], (r.score.value if r.score else 0) or 0.0)
        for r in measured_rows(run)
        if r.key in costs
    ]
    return {
        "quality": charts.quality_cost(run, costs),
        "volume": charts.cost_volume(run, costs),
        "frontier": set(undominated(priced)),
        "break_evens": charts.break_evens(run, costs),
        "differences": charts.differences(run.result.verdict.comparisons),
        "trained": [(r, charts.losses(run, r.row)) for r in rows if r.row.training],
        "training_facts": training_facts,
        "loss_table": loss_table,
    }


def _examples(run: FinishedRun, task: Task | None) -> dict[str, Any]:
    found = failures(run, task)
    shown: ExampleData = example_data(run, task)
    sections = [("ladder", "Ladder"), ("money", "Cost"), ("compared", "Compared")]
    sections += [("failures", "Failures"), ("training", "Training")]
    sections += [("red-flags", "Red flags"), ("flags", "Care")]
    sections += [("examples", "Examples"), ("repeat", "Repeat")]
    absent = {
        "money": not measured_rows(run),
        "compared": not run.result.verdict.comparisons,
        "failures": not found.signs,
        "red-flags": not run.result.flags,
        "training": not any(r.training for r in run.result.candidates),
    }
    return {
        "failures": found,
        "retrieves": any(s.missed is not None for s in found.signs),
        "examples": shown,
        "data": script_json(shown.data),
        "sections": [(name, title) for name, title in sections if not absent.get(name)],
    }


def training_facts(row: CandidateResult) -> list[str]:
    """What training took, in words; figures that were not recorded are left out."""
    facts = row.training
    said = []
    if "train_tokens" in facts:
        said.append(f"{int(facts['train_tokens']):,} tokens read in all epochs")
    if "seconds" in facts:
        said.append(f"{seconds(float(facts['seconds']))} of computing on this machine")
    if "epochs_run" in facts:
        said.append(f"{facts['epochs_run']} epochs, the best by loss on dev kept")
    if "provider" in facts:
        said.append(f"trained by {facts['provider']}, job {facts['job']}")
        paid = facts.get("usd")
        said.append("its price is not known" if paid is None else f"${float(paid):.2f} paid")
    weights = row.candidate.weights
    said.append(f"LoRA rank {weights.rank}, learning rate {weights.learning_rate:g}")
    return said


def loss_table(row: CandidateResult) -> list[tuple[int, str, str]]:
    """(epoch, loss on dev, loss on train)"""
    dev = [f"{float(v):.4f}" for v in row.training.get("dev_losses", ())]
    train = ["–", *(f"{float(v):.4f}" for v in row.training.get("train_losses", ()))]
    pairs = zip_longest(dev, train, fillvalue="–")
    return [(i, a, b) for i, (a, b) in enumerate(pairs)]


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Templates: escape everything, show hidden characters, know every name they use."""
    made = Environment(
        loader=PackageLoader("rung.report"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(flag_words=WORDS, flag_ids=ids)
    made.globals.update(
        usd=usd, signed=signed, times=times, marks=MARKS, outcome_names=OUTCOMES, short=one_line
    )
    return made


def _asset(name: str) -> str:
    return (files("rung.report") / "templates" / name).read_text(encoding="utf-8")


def _css() -> Markup:
    """The sheet with the colours of `words`: one place says which technique is which."""
    colours = "".join(f".t-{name} {{ --c: {hue}; }}\n" for name, hue in TECHNIQUE_COLOURS.items())
    return Markup("\n" + colours + _asset("report.css"))


def _policy(css: str, scripts: tuple[str, ...]) -> str:
    """Nothing may be fetched, and only our own script and sheet may run, known by their hash."""
    runs = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; style-src {_hash(css)}; script-src {runs}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def write_whole(path: Path, text: str) -> Path:
    """Write a file by renaming a finished one over it."""
    try:
        handle, work = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            os.chmod(work, 0o644)
            os.replace(work, path)
        finally:
            Path(work).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path} could not be written ({error.strerror or error}): free disk space or mend "
            "the folder's permissions and run `rung report` again"
        ) from error
    return path
