"""A moving target: the same kind of input is labelled otherwise later on."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rung.audit.base import NOTHING, Found, one, skip
from rung.audit.material import Material
from rung.decide.rules.loader import by_id, titles
from rung.records import Flag
from rung.task.rows import day_of
from rung.task.types import LabelsOutput

FALSE_ALARMS = 0.01
"""Chance of a flag where nothing moves: the level of the test."""
METHOD = "generalised covariance measure (Shah and Peters, Annals of Statistics 48, 2020)"
DRAWS = 1_999
FOLDS = 5
FEWEST = 60
DATED = 0.8
"""Share of the examples that must carry a date under one name."""
PERIODS = 2

Floats = NDArray[np.float64]


def check(material: Material) -> Found:
    """`moving-target`: labels hang on the date within kinds of input."""
    if not isinstance(material.task.output, LabelsOutput):
        return skip("the output is no label")
    if material.vectors is None:
        return skip(material.unembedded)
    field, when = dates(material)
    if field is None:
        return skip(
            "no field of meta holds a date in most examples (read are 2025-03-31, a time after it, "
            "and years alone)"
        )
    known = [i for i, day in enumerate(when) if day is not None]
    if len(known) < FEWEST:
        return skip(f"{len(known)} dated examples are too few; {FEWEST} are needed")
    labels = [material.same_answer[material.embedded[i]] for i in known]
    period = later([float(when[i] or 0.0) for i in known])
    if len(set(period)) < PERIODS:
        return skip("all examples are of one day")
    x = np.asarray(material.vectors, dtype=np.float64)[known]
    _, y = np.unique(labels, return_inverse=True)
    if len(set(y)) < 2:
        return skip("all dated examples have one label")
    seed = material.task.climb.seed
    products = unexplained(x, y, seed) * unexplained(x, period, seed + 1)[:, 1:]
    p_value = p_of(products, seed)
    if p_value > FALSE_ALARMS:
        return NOTHING
    rows = [material.embedded[known[i]] for i in _moved(products)]
    return one(_flag(field, p_value, material.most_suspicious(rows)))


def _flag(field: str, p_value: float, examples: tuple[str, ...]) -> Flag:
    rule = by_id()["flag.moving-target"]
    return Flag(
        id="moving-target",
        severity="warn",
        figure=round(p_value, 4),
        threshold=FALSE_ALARMS,
        source=f"{'; '.join(titles(rule))}; {METHOD}",
        text=(
            f"Inputs of the same kind are labelled otherwise in the later half (by meta.{field}): "
            f"p = {p_value:.4f} by a test with {FALSE_ALARMS:.0%} false alarms."
        ),
        advice="Label the older examples anew by today's definition or leave them out, and keep "
        f'the newest ones for test: [split] time = "{field}".',
        examples=examples,
    )


def dates(material: Material) -> tuple[str | None, list[float | None]]:
    """The meta field that dates most embedded rows, and their days; (None, …) without one."""
    examples = [material.rows[i].example for i in material.embedded]
    names = Counter(name for e in examples for name in e.meta)
    for name, count in names.most_common():
        if count < DATED * len(examples):
            break
        days = [day_of(e.meta.get(name)) for e in examples]
        if sum(day is not None for day in days) >= DATED * len(examples):
            return name, days
    return None, []


def later(days: Sequence[float]) -> NDArray[np.int64]:
    """1 for the later half; equal days stay together."""
    middle = float(np.median(days))
    return np.array([int(day > middle) for day in days], dtype=np.int64)


def unexplained(x: Floats, values: NDArray[np.int64], seed: int) -> Floats:
    """What a linear model that has not seen an example leaves open of each value, a column each."""
    from sklearn.linear_model import LogisticRegression

    left: Floats = np.eye(int(values.max()) + 1)[values]
    fold = np.random.default_rng(seed).permutation(np.arange(len(values)) % FOLDS)
    for number in range(FOLDS):
        out = fold == number
        if len(set(values[~out])) < 2:
            left[out] -= left[~out].mean(axis=0)
            continue
        head = LogisticRegression(C=10.0, max_iter=300, tol=1e-3).fit(x[~out], values[~out])
        left[np.ix_(out, head.classes_)] -= head.predict_proba(x[out])
    return left


def p_of(products: Floats, seed: int) -> float:
    """p-value of "given the input, the label does not hang on the date".

    `products` hold what the input leaves open of each label times what it leaves open of the date.
    Where both hang on the input alone their mean is 0 (generalised covariance measure: Shah and
    Peters, "The hardness of conditional independence testing", Annals of Statistics 48 (2020));
    the largest over labels is compared with that of random signs (their section 3.2).
    """
    centred = products - products.mean(axis=0)
    spread = np.sqrt((centred**2).sum(axis=0))
    seen = spread > 0
    if not seen.any():
        return 1.0
    observed = np.abs(products.sum(axis=0)[seen] / spread[seen]).max()
    draw = np.random.default_rng(seed)
    chance = np.abs(
        draw.standard_normal((DRAWS, len(products))) @ (centred[:, seen] / spread[seen])
    )
    return float((1 + (chance.max(axis=1) >= observed).sum()) / (DRAWS + 1))


def _moved(products: Floats) -> list[int]:
    """The examples that speak most for a move, of the label that moved most."""
    spread = np.sqrt(((products - products.mean(axis=0)) ** 2).sum(axis=0))
    strength = products.sum(axis=0) / np.where(spread > 0, spread, np.inf)
    label = int(np.abs(strength).argmax())
    pull = products[:, label] * np.sign(strength[label])
    order = [int(i) for i in np.argsort(-pull, kind="stable")]
    return order[: max(1, len(order) // 20)]
