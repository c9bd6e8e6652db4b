"""What the sections of a run are made of: the report and any other page show the same parts."""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from itertools import zip_longest
from typing import Any

from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rung.behaviour.trainers.guard import guards
from rung.records.results import CandidateResult
from rung.report import about, charts
from rung.report.diagnosis import cause_bars
from rung.report.failures import OUTCOMES, failures
from rung.report.figures import MARKS, Tick
from rung.report.learning import learning
from rung.report.part_rows import FEWEST
from rung.report.reading import FinishedRun
from rung.report.red_flags import WORDS, ids
from rung.report.rows import STRIP, Row, ladder_rows, seconds
from rung.report.spending import Cost, costs_of, measured_rows, undominated
from rung.report.terminal import calls_text
from rung.report.texts import finalize, one_line, ticked
from rung.report.timing import timing
from rung.report.verdict_view import hero
from rung.report.words import TECHNIQUE_COLOURS, answered_by, signed, times, usd
from rung.task.types import SchemaOutput, Task

TITLES = {
    "ladder": "Ladder",
    "money": "Cost",
    "compared": "Compared",
    "failures": "Failures",
    "search": "Tried",
    "training": "Training",
    "timing": "Speed",
    "prior": "Expected",
    "red-flags": "Red flags",
    "flags": "Care",
    "examples": "Examples",
    "repeat": "Repeat",
}
"""The sections in their order; one that has nothing to show is left out."""


def context(run: FinishedRun, task: Task | None) -> dict[str, Any]:
    """All that the templates of the sections name, the examples table's rows aside."""
    costs = costs_of(run)
    rows = ladder_rows(run, costs)
    failed = failures(run, task)
    shown = {
        "run": run.result,
        "rows": rows,
        "by_key": {row.key: row for row in rows},
        "costs": costs,
        "hero": hero(run, rows, costs),
        "calls": calls_text(run.result),
        "strip_ticks": strip_ticks(),
        "flags": about.flags(run, task),
        "prior": about.prior(run, task),
        "about": about.about(run, task),
        "failures": failed,
        "fewest_parts": FEWEST,
        "labelled": task is None or not isinstance(task.output, SchemaOutput),
        "retrieves": any(s.missed is not None for s in failed.signs),
        "diagnosis": run.diagnosis,
        "diagnosed": run.row(run.diagnosis.candidate) if run.diagnosis else None,
        "cause_bars": cause_bars(run.diagnosis) if run.diagnosis else [],
        **figures(run, rows, costs),
    }
    absent = {
        "money": not shown["quality"] and not shown["volume"],
        "timing": shown["timing"] is None,
        "compared": not run.result.verdict.comparisons,
        "failures": not failed.signs,
        "search": not shown["searched"],
        "training": not shown["trained"],
        "prior": shown["prior"] is None,
        "red-flags": not run.result.flags,
    }
    sections = [(name, title) for name, title in TITLES.items() if not absent.get(name)]
    return {**shown, "sections": sections}


def figures(run: FinishedRun, rows: list[Row], costs: Mapping[str, Cost]) -> dict[str, Any]:
    """The figures of a run as plain data, and what their tables say."""
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
        "timing": timing(run),
        "trained": [
            (r, charts.losses(run, r.row), learning(run, r.row, r.place))
            for r in rows
            if r.row.training or r.row.learning
        ],
        "searched": [r for r in rows if r.row.search is not None],
        "training_facts": training_facts,
        "loss_table": loss_table,
        "tried_table": tried_table,
    }


def strip_ticks() -> list[Tick]:
    """The axis above a column of scores."""
    return [Tick(STRIP.at(v), f"{v:g}") for v in (0.0, 0.5, 1.0)]


def training_facts(row: CandidateResult) -> list[str]:
    """What training took, in words; figures that were not recorded are left out."""
    facts = row.training
    lines = []
    if "train_tokens" in facts:
        lines.append(f"{int(facts['train_tokens']):,} tokens read in all epochs")
    if "seconds" in facts:
        lines.append(f"{seconds(float(facts['seconds']))} of computing on this machine")
    if "epochs_run" in facts:
        epochs = int(facts["epochs_run"])
        lines.append(f"{epochs} epoch{'' if epochs == 1 else 's'}, the best by loss on dev kept")
    if "provider" in facts:
        lines.append(f"trained by {facts['provider']}, job {facts['job']}")
        paid = facts.get("usd")
        lines.append("its price is not known" if paid is None else f"{usd(paid)} paid")
    if not row.candidate.weights.tuned:
        return [*lines, f"{facts['epochs']} epochs over {facts['rows']:,} rows"]
    recipe = {**row.candidate.weights.model_dump(), **facts.get("weights", {})}
    lines.append(
        f"LoRA rank {recipe['rank']}, learning rate {recipe['learning_rate']:g}, "
        f"{recipe['rows']} rows a step"
    )
    if facts.get("preferred"):
        pairs = facts["preferred"]["pairs"]
        lines.append(f"then {pairs} corrections against what they replaced (DPO, arXiv 2305.18290)")
    if facts.get("left_out"):
        lines.append(f"{facts['left_out']} rows longer than the model's window were left out")
    lines += [guard["said"] for guard in guards(facts)]
    if facts.get("latency"):
        lines.append(facts["latency"]["said"])
    if facts.get("tried"):
        lasted = seconds(float(facts["race_seconds"]))
        lines.append(f"the best of {len(facts['tried'])} recipes by dev, found in {lasted} of it")
    return lines


def loss_table(row: CandidateResult) -> list[tuple[int, str, str]]:
    """(epoch, loss on dev, loss on train)"""
    dev = [f"{float(v):.4f}" for v in row.training.get("dev_losses", ())]
    train = ["–", *(f"{float(v):.4f}" for v in row.training.get("train_losses", ()))]
    pairs = zip_longest(dev, train, fillvalue="–")
    return [(i, a, b) for i, (a, b) in enumerate(pairs)]


def tried_table(row: CandidateResult) -> list[dict[str, str]]:
    """The recipes that a race tried: recipe, score, losses, seconds as text."""
    return [
        {
            "recipe": f"rate {heat['learning_rate']:g}, {heat['rows']} rows a step",
            "score": f"{heat['score']:.3f}" if heat.get("score") is not None else "–",
            "losses": " → ".join(f"{float(v):.3f}" for v in heat.get("dev_losses", ())),
            "seconds": f"{heat['seconds']:.0f}",
        }
        for heat in row.training.get("tried", ())
    ]


@lru_cache(maxsize=4)
def environment(*packages: str) -> Environment:
    """Templates: escape everything, show hidden characters, know every name they use.

    `packages` are looked in before the report's own templates.
    """
    loaders: list[BaseLoader] = [PackageLoader(name) for name in (*packages, "rung.report")]
    made = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        usd=usd,
        signed=signed,
        times=times,
        marks=MARKS,
        outcome_names=OUTCOMES,
        short=one_line,
        answered_by=answered_by,
        ticked=ticked,
    )
    made.globals.update(flag_words=WORDS, flag_ids=ids)
    return made


def asset(name: str) -> str:
    """A script or sheet of the report."""
    return (files("rung.report") / "templates" / name).read_text(encoding="utf-8")


def css() -> Markup:
    """The sheet with the colours of `words`: one place says which technique is which."""
    colours = "".join(f".t-{name} {{ --c: {hue}; }}\n" for name, hue in TECHNIQUE_COLOURS.items())
    return Markup("\n" + colours + asset("report.css"))
