"""How figures and states read, the same in the terminal, the report and the Markdown."""

import math
from collections.abc import Iterable, Sequence

from rung.behaviour.shelf import filled
from rung.candidate import Candidate, Technique
from rung.decide.claims import certificate
from rung.knowledge.contexts import knowledge_of
from rung.money import usd as usd
from rung.records import Answer, PassedOn
from rung.records.results import CandidateResult, Measured, RunResult, Standing
from rung.solver.ways.vote import VOTES

TECHNIQUE_COLOURS: dict[Technique, str] = {
    "no-llm": "#999999",
    "prompting": "#56b4e9",
    "full-context": "#0072b2",
    "rag": "#009e73",
    "fine-tuning": "#e69f00",
    "hybrid": "#d55e00",
}
"""One colour a technique everywhere, from the palette of Okabe and Ito, which colour-blind readers
can tell apart (https://jfly.uni-koeln.de/color/)."""

STATES = {
    "planned": "not tried",
    "pass": "good enough",
    "drop": "unlikely",
    "hopeless": "below target",
    "undecided": "cannot tell",
    "incomplete": "incomplete",
    "skipped": "skipped",
    "probe": "probe",
}
STANDINGS: dict[Standing, str] = {
    "below": "below target",
    "open": "cannot tell",
    "unlikely": "unlikely",
}
"""Of one that was left, in place of its state: shown to be below, or not worth more calls."""
PHASES = {
    "refine": "looking for its best",
    "fit": "preparing",
    "dev": "pilot on dev",
    "why": "asking its failures again, with the right passage",
    "test": "certifying on test",
    "latency": "timing, one request at a time",
}
"""What a climb is busy with, by the name that it tells its observers."""


def state_text(row: CandidateResult) -> str:
    """What is known of a candidate, in two words."""
    return STANDINGS[row.standing] if row.standing else STATES[row.state]


def number(value: float | None, digits: int = 3) -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def score_text(measured: Measured | None) -> str:
    """`0.813 [0.750–0.866]`, or a dash."""
    if measured is None or measured.value is None:
        return "–"
    return f"{measured.value:.3f} [{number(measured.low, 2)}–{number(measured.high, 2)}]"


def assumed_text(monthly: float) -> str:
    """Beside a figure of a month: what of it nobody stated; empty where nothing is assumed."""
    return f", of which {usd(monthly)} is set-up that nobody stated" if monthly else ""


def month_text(row: CandidateResult) -> str:
    """`$156.33 a month`, with what of it nobody stated."""
    return f"{about(row)}{usd(row.monthly_usd)} a month{assumed_text(row.assumed_monthly_usd)}"


def month_cell(row: CandidateResult) -> str:
    """A month in a narrow table: the star is explained by `assumed_note`."""
    star = "*" if row.monthly_usd is not None and row.assumed_monthly_usd else ""
    return f"{about(row)}{usd(row.monthly_usd)}{star}"


def assumed_note(rows: Iterable[CandidateResult]) -> str:
    """What the stars of a table stand for; empty where there is none."""
    amounts = {r.technique: r.assumed_monthly_usd for r in rows if month_cell(r).endswith("*")}
    if not amounts:
        return ""
    each = ", ".join(f"{usd(amount)} of {technique}" for technique, amount in amounts.items())
    return f"* with set-up that nobody stated: {each}. Yours: [costs] setup_hours"


def bound(value: float | None, digits: int = 3) -> str:
    """A lower bound, rounded down: rounding up would promise more than is certified."""
    if value is None:
        return "–"
    size = 10**digits
    return f"{math.floor(value * size + 1e-9) / size:.{digits}f}"


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign; none on a difference that rounds to 0."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def times(value: float) -> str:
    """A ratio with two significant digits: `4.1`, `1,300`."""
    return f"{value:.2g}" if value < 100 else f"{float(f'{value:.2g}'):,.0f}"


def about(row: CandidateResult) -> str:
    """The sign before a cost that rests on token counts which no server gave."""
    return "~" if row.usage.estimated and row.cost_per_request_usd is not None else ""


def per_thousand(row: CandidateResult) -> str:
    """USD for a thousand requests, measured."""
    cost = row.cost_per_request_usd
    return about(row) + usd(None if cost is None else cost * 1000)


COUNTS = ("wrong", "refused", "errors", "unscored")
"""Columns of what earned no credit or is in no score."""


def counts(measured: Measured | None) -> tuple[str, ...]:
    """Wrong, refused, errors, unscored."""
    if measured is None:
        return ("–",) * len(COUNTS)
    return tuple(str(getattr(measured, name)) for name in COUNTS)


def headline(result: RunResult) -> str:
    """The verdict in one sentence."""
    verdict = result.verdict
    row = next((r for r in result.candidates if r.key == verdict.choice), None)
    if row is None or row.test is None:
        return f"{without_choice(result)}." if verdict.status != "sufficient" else "Good enough."
    sure = certificate(result, bound(row.test.certified, 2), row.test)
    return (
        f"{describe(row)}: {result.metric} {number(row.test.value, 2)} ({sure}), "
        f"{about(row)}{usd(row.monthly_usd)} a month all in{assumed_text(row.assumed_monthly_usd)}."
    )


def units(unit: str | None, n: int = 2) -> str:
    """What scores are counted in: examples, or groups of them by `unit`."""
    return f"{'example' if unit is None else 'group'}{'' if n == 1 else 's'}"


def without_choice(result: RunResult) -> str:
    """What is known where nothing is named: only a ladder that was climbed blames the data."""
    goal = f"{result.metric} {result.target:g}"
    if any(row.state == "pass" for row in result.candidates):
        if result.verdict.stopped == "interrupted":
            return f"Stopped before the cheapest that reaches {goal} was known"
        goal += " within the limits of [target]"
    if result.verdict.status == "insufficient":
        left = [r for r in result.candidates if r.state not in ("pass", "probe")]
        how = " at plain settings" if result.verdict.next_step.figures.get("plain") else ""
        if all(r.standing == "below" for r in left if r.state != "skipped" or r.score):
            return f"Nothing tried{how} reaches {goal}"
        return f"Nothing tried{how} is likely to reach {goal}"
    if result.verdict.stopped == "budget":
        return f"The budget ran out before anything was shown to reach {goal}"
    if result.verdict.stopped == "interrupted":
        return f"Stopped before anything was shown to reach {goal}"
    if any(row.state == "incomplete" for row in result.candidates):
        return f"Calls went unanswered: what reaches {goal} is not known"
    return f"The data cannot tell what reaches {goal}"


def describe(row: CandidateResult) -> str:
    """A candidate in words: `RAG, 3 passages and 5 fixed examples, on smollm2`."""
    return describe_candidate(row.candidate)


def describe_candidate(candidate: Candidate) -> str:
    """As `describe`, before anything is measured."""
    name, model = name_and_model(candidate)
    return f"{name} ({model})" if model else name


def name_and_model(candidate: Candidate) -> tuple[str, str]:
    """What is done, and the model's short name; no model where none is asked."""
    technique = candidate.technique
    if technique == "no-llm":
        kind = candidate.model.removeprefix("no-llm/")
        kinds = {
            "nearest": "No language model: nearest labelled examples",
            "linear": "No language model: linear head on embeddings",
            "encoder": "No language model: embedder tuned on the labels",
            "spans": "No language model: spans of the input",
        }.get(kind, candidate.model)
        return kinds, ""
    names = {
        "prompting": "Prompt",
        "full-context": "Prompt with all documents",
        "rag": "RAG",
        "fine-tuning": "Fine-tuned",
        "hybrid": "Fine-tuned reader with retrieval",
    }
    parts = [names[technique]]
    if candidate.first is not None:
        firsts = {"linear": "Linear head", "encoder": "Tuned embedder"}
        first = firsts.get(candidate.first.removeprefix("no-llm/"), "Nearest example")
        parts = [f"{first} where it is sure, else {names[technique].lower()}"]
    known = knowledge_of(candidate.context).words(candidate.context)
    if known:
        parts.append(known)
    if technique == "prompting" and not candidate.prompt.shots.shown:
        parts.append("no examples")
    parts += [kinds for slot in filled(candidate).values() if (kinds := slot.words(candidate))]
    if candidate.way == "vote":
        parts.append(f"what most of {VOTES} say")
    if candidate.then is not None:
        parts.append(f"else {_bare(candidate.then)}")
    return ", ".join(parts), _bare(candidate.model)


PASSED_ON: dict[PassedOn, str] = {
    "invalid": "the first model's answer was not valid",
    "refused": "the first model refused",
    "unsure": "the first model was not sure",
    "outage": "a model did not answer",
}


def answered_by(answer: Answer) -> str:
    """Whose words an answer is, and why a further model was asked; empty where no file says so."""
    if answer.model is None:
        return ""
    why = f"; passed on: {PASSED_ON[answer.passed_on]}" if answer.passed_on else ""
    return f"answered by {_bare(answer.model)}{why}"


def _bare(model: str) -> str:
    return model.rsplit("/", 1)[-1].rsplit("#", 1)[-1]


def labels(rows: Sequence[CandidateResult]) -> dict[str, str]:
    """Each candidate in words, by key; without the model where all ask the same one."""
    if len(models(rows)) > 1:
        return {r.key: describe(r) for r in rows}
    return {r.key: name_and_model(r.candidate)[0] for r in rows}


def in_words(text: str, rows: Sequence[CandidateResult]) -> str:
    """A sentence with candidates in words where it names their keys."""
    names = labels(rows)
    for key in sorted(names, key=len, reverse=True):
        text = text.replace(key, names[key])
    return text


def models(rows: Sequence[CandidateResult]) -> list[str]:
    """Short names of the models that candidates ask."""
    return sorted({m for r in rows if (m := name_and_model(r.candidate)[1])})
