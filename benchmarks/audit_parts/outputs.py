"""Wrong outputs put into text and JSON sets: are they listed, and does the ceiling cover the truth?

The sets hold hardly an input twice, so repeats are planted: of a share of the rows a second one,
equal or with a small word more. The truth is what the untouched answers score against the changed.
"""

from __future__ import annotations

import json
import random
from statistics import fmean
from typing import Any

from audit_parts.data import ROOT, rows
from rung.audit import Material
from rung.audit.base import Ceiling
from rung.audit.checks import output_ceiling
from rung.audit.pairs import find_twins
from rung.scorers import ComparingScorer, gold_answer, scorer_for
from rung.task.types import (
    Example,
    JsonValue,
    SchemaOutput,
    Source,
    Target,
    Task,
    TextOutput,
)

RATES = (0.0, 0.02, 0.05, 0.10)
SEEDS = (1, 2, 3, 4, 5)
REPEATED = (0.0, 0.1, 0.4)
"""Shares of the rows that get a second one."""
JSON_SETS = ("usaddress-json", "snips-slots")
SETS: tuple[tuple[str, str], ...] = (
    ("wiki-docs-qa", "exact_match"),
    ("wiki-docs-qa", "token_f1"),
    ("usaddress-json", "exact_match"),
    ("usaddress-json", "field_f1"),
    ("snips-slots", "exact_match"),
    ("snips-slots", "field_f1"),
)


def measure() -> list[dict[str, Any]]:
    """One row for each set, metric, share of repeats, rate and seed."""
    found = []
    for name, metric in SETS:
        for share in REPEATED:
            for rate in RATES:
                found += [_one(name, metric, share, rate, seed) for seed in SEEDS]
    return found


def summary(found: list[dict[str, Any]], keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """Means over seeds of what has a value, and how often the stated interval covers the truth."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in found:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    lines = []
    for values, own in groups.items():
        numbers = {k for row in own for k, v in row.items() if isinstance(v, float)} - set(keys)
        means = {
            k: round(fmean(row[k] for row in own if row.get(k) is not None), 3)
            for k in sorted(numbers)
        }
        counted = {
            k: f"{sum(bool(row.get(k)) for row in own)}/{len(own)}"
            for k in ("decided", "covers", "within_strict")
            if any(isinstance(row.get(k), bool) for row in own)
        }
        lines.append({**dict(zip(keys, values, strict=True)), **means, **counted})
    return lines


def _one(name: str, metric: str, share: float, rate: float, seed: int) -> dict[str, Any]:
    draw = random.Random(f"{name}:{share}:{rate}:{seed}")
    clean = planted_repeats(examples_of(name), share, draw)
    noisy, wrong = inject(clean, rate, draw)
    task = task_of(name, metric, noisy)
    seen = output_ceiling.check(Material(task))
    twins = {e.id for e in clean if f"{e.id}-again" in {o.id for o in clean}}
    paired = wrong & (twins | {f"{i}-again" for i in twins})
    flag = next((f for f in seen.flags if f.id == "answer-noise"), None)
    listed = flag.examples if flag else ()
    return {
        "set": name,
        "metric": metric,
        "repeated": share,
        "rate": rate,
        "seed": seed,
        **listing(listed, wrong, paired),
        **covering(seen.ceiling, truth(task, clean)),
    }


def listing(listed: tuple[str, ...], wrong: set[str], reachable: set[str]) -> dict[str, Any]:
    """Precision and recall of a list, at its own length; None where there is nothing to divide."""
    hits = len(wrong & set(listed))
    return {
        "listed": float(len(listed)),
        "precision": hits / len(listed) if listed else None,
        "recall": hits / len(wrong) if wrong else None,
        "recall_of_repeated": (
            len(reachable & set(listed)) / len(reachable) if reachable else None
        ),
    }


def covering(ceiling: Ceiling | None, true: float) -> dict[str, Any]:
    """The stated ceiling beside the truth."""
    if ceiling is None:
        return {"truth": true, "decided": False}
    return {
        "truth": true,
        "decided": True,
        "ceiling": ceiling.value,
        "low": ceiling.low,
        "high": ceiling.high,
        "strict": ceiling.strict,
        "covers": ceiling.low <= true <= ceiling.high,
        "within_strict": ceiling.strict is None or true <= ceiling.strict + 1e-12,
    }


def examples_of(name: str, part: str = "test") -> list[Example]:
    """The rows of a set, JSON answers parsed; of equal inputs (usaddress-json: one pair) one."""
    data = rows(name, part)
    again = {i for group in find_twins([row["input"] for row in data]).equal for i in group[1:]}
    return [
        Example(
            id=row["id"],
            input=row["input"],
            expected=json.loads(row["expected"]) if name in JSON_SETS else row["expected"],
        )
        for i, row in enumerate(data)
        if i not in again
    ]


def planted_repeats(given: list[Example], share: float, draw: random.Random) -> list[Example]:
    """Every second repeat is letter by letter equal, the others begin with a small word."""
    chosen = draw.sample(given, round(share * len(given)))
    second = [
        e.model_copy(
            update={"id": f"{e.id}-again", "input": e.input if i % 2 else f"Please: {e.input}"}
        )
        for i, e in enumerate(chosen)
    ]
    return [*given, *second]


def inject(
    given: list[Example], rate: float, draw: random.Random
) -> tuple[list[Example], set[str]]:
    """That share of the answers made wrong, each row by itself."""
    chosen = {e.id for e in draw.sample(given, round(rate * len(given)))}
    changed = [
        e.model_copy(update={"expected": spoiled(e.expected, given, draw)}) if e.id in chosen else e
        for e in given
    ]
    return changed, chosen


def spoiled(answer: JsonValue, given: list[Example], draw: random.Random) -> JsonValue:
    """Text: the answer of another row. JSON: a field gone, misnamed or of another value."""
    if isinstance(answer, str):
        return draw.choice([e.expected for e in given if e.expected != answer])
    inner = answer.get("slots", answer)
    others = [o.expected.get("slots", o.expected) for o in given]
    values = [(key, value) for other in others for key, value in other.items()]
    changed = dict(inner)
    while changed == inner:
        changed = dict(inner)
        field = draw.choice(sorted(inner)) if inner else None
        name, value = draw.choice(values)
        kind = draw.choice(["gone", "misnamed", "other value"]) if field else "added"
        if field is not None and kind != "other value":
            lost = changed.pop(field)
            if kind == "misnamed":
                changed[name] = lost
        elif field is not None:
            changed[field] = value
        else:
            changed[name] = value
    return {**answer, "slots": changed} if "slots" in answer else changed


def task_of(name: str, metric: str, test: list[Example]) -> Task:
    """A task whose test file holds these rows; free text but for the JSON sets."""
    output: Any = TextOutput()
    if name in JSON_SETS:
        schema = ROOT / "benchmarks" / "sets" / name / "answer.schema.json"
        output = SchemaOutput(json_schema=json.loads(schema.read_text(encoding="utf-8")))
    return Task(
        name=name,
        instruction="Answer.",
        output=output,
        target=Target(metric=metric, score=0.5),
        test=tuple(test),
        source=Source(examples={"test": tuple(test)}),
    )


def truth(task: Task, clean: list[Example]) -> float:
    """What a system scores that gives the untouched answers."""
    scorer = scorer_for(task)
    assert isinstance(scorer, ComparingScorer)
    by_id = {e.id: e for e in clean}
    return fmean(scorer.compare(e, gold_answer(task, by_id[e.id])).value or 0.0 for e in task.test)
