"""The reasons of a verdict in words: every sentence that a verdict can say stands here."""

import math
from collections.abc import Callable
from typing import Any

from rung.records.results import Kind, Reason, RunResult
from rung.report.words import in_words, units, usd

Figures = dict[str, Any]


def reason_text(reason: Reason, unit: str | None = None) -> str:
    """One sentence, with candidates by their keys; `unit` is what examples are grouped by."""
    return WORDS[reason.kind](reason.candidate, {**reason.figures, "unit": unit})


def reason_texts(result: RunResult) -> tuple[str, ...]:
    """Why the verdict is what it is, with candidates in words."""
    return tuple(
        in_words(reason_text(r, result.unit), result.candidates) for r in result.verdict.reasons
    )


def next_text(result: RunResult) -> str:
    """What to do next, with candidates in words."""
    return in_words(reason_text(result.verdict.next_step, result.unit), result.candidates)


def _score(figures: Figures) -> str:
    if figures.get("value") is None:
        return "nothing scored"
    down = math.floor((figures.get("certified") or 0.0) * 1000) / 1000  # never rounded up
    sure = f", at least {down:.3f} certified" if down else ""
    return f"{figures['value']:.3f} on {figures['n']} {figures['split']} {_units(figures)}{sure}"


def _units(figures: Figures, n: int = 2) -> str:
    return units(figures.get("unit"), n)


def _range(figures: Figures) -> str:
    low, high = figures.get("low"), figures.get("high")
    return "" if low is None or high is None else f", interval {low:.3f} to {high:.3f}"


def _chance(figures: Figures) -> str:
    chance = figures.get("chance")
    if chance is None:
        return "chance not known"
    return "chance below 1%" if chance < 0.01 else f"chance {chance:.0%}"


def _left(key: str, what: str, figures: Figures) -> str:
    remarks = [figures["why"]] if figures.get("why") else []
    if "loss_fell" in figures:
        remarks.append(
            f"its loss on dev still fell by {figures['loss_fell']:.0%} in the last epoch: more "
            f"than [climb] epochs = {figures['epochs']} may lift it"
        )
    aside = f" ({'; '.join(remarks)})" if remarks else ""
    return f"{key}: {what}{aside}."


def _reaches(key: str, f: Figures) -> str:
    return (
        f"{key} ({f['technique']}) reaches {f['metric']} {_score(f)} "
        f"(target {f['target']:g}, {f['claim']})."
    )


def _passes_too(key: str, f: Figures) -> str:
    if f["how"] == "unsure-speed":
        high = "no upper bound" if f["high"] is None else f"at most {f['high']:.2f} s"
        return (
            f"{key}: passes, but whether it keeps {f['slowest']:g} s cannot be told: p95 "
            f"{f['p95']:.2f} s, at least {f['low']:.2f} s, {high}."
        )
    hows = {
        "limit": f", but {f['limit']}",
        "alike": " too, at the same cost within 1% or a cent, on a higher rung",
        "dearer": " too, at a higher cost",
    }
    return f"{key}: passes{hows[f['how']]}."


def _below(key: str, f: Figures) -> str:
    return _left(key, f"shown to be below {f['target']:g}, {_score(f)}{_range(f)}", f)


def _open(key: str, f: Figures) -> str:
    needs = _needs(f) if "more" in f else ""
    what = f"cannot be shown on these examples to reach {f['target']:g} or not, {_score(f)}"
    return _left(key, f"{what}{_range(f)}; {_chance(f)} that it is good enough{needs}", f)


def _needs(f: Figures) -> str:
    more = f["more"]
    if more is None:
        return f", and no number of {_units(f)} up to 100,000 is likely to tell"
    return f", and {more:,} more {_units(f, more)} would probably tell"


def _unlikely(key: str, f: Figures) -> str:
    what = f"not worth more calls, {_score(f)}{_range(f)}; {_chance(f)} that it is good enough"
    return _left(key, what, f)


def _may_suffice(key: str, f: Figures) -> str:
    if "more" not in f:
        tell = f"how many {_units(f)} would tell is not known, though it would"
    elif f["more"] is None:
        tell = f"no number of {_units(f)} up to 100,000 is likely to tell, though it would"
    else:
        lie = f" ({f['unused']:,} rows lie unused: [climb] test_size)" if f.get("unused") else ""
        tell = f"{f['more']:,} more {_units(f, f['more'])}{lie} would tell, and"
    return f"{key} may be enough too ({_chance(f)}): {tell} save {usd(f['saves_usd'])} a month."


def _unsettled(key: str, f: Figures) -> str:
    names = {"undecided": "cannot tell", "planned": "not reached"}
    scored = f", {_score(f)}" if f.get("value") is not None else ""
    return _left(key, f"{names.get(f['state'], f['state'])}{scored}", f)


def _more_examples(key: str, f: Figures) -> str:
    n, target, unused = f["n"], f["target"], f["unused"]
    must = (
        f" (with {n} test examples {f['must_see']} right certify {target:g})"
        if f["must_see"]
        else f" ({n} test {_units(f)} can never certify {target:g})"
    )
    if not f.get("counts", True):  # of answers that are partly right no number says it
        must = ""
    chances = ", ".join(f"{chance:.0%} with {size}" for size, chance in f["points"])
    raised = "raise or leave out [climb] test_size"
    add = f"Add labelled test {_units(f)}, or lower the target."
    if unused:
        add = f"{unused:,} test examples lie unused: {raised} first."
    if not f["points"]:  # another target would be another test of the same rows
        chances = "none, since the error of these examples is used up"
        add = f"Give these up (`rung reveal`), and add fresh test {_units(f)}."
        if unused:
            add = (
                f"{unused:,} test examples lie unused: give these up (`rung reveal`), and {raised}."
            )
    return (
        f"Cannot tell on {n} test {_units(f)}{must}. Chance that {key} is certified with more: "
        f"{chances}; chance that it is good enough at all: {f['ceiling']:.0%}. {add}"
    )


def _beyond(key: str, f: Figures) -> str:
    epochs = "more [climb] epochs, " if f["epochs"] else ""
    known = (
        f"Everything tried is shown to be below {f['target']:g}"
        if f["all_below"]
        else f"Nothing tried is likely to reach {f['target']:g}"
    )
    best = f"{known}; the best was {key} with {f['value']:.3f}. "
    if f["stuck"]:
        return f"{best}Of {f['stuck']}, {f['hindered']}. {f['help']}"
    plain = ""
    if n := f.get("plain"):
        those = "One of these was" if n == 1 else f"{n} of these were"
        plain = (
            f'{those} tried at plain settings only: [climb] effort = "serious" looks for better '
            "prompts, searches and recipes of tuning first (`rung plan` says what that takes). "
            "Else "
        )
    return (
        f"{best}{plain}{'try' if plain else 'Try'} {epochs}a stronger model in [models], more "
        "training examples, or a lower target."
    )


WORDS: dict[Kind, Callable[[str, Figures], str]] = {
    "reaches": _reaches,
    "fell-back": lambda _, f: f"{f['share']:.0%} of its test requests went on to {f['to']}.",
    "times-dearer": lambda key, f: f"A request to {key} costs {f['times']:.1f} times as much.",
    "not-tried": lambda _, f: f"Not tried, expected to cost more: {'; '.join(f['keys'])}.",
    "passes-too": _passes_too,
    "below": _below,
    "open": _open,
    "unlikely": _unlikely,
    "may-suffice": _may_suffice,
    "unsettled": _unsettled,
    "nothing-tried": lambda *_: "No candidate could be tried.",
    "serve": lambda *_: "Serve it from .rung/winner, or raise the target and climb on.",
    "unanswered": lambda *_: (
        "Some calls went unanswered: see why above, then run the same command again; nothing is "
        "paid twice."
    ),
    "time-again": lambda _, f: (
        f"What is certified cannot be told from {f['slowest']:g} s at the 95th percentile: "
        + (
            "that takes 59 different examples to time, so add some, or take the limit out."
            if f.get("few")
            else "climb again when the machine is idle, or allow more."
        )
    ),
    "mend": lambda *_: "Nothing could be run: mend what is said above, then climb again.",
    "nothing-tested": lambda *_: (
        "Nothing was measured on test: do what is said above, then climb again."
    ),
    "more-examples": _more_examples,
    "beyond": _beyond,
    "limits": lambda _, f: (
        f"Certified at {f['target']:g}, but over a limit of [target]: {'; '.join(f['keys'])}. "
        "Allow more, or name a cheaper or faster model in [models]."
    ),
    "no-scores": lambda *_: "No candidate was scored: look at the errors first.",
    "said": lambda _, f: str(f["text"]),
}
