"""A moving target: the same kind of input is labelled otherwise later on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from rung.audit.base import NOTHING, Found, one, skip
from rung.audit.material import Material
from rung.decide.rules.loader import by_id, titles
from rung.models.base import Vectors
from rung.records import Flag
from rung.task.types import JsonValue, LabelsOutput

FALSE_ALARMS = 0.01
"""Chance of a flag where nothing moves: the test's own level, exact whatever the labels."""
SHUFFLES = 999
FEWEST = 60
DATED = 0.8
"""Share of the examples that must carry a date under one name."""
PER_KIND = 12
"""Examples of a kind of input, about: alike, and enough to compare before and after."""
PERIODS = 2
_YEAR = re.compile(r"(?:19|20)\d\d")


def check(material: Material) -> Found:
    """`moving-target`: labels hang on the date within kinds of input."""
    if not isinstance(material.task.output, LabelsOutput):
        return skip("the output is no label")
    if material.vectors is None:
        return skip(material.unembedded)
    field, when = dates(material)
    if field is None:
        return skip("no field of meta holds a date in most examples")
    known = [i for i, day in enumerate(when) if day is not None]
    if len(known) < FEWEST:
        return skip(f"{len(known)} dated examples are too few; {FEWEST} are needed")
    labels = [material.same_answer[material.embedded[i]] for i in known]
    period = later([float(when[i] or 0.0) for i in known])
    if len(set(period)) < PERIODS:
        return skip("all examples are of one day")
    kinds = kinds_of(material.vectors[known], material.task.climb.seed)
    p_value = stratified(labels, period, kinds, material.task.climb.seed)
    if p_value > FALSE_ALARMS:
        return NOTHING
    rows = [material.embedded[known[i]] for i in _moved(labels, period, kinds)]
    return one(_flag(field, p_value, material.most_suspicious(rows)))


def _flag(field: str, p_value: float, examples: tuple[str, ...]) -> Flag:
    rule = by_id()["flag.moving-target"]
    return Flag(
        id="moving-target",
        severity="warn",
        figure=round(p_value, 4),
        threshold=FALSE_ALARMS,
        source=f"{'; '.join(titles(rule))}; stratified permutation test",
        text=(
            f"Inputs of the same kind are labelled otherwise in the later half (by meta.{field}): "
            f"p = {p_value:.3f} by a permutation test whose false alarms are "
            f"{FALSE_ALARMS:.0%}."
        ),
        advice="Label the older examples anew by today's definition or leave them out, and keep "
        "the newest ones for test.",
        examples=examples,
    )


def dates(material: Material) -> tuple[str | None, list[float | None]]:
    """The meta field that dates most embedded rows, and their days; (None, …) without one."""
    examples = [material.rows[i].example for i in material.embedded]
    names = Counter(name for e in examples for name in e.meta)
    for name, count in names.most_common():
        if count < DATED * len(examples):
            break
        found = [day_of(e.meta.get(name)) for e in examples]
        if sum(day is not None for day in found) >= DATED * len(examples):
            return name, found
    return None, []


def day_of(value: JsonValue) -> float | None:
    """A date as a day number: ISO dates and times, or a year; anything else is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    if _YEAR.fullmatch(value.strip()):
        return float(date(int(value), 7, 1).toordinal())
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found.toordinal() + (found.hour * 60 + found.minute) / 1440


def later(days: Sequence[float]) -> NDArray[np.int64]:
    """1 for the later half; equal days stay together."""
    middle = float(np.median(days))
    return np.array([int(day > middle) for day in days], dtype=np.int64)


def kinds_of(vectors: Vectors, seed: int) -> NDArray[np.int64]:
    """Inputs in groups of about `PER_KIND` that are alike."""
    from sklearn.cluster import KMeans

    k = max(1, len(vectors) // PER_KIND)
    found: NDArray[np.int64] = KMeans(k, n_init=1, random_state=seed).fit_predict(vectors)
    return found


def stratified(
    labels: Sequence[str], period: NDArray[np.int64], kinds: NDArray[np.int64], seed: int
) -> float:
    """p-value of "within a kind of input, the label does not hang on the period".

    The statistic adds, over kinds and labels, the squared distance between what the later period
    has and what it would have by its share (Mantel and Haenszel 1959, general association). Dates
    are shuffled within kinds, so that a change of what is asked about raises no alarm.
    """
    _, y = np.unique(labels, return_inverse=True)
    cells = kinds * (int(y.max()) + 1) + y
    width = int(cells.max()) + 1
    of_kind = np.bincount(kinds)
    later_share = np.bincount(kinds, weights=period, minlength=len(of_kind)) / np.maximum(
        of_kind, 1
    )
    expected = np.bincount(cells, weights=later_share[kinds], minlength=width)
    total = np.maximum(np.bincount(cells, minlength=width), 1)

    def statistic(when: NDArray[np.int64]) -> float:
        seen = np.bincount(cells, weights=when, minlength=width)
        return float(((seen - expected) ** 2 / total).sum())

    observed = statistic(period)
    draw = np.random.default_rng(seed)
    order = np.argsort(kinds, kind="stable")
    sorted_kinds = kinds[order]
    as_extreme = 1
    for _ in range(SHUFFLES):
        mixed = np.lexsort((draw.random(len(order)), sorted_kinds))
        shuffled = np.empty_like(period)
        shuffled[order] = period[order[mixed]]
        as_extreme += statistic(shuffled) >= observed - 1e-12
    return as_extreme / (SHUFFLES + 1)


def _moved(labels: Sequence[str], period: NDArray[np.int64], kinds: NDArray[np.int64]) -> list[int]:
    """Earlier examples whose label their kind has no more in the later half, likeliest first."""
    after: dict[int, Counter[str]] = {}
    for label, when, kind in zip(labels, period, kinds, strict=True):
        if when:
            after.setdefault(int(kind), Counter())[label] += 1
    found = []
    for i, (label, when, kind) in enumerate(zip(labels, period, kinds, strict=True)):
        seen = after.get(int(kind), Counter())
        if not when and seen.total() and not seen[label]:
            found.append((-seen.total(), i))
    return [i for _, i in sorted(found)]
