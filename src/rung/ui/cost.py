"""What a run's candidates cost under other circumstances: every slider is priced anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pydantic import ValidationError
from starlette.requests import Request

from rung.decide.verdict import no_dearer
from rung.economics import output
from rung.economics.analysis import Analysis, analyse, models_of
from rung.economics.of_run import scenario_of_run
from rung.economics.owner_lines import ASSUMED
from rung.economics.scenario import Scenario
from rung.economics.sensitivity import Flip
from rung.economics.show import number as figure
from rung.economics.what_if import WhatIf, what_if
from rung.errors import UserError
from rung.money import count, usd
from rung.project import RUN_FILE
from rung.report.charts import Rings, cost_lines, crossing_text, quality_cost
from rung.report.figures import Plot, Scale
from rung.report.reading import FinishedRun
from rung.report.rows import places
from rung.report.spending import Cost, cost_of_model
from rung.report.words import assumed_text, number, times
from rung.ui.pages import Page, crumbs
from rung.ui.site import Site

CLOSE = Decimal("1.1")
"""Below this ratio a change is said in per cent."""
DRAWS = 100
"""Of each break-even: a slider answers at once, and the ends of its interval are shown rounded."""


@dataclass(frozen=True)
class Slider:
    """One input and its range."""

    name: str
    says: str
    unit: str
    low: float
    high: float
    step: float
    value: str
    was: str
    log: bool = False
    """The slider moves over powers of ten; the field beside it has the figure."""


@dataclass(frozen=True)
class Line:
    """One candidate's bill."""

    place: str
    label: str
    technique: str
    key: str
    chosen: bool
    reaches: bool | None
    slow: bool
    """Above the run's limit on latency, or not shown to keep it."""
    score: str
    per_request: str
    per_correct: str
    running: str
    once: str
    monthly: str
    monthly_range: str
    total: str
    assumed: str
    """Of the month: set-up that nobody stated, in words; else empty."""
    parts: tuple[tuple[str, str, str], ...]
    """(what, USD, USD a month) of each line of the bill."""


def cost(site: Site, request: Request) -> Page:
    """The page of the sliders."""
    project, folder = site.project(request), site.run_folder(request)
    run = site.shelf.run(folder)
    base = scenario_of_run((folder / RUN_FILE).read_text(encoding="utf-8"), folder.name)
    changed = asked(request.query_params)
    scenario = what_if(base, changed, base.book(date.today()))
    analysis = analyse(
        scenario.candidates,
        scenario.workload.workload(),
        scenario.book(date.today()),
        target=scenario.target_score,
        draws=DRAWS,
    )
    shown = {
        "project": project,
        "run": run.result,
        "sliders": sliders(base, changed),
        "analysis": analysis,
        "lines": lines(run, analysis),
        "chosen": _label(run, analysis.chosen),
        "before": _label(run, run.result.verdict.choice),
        "as_cheap": _as_cheap(analysis, run.result.verdict.choice),
        "flips": _flips(run, analysis),
        "crossings": _crossings(run, analysis),
        "months": f"{analysis.months.value:f}",
        "count": count,
        **figures(run, scenario, analysis),
    }
    plain = {"run": folder.name, "changed": changed, **output.as_json(analysis)}
    title = f"What {run.result.task} costs"
    return Page("cost.html", title, plain, shown, crumbs(project, folder.name))


def asked(query: Mapping[str, str]) -> WhatIf:
    """The sliders of an address. Raises `UserError` naming the one that cannot be."""
    given = {name: query[name].strip() for name in WhatIf.model_fields if query.get(name)}
    for name, text in given.items():
        try:
            WhatIf.model_validate({name: text})
        except ValidationError as error:
            first = error.errors()[0]
            message = first["msg"].replace("Input should be", "it must be")
            message = "write a number" if first["type"] == "value_error" else message
            raise UserError(f"{name} is {text!r}: {message}") from None
    return WhatIf.model_validate(given)


def sliders(base: Scenario, changed: WhatIf) -> list[Slider]:
    """The inputs with their present figures."""
    workload = base.workload.workload()
    volume, months = workload.requests_per_month.value, workload.months.value
    target = base.target_score
    shown = [
        Slider("requests_per_month", "Requests a month", "", 2, 8, 0.02,
               _now(changed.requests_per_month, volume), f"{volume:,f}", log=True),
        Slider("months", "Months of use", "", 1, 36, 1, _now(changed.months, months),
               f"{months:f}"),
        Slider("call_price", "Price of a call", "×", -1, 1, 0.02, f"{changed.call_price:f}", "1",
               log=True),
        Slider("setup", "Cost of setting up", "×", -1, 1, 0.02, f"{changed.setup:f}", "1",
               log=True),
    ]  # fmt: skip
    if target is not None:
        now = _now(changed.target, target)
        shown.append(Slider("target", "Score that is enough", "", 0, 1, 0.01, now, f"{target:f}"))
    return shown


def _now(changed: Decimal | None, before: Decimal) -> str:
    return f"{before if changed is None else changed:f}"


def _label(run: FinishedRun, key: str | None) -> str:
    row = run.row(key)
    return run.label(row) if row else ""


def _as_cheap(analysis: Analysis, key: str | None) -> bool:
    """Whether the run's choice costs here what the cheapest one does, as closely as is told."""
    month = {c.key: c.monthly.value for c in analysis.candidates}
    if key not in month or analysis.chosen not in month:
        return False
    return no_dearer(float(month[key]), float(month[analysis.chosen]))


def lines(run: FinishedRun, analysis: Analysis) -> list[Line]:
    """Every candidate's bill, in the order of the ladder."""
    named = places(run.result)
    shown = []
    for one in analysis.candidates:
        row = run.row(one.key)
        if row is None:
            continue
        monthly = one.monthly
        ends = usd(monthly.low), usd(monthly.high)
        shown.append(
            Line(
                place=named[one.key],
                label=run.label(row),
                technique=row.technique,
                key=one.key,
                chosen=one.key == analysis.chosen,
                reaches=one.reaches_target,
                slow=one.too_slow,
                score=number(float(one.score.value) if one.score else None),
                per_request=usd(one.per_request.value if one.per_request else None),
                per_correct=usd(one.per_correct.value if one.per_correct else None),
                running=usd(one.running.value),
                once=usd(one.once.value),
                monthly=usd(monthly.value),
                monthly_range="" if ends[0] == ends[1] else " to ".join(ends),
                total=usd(one.total.value),
                assumed=assumed_text(float(one.assumed.value / analysis.months.value)).lstrip(", "),
                parts=tuple((p.what, usd(p.usd.value), usd(p.monthly.value)) for p in one.lines),
            )
        )  # fmt: skip
    return shown


def _flips(run: FinishedRun, analysis: Analysis) -> list[str]:
    """What would have to be otherwise for another choice, the nearest first."""
    nearest = sorted(analysis.flips, key=lambda flip: flip.distance)[:6]
    return [
        f"{_words(run, flip.input)}: {moved(flip)}, {_label(run, flip.instead)} is the cheapest "
        "that is good enough."
        for flip in nearest
    ]


def moved(flip: Flip) -> str:
    """How far an input would have to go; a small step in per cent, for its ends round alike."""
    unit = f" {flip.unit}" if flip.unit else ""
    now, far = f"now {figure(flip.now)}{unit}", flip.distance
    if far < CLOSE:
        step = figure(Decimal(f"{100 * (far - 1):.2g}"))
        return f"{step}% {'more' if flip.rises else 'less'} ({now})"
    side = "above" if flip.rises else "below"
    return f"{side} {figure(flip.at)}{unit} ({now}, {times(float(far))} times)"


def _words(run: FinishedRun, text: str) -> str:
    """An input's name with the candidate in words instead of its key."""
    key, colon, rest = text.partition(": ")
    row = run.row(key)
    rest = rest.replace(ASSUMED, "cost of setting up")
    return f"{run.label(row)}{colon}{rest}" if row else text[:1].upper() + text[1:]


def _crossings(run: FinishedRun, analysis: Analysis) -> list[tuple[str, str]]:
    """(the other candidate, where it and the choice cost the same)"""
    shown = []
    for met in analysis.break_even:
        if analysis.chosen not in (met.a, met.b):
            continue
        other = met.b if met.a == analysis.chosen else met.a
        shown.append((_label(run, other), crossing_text(met, other)))
    return shown


def figures(run: FinishedRun, scenario: Scenario, analysis: Analysis) -> dict[str, Plot | None]:
    """The report's own figures, with these costs, this volume, this target and this choice."""
    result = run.result
    volume = int(analysis.requests_per_month.value)
    changed = result.model_copy(
        update={
            "workload": {"requests_per_month": volume, "months": int(analysis.months.value)},
            "target": result.target if analysis.target is None else float(analysis.target),
            "verdict": result.verdict.model_copy(update={"choice": analysis.chosen}),
        }
    )
    models = models_of(
        scenario.candidates, scenario.workload.workload(), scenario.book(date.today())
    )
    priced = {model.key: cost_of_model(model, 1) for model in models}
    other = FinishedRun(changed)
    return {
        "quality": quality_cost(other, priced),
        "volume": cost_lines(other, priced, _rings(other, analysis, priced)),
    }


def _rings(run: FinishedRun, analysis: Analysis, priced: Mapping[str, Cost]) -> Rings:
    def rings(
        shown: tuple[float, float], scales: tuple[Scale, Scale]
    ) -> tuple[tuple[float, float, str], ...]:
        spots = []
        for met in analysis.break_even:
            at, mine = met.requests_per_month, analysis.chosen
            if mine is None or mine not in (met.a, met.b) or at is None:
                continue
            if shown[0] <= at <= shown[1]:
                other = met.b if met.a == mine else met.a
                title = f"Break-even with {_label(run, other)}: {count(float(f'{at:.3g}'))}"
                spot = scales[0].at(at), scales[1].at(priced[mine].month(at)[0])
                spots.append((*spot, title))
        return tuple(spots)

    return rings
