"""What the framework expects before anything is measured: a prior, and it says so.

Pure: answers and a day in, advice out. Every sentence comes from a rule with its source; where
the documents disagree, the advice shows each figure, which one it took, and why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from rung.decide.rules.answers import Answers, use_case_row
from rung.decide.rules.conditions import (
    conditions_of,
    derive,
    disputed,
    holds,
    met,
    thresholds,
)
from rung.decide.rules.costs import assumed, expected_costs
from rung.decide.rules.loader import Rule, documents, of_kind, rules, titles
from rung.economics.analysis import Analysis

PRIOR = "This is a prior: what `rung climb` measures on your own examples overrules it."
NO_LLM = (
    "Where answers are labels, a climb first tries what needs no language model, which none of "
    "the documents has: the nearest examples, a linear classifier."
)
LABELS = (None, "other", "classification")
"""Use cases whose answers may be labels."""
TECHNIQUES = ("prompting", "rag", "fine-tuning", "hybrid")
ROUTES: dict[str, tuple[str, ...]] = {
    "prompting": ("prompting",),
    "full-context": ("prompting", "full-context"),
    "rag": ("prompting", "rag"),
    "fine-tuning": ("prompting", "fine-tuning"),
    "hybrid": ("prompting", "rag", "hybrid"),
}
"""What is built on the way to each technique, in order; RAG comes before hybrid (C)."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that speaks here."""

    id: str
    says: str
    sources: tuple[str, ...]
    strength: str
    technique: str | None = None


@dataclass(frozen=True, slots=True)
class Mending:
    """What one technique would and would not mend of what fails here."""

    technique: str
    mends: tuple[str, ...]
    does_not: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dispute:
    """A threshold on which the documents differ."""

    id: str
    says: str
    unit: str
    figures: tuple[tuple[str, str], ...]
    """(document title, what it says)."""
    used: Decimal
    why: str
    matters: bool
    """The answer here would be another one with another document's figure."""


@dataclass(frozen=True, slots=True)
class Check:
    """One item of the checklist before building."""

    id: str
    says: str
    state: str
    """done, missing, or not known."""
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UseCase:
    """The row of the use-case table that is nearest."""

    says: str
    prompting: str
    rag: str
    fine_tuning: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """The whole advice."""

    expected: str
    because: Reason
    build: tuple[str, ...]
    """Techniques in the order in which to build them; none where what is there is good enough."""
    no_llm: str | None
    """What is tried before any language model, where it may apply."""
    steps: tuple[Reason, ...]
    reasons: tuple[Reason, ...]
    mending: tuple[Mending, ...]
    use_case: UseCase | None
    flags: tuple[Reason, ...]
    checklist: tuple[Check, ...]
    disputes: tuple[Dispute, ...]
    statements: tuple[Reason, ...]
    """What the documents hold to be so, of the techniques on the way."""
    costs: Analysis
    assumed: tuple[str, ...]
    next_command: str
    note: str = PRIOR


def advise(answers: Answers, on: date, folder: str | None = None) -> Advice:
    """The framework's expectation for these answers, priced with the prices of `on`.

    `folder` is the task's, where there is one already: then the next command measures.
    """
    used = thresholds(answers.thresholds)
    facts = derive(answers.facts(), used)
    chosen = next(rule for rule in of_kind("expect") if holds(rule, facts, used))
    expected = chosen.technique or "prompting"
    stop = chosen.id.startswith("expect.good-enough")
    build = () if stop else _route(expected, facts)
    return Advice(
        expected=expected,
        because=reason(chosen),
        build=build,
        no_llm=NO_LLM if answers.use_case in LABELS and not stop else None,
        steps=tuple(
            reason(rule)
            for rule in of_kind("step")
            if holds(rule, facts, used) and _on_the_way(rule, build, facts)
        ),
        reasons=tuple(
            reason(rule)
            for kind in ("derived", "need")
            for rule in of_kind(kind)
            if holds(rule, facts, used)
        ),
        mending=_mending(answers),
        use_case=_use_case(answers),
        flags=tuple(reason(rule) for rule in of_kind("flag") if holds(rule, facts, used)),
        checklist=tuple(_check(rule, facts, used) for rule in of_kind("check")),
        disputes=_disputes(facts, used, answers.thresholds),
        statements=tuple(
            reason(rule)
            for rule in of_kind("statement")
            if rule.technique is None or rule.technique in build
        ),
        costs=expected_costs(answers, on),
        assumed=assumed(answers),
        next_command=f"rung climb {folder}" if folder else "rung init my-task",
    )


def reason(rule: Rule) -> Reason:
    """A rule as a reason, its documents by title."""
    return Reason(rule.id, rule.says, titles(rule), rule.strength, rule.technique)


def _route(expected: str, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Without what is there already; where both needs are stated, RAG before hybrid."""
    done = set()
    if facts.get("prompt_effort") == "week":
        done.add("prompting")
    if facts.get("rag_built") is True:
        done.add("rag")
    left = tuple(step for step in ROUTES[expected] if step not in done)
    return left or (expected,)


def _on_the_way(rule: Rule, build: tuple[str, ...], facts: Mapping[str, Any]) -> bool:
    """A step belongs to the route; trying a better model belongs to any route that trains."""
    if rule.id == "ladder.better-model":
        return bool({"fine-tuning", "hybrid"} & set(build))
    if rule.id == "ladder.good-enough":
        return True
    if rule.id == "ladder.fine-tuning":
        return bool({"fine-tuning", "hybrid"} & set(build))
    return rule.technique in build


def _mending(answers: Answers) -> tuple[Mending, ...]:
    """By symptom: what each technique mends and does not; hybrid does what both do."""
    here = set(answers.symptoms)
    mending = {
        technique: tuple(
            tuple(
                rule.says
                for rule in of_kind("mends")
                if rule.technique == technique and rule.mends is good and here & set(rule.symptoms)
            )
            for good in (True, False)
        )
        for technique in TECHNIQUES
    }
    both = (*mending["rag"][0], *mending["fine-tuning"][0])
    neither = tuple(
        rule.says
        for rule in of_kind("mends")
        if rule.technique in ("rag", "fine-tuning")
        and rule.mends is False
        and (here & set(rule.symptoms)) - _mended_by_both()
    )
    mending["hybrid"] = (tuple(dict.fromkeys(both)), tuple(dict.fromkeys(neither)))
    return tuple(Mending(t, mending[t][0], mending[t][1]) for t in TECHNIQUES) if here else ()


def _mended_by_both() -> set[str]:
    """Symptoms that RAG or fine-tuning mends."""
    return {
        symptom
        for rule in of_kind("mends")
        if rule.technique in ("rag", "fine-tuning") and rule.mends
        for symptom in rule.symptoms
    }


def _use_case(answers: Answers) -> UseCase | None:
    row = use_case_row(answers.use_case)
    if row is None:
        return None
    return UseCase(row.says, row.prompting or "", row.rag or "", row.fine_tuning or "", titles(row))


def _check(rule: Rule, facts: Mapping[str, Any], used: Mapping[str, Decimal]) -> Check:
    """Done where `when` holds, missing where `unless` does, else not known."""
    state = "not known"
    if all(met(condition, facts, used) for condition in rule.when):
        state = "done"
    elif any(met(condition, facts, used) for condition in rule.unless):
        state = "missing"
    return Check(rule.id, rule.says, state, titles(rule))


def _disputes(
    facts: Mapping[str, Any], used: Mapping[str, Decimal], own: Mapping[str, Decimal]
) -> tuple[Dispute, ...]:
    """Thresholds with more than one figure, those that matter here first."""
    asked: dict[str, bool] = {}
    for rule in rules():
        for condition in conditions_of(rule):
            name = condition.threshold
            if name is not None:
                asked[name] = asked.get(name, False) or disputed(name, condition, facts)
    disputes = []
    for rule in of_kind("threshold"):
        if len({figure.says for figure in rule.figures}) > 1:
            disputes.append(
                _dispute(rule, used[rule.id], rule.id in own, asked.get(rule.id, False))
            )
    return tuple(sorted(disputes, key=lambda dispute: not dispute.matters))


def _dispute(rule: Rule, used: Decimal, own: bool, matters: bool) -> Dispute:
    return Dispute(
        id=rule.id,
        says=rule.says,
        unit=rule.unit or "",
        figures=tuple((documents()[figure.source], figure.says) for figure in rule.figures),
        used=used,
        why="you set it" if own else rule.why or "",
        matters=matters,
    )
