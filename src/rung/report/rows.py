"""The ladder as rows of facts: each figure with where it comes from."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rung.decide.claims import holds_for
from rung.economics.pricing import PriceBook
from rung.records.results import CandidateResult, Measured, RunResult
from rung.report.figures import Bar, Scale, Strip
from rung.report.reading import FinishedRun
from rung.report.spending import Cost
from rung.report.words import (
    COUNTS,
    about,
    assumed_text,
    bound,
    month_cell,
    name_and_model,
    number,
    per_thousand,
    score_text,
    state_text,
    usd,
)

STRIP = Scale(0.0, 1.0, 6.0, 214.0)
"""Scores from 0 to 1, never cut: the same axis in every row."""
NONE = "–"


class Fact(NamedTuple):
    """A figure as text, and where it comes from."""

    text: str
    why: str


@dataclass(frozen=True)
class Row:
    """One candidate of the ladder, ready to be shown."""

    row: CandidateResult
    place: str
    label: str
    model: str
    """Short name of the model that is asked; empty where none is."""
    chosen: bool
    state: str
    strip: Strip
    score: Fact
    interval: Fact
    dev: Fact
    certified: Fact
    wrong: Fact
    refused: Fact
    errors: Fact
    unscored: Fact
    calls: Fact
    per_thousand: Fact
    monthly: Fact
    latency: Fact

    @property
    def key(self) -> str:
        """The candidate's key."""
        return self.row.key


def places(result: RunResult) -> dict[str, str]:
    """A short name for each candidate: its number on the ladder; letters for probes."""
    numbers: dict[str, str] = {}
    rungs = probes = 0
    for row in result.candidates:
        if row.candidate.is_probe:
            numbers[row.key] = chr(ord("A") + probes % 26)
            probes += 1
        else:
            rungs += 1
            numbers[row.key] = str(rungs)
    return numbers


def price_book(result: RunResult) -> PriceBook | None:
    """The prices that the run used; None for a run that kept none."""
    try:
        return PriceBook.model_validate(result.prices) if result.prices else None
    except ValueError:
        return None


def ladder_rows(run: FinishedRun, costs: Mapping[str, Cost]) -> list[Row]:
    """Every candidate in the order of the ladder."""
    result = run.result
    asked = _asked(run)
    used = Counter[str]()
    for one in run.attempts:
        used[one.candidate] += one.answer.calls if one.answer else 0
    book, named = price_book(result), places(result)
    return [
        Row(
            row=row,
            place=named[row.key],
            label=run.label(row),
            model=name_and_model(row.candidate)[1],
            chosen=row.key == result.verdict.choice,
            state=state_text(row),
            strip=strip(row, run.label(row), result),
            **_scores(row, result),
            **_counts(row),
            calls=_calls(row, used[row.key], asked.get(row.key, 0)),
            **_money(row, result, costs.get(row.key), book),
            latency=_latency(row),
        )
        for row in result.candidates
    ]


def strip(row: CandidateResult, label: str, result: RunResult) -> Strip:
    """Score and interval on test and on dev, the target line, the certified bound."""
    bars = []
    for seen, y in ((row.test, 14.0), (row.dev, 27.0)):
        if seen is None or seen.value is None:
            continue
        low = seen.value if seen.low is None else seen.low
        high = seen.value if seen.high is None else seen.high
        bars.append(Bar(STRIP.at(seen.value), STRIP.at(low), STRIP.at(high), y, seen.split))
    certified = row.test.certified if row.test else None
    scores = [f"{m.split} {score_text(m)}" for m in (row.test, row.dev) if m]
    title = f"{label}: {', '.join(scores) or 'not measured'}; target {result.target:g}"
    return Strip(
        tuple(bars),
        (STRIP.at(result.target),),
        None if not certified else STRIP.at(certified),
        title=title,
    )


def _scores(row: CandidateResult, result: RunResult) -> dict[str, Fact]:
    best = row.score
    if best is None or best.value is None:
        nothing = Fact(NONE, "Nothing was scored.")
        return {"score": nothing, "interval": nothing, "dev": nothing, "certified": nothing}
    bounds = NONE if best.low is None else f"{number(best.low, 2)}–{number(best.high, 2)}"
    where = f"of {best.n} {best.split} scores"
    return {
        "score": Fact(number(best.value), f"Mean {where} ({result.metric}). {_details(best)}"),
        "interval": Fact(
            bounds, f"{result.confidence:.0%} interval {where}, method: {best.method or 'none'}."
        ),
        "dev": _dev(row),
        "certified": _certified(row, result),
    }


def _details(measured: Measured) -> str:
    details = ", ".join(f"{k.replace('_', ' ')} {v:.3f}" for k, v in measured.details.items())
    return f"Secondary measures: {details}." if details else ""


def _dev(row: CandidateResult) -> Fact:
    dev = row.dev
    if dev is None or dev.value is None:
        return Fact(NONE, "No pilot was scored on dev.")
    return Fact(f"{dev.value:.3f}", f"Pilot: mean of {dev.n} dev scores, {score_text(dev)}.")


def _certified(row: CandidateResult, result: RunResult) -> Fact:
    test = row.test
    if test is None or test.certified is None:
        return Fact(NONE, "Only scores on test certify anything.")
    error = "" if row.alpha is None else f" at an error of {row.alpha:.2g}, this candidate's share"
    return Fact(
        f"≥ {bound(test.certified)}",
        f"Highest target that {test.n} test scores certify{error} of "
        f"{1 - result.confidence:.0%} for the whole ladder: {holds_for(result, test)}.",
    )


def _counts(row: CandidateResult) -> dict[str, Fact]:
    score = row.score
    if score is None:
        nothing = Fact(NONE, "Nothing was asked.")
        return dict.fromkeys(COUNTS, nothing)
    on = f"on {score.split}"
    return {
        "wrong": Fact(str(score.wrong), f"Scored answers without any credit, {on}."),
        "refused": Fact(
            str(score.refused),
            f"Examples refused for what stands in them, {on}: counted as not answered. "
            + "; ".join(f"{words} ({n})" for words, n in score.refusals.items()),
        ),
        "errors": Fact(str(score.errors), f"Examples that got no answer, {on}: never 'wrong'."),
        "unscored": Fact(str(score.unscored), f"Answers that no scorer could judge, {on}."),
    }


def _asked(run: FinishedRun) -> dict[str, int]:
    """Model calls that each candidate would take if asked everything.

    The run knows the sum over candidates of pilot and test; probes have a pilot only.
    """
    result = run.result
    rows = [r for r in result.candidates if r.technique != "no-llm"]
    tests = result.sizes.get("test", 0)
    tested = sum(not r.candidate.is_probe for r in rows)
    if not rows:
        return {}
    pilot = max(0, result.calls.exhaustive - tests * tested) // len(rows)
    return {r.key: pilot + (0 if r.candidate.is_probe else tests) for r in rows}


def _calls(row: CandidateResult, used: int, exhaustive: int) -> Fact:
    if row.technique == "no-llm":
        return Fact("none", "Asks no language model.")
    return Fact(
        f"{used:,} / {exhaustive:,}",
        "Model calls behind the recorded attempts, repairs included / one call for every pilot "
        "and test example.",
    )


def _money(
    row: CandidateResult, result: RunResult, cost: Cost | None, book: PriceBook | None
) -> dict[str, Fact]:
    if row.state == "probe" and row.cost_per_request_usd is not None:
        return {
            "per_thousand": Fact(per_thousand(row), "Mean of its answers."),
            "monthly": Fact(NONE, "A probe is never shipped."),
        }
    if cost is None or row.cost_per_request_usd is None:
        nothing = Fact(NONE, "Nothing was answered, so nothing was priced.")
        return {"per_thousand": nothing, "monthly": nothing}
    rates = (
        [book.rates[name] for name in row.candidate.models if name in book.rates] if book else []
    )
    source = "".join(f" Price of {r.model}: {r.source}." for r in rates)
    if len(rates) == 1:
        source = f" Price: {rates[0].source}."
    use = row.usage
    tokens = f"{use.input_tokens:,} tokens in, {use.output_tokens:,} out, {use.seconds:.3g} s"
    tokens += ", partly estimated" if use.estimated else ""
    spread = f"{usd(cost.low * 1000)} to {usd(cost.high * 1000)}"
    requests = result.workload.get("requests_per_month", 0)
    months = result.workload.get("months", 1)
    low, high = cost.month(requests)[1:]
    setup = f", {usd(row.setup_usd)} once spread over {months} months included"
    setup = (setup if row.setup_usd else "") + assumed_text(row.assumed_monthly_usd)
    return {
        "per_thousand": Fact(
            about(row) + usd(cost.each * 1000),
            f"Mean of {cost.n} answers ({tokens} each), 95% interval {spread}.{source}",
        ),
        "monthly": Fact(
            month_cell(row),
            f"All in at {requests:,} requests{setup}; with every measured input at the ends of "
            f"its 95% interval: {usd(low)} to {usd(high)}.",
        ),
    }


def _latency(row: CandidateResult) -> Fact:
    if row.latency_p95_s is None:
        return Fact(NONE, "Timed only for candidates that are good enough.")
    return Fact(
        seconds(row.latency_p95_s),
        "95th percentile, requests asked one at a time, nothing from the cache. "
        f"{latency_ends(row)}",
    )


def latency_ends(row: CandidateResult) -> str:
    """Between which the 95th percentile of a timed candidate lies, in a sentence."""
    if row.latency_low_s is None:
        return "No interval: too few requests."
    if row.latency_high_s is None:
        return f"At least {seconds(row.latency_low_s)} (95% confidence), no upper end from so few."
    low, high = seconds(row.latency_low_s), seconds(row.latency_high_s)
    return f"Between {low} and {high}, each end with 95% confidence."


def seconds(value: float) -> str:
    """`12 ms`, `0.31 s`, `5.2 min`."""
    if value >= 60:
        return f"{value / 60:.1f} min"
    if value >= 10:
        return f"{value:.0f} s"
    return f"{value * 1000:.2g} ms" if value < 0.1 else f"{value:.2g} s"
