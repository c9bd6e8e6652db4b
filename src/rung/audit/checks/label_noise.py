"""Labels that look wrong, and the ceiling that they put on any score."""

from collections.abc import Iterable

import numpy as np

from rung.audit.base import Ceiling, Found, percent, skip, these, verb
from rung.audit.material import SCORED, Material
from rung.audit.noise import INFORMED, Flags, Noise
from rung.decide.rules.loader import by_id, titles
from rung.records import Flag
from rung.task.types import LabelsOutput

METHOD = "confident learning (Northcutt, Jiang and Chuang, JAIR 70, 2021)"
WORTH = 0.01
"""Share of suspect labels below which nothing is said."""


def check(material: Material) -> Found:
    """`label-noise` with the examples to look at first, and `ceiling-below-target`."""
    if not isinstance(material.task.output, LabelsOutput):
        return skip("the output is no label")
    if material.vectors is None:
        return skip(material.unembedded)
    noise = material.noise
    if noise is None:
        return skip("fewer than two labels have five examples")
    if not noise.informed:
        return skip(
            f"the inputs' vectors tell too little of the labels to doubt one: {noise.accuracy:.2f} "
            f"of them are predicted, {noise.majority:.2f} by the commonest label alone "
            f"(at least {INFORMED:.0%} of the way from there to 1 is asked for)"
        )
    every = np.ones(len(noise.judged), dtype=bool)
    ceiling = ceiling_of(material, noise)
    flags = [_noise(material, noise, every), _too_high(material, ceiling)]
    return Found(tuple(flag for flag in flags if flag is not None), ceiling=ceiling)


def ceiling_of(material: Material, noise: Noise) -> Ceiling | None:
    """What the labels that a climb scores on allow; of all labels where Rung draws the split."""
    chosen = among(material, SCORED)
    if not (noise.judged & chosen).any():
        return None
    wrong, low, high, n = noise.share(chosen)
    return Ceiling(value=1 - wrong, low=1 - high, high=1 - low, n=n, method=METHOD)


def among(material: Material, parts: Iterable[str]) -> Flags:
    """The embedded rows that lie in one of those files."""
    wanted = set(parts)
    return np.array([material.rows[i].part in wanted for i in material.embedded], dtype=bool)


def suspects(material: Material) -> list[tuple[int, str]]:
    """(row, likelier label), the most suspicious first; empty where labels cannot be judged."""
    noise = material.noise
    if noise is None or not noise.informed:
        return []
    return [(material.embedded[i], noise.better[i]) for i in noise.order()]


def _noise(material: Material, noise: Noise, every: Flags) -> Flag | None:
    share, low, high, n = noise.share(every)
    if share < WORTH:
        return None
    rule = by_id()["label-noise"]
    assert rule.used is not None
    hurts = float(rule.used)
    suspected = suspects(material)
    where = _where(material, noise)
    return Flag(
        id="label-noise",
        severity="warn" if share >= hurts else "info",
        figure=round(share, 4),
        threshold=hurts,
        source=f"{'; '.join(titles(rule))}; {METHOD}",
        text=(
            f"{these(len(suspected), 'label')} of {n:,} {verb(len(suspected), 'look')} wrong, "
            f"{percent(share)} (between {percent(low)} and {percent(high)}){where}."
        ),
        advice=(
            "Look at the examples listed, the first ones first: `rung audit --labels` goes through "
            "them with one key each; `--fix` writes them as a list with the likelier label."
        ),
        examples=material.most_suspicious([row for row, _ in suspected]),
    )


def _where(material: Material, noise: Noise) -> str:
    """Where the suspects lie, when there is more than one file."""
    if len(material.parts) < 2:
        return ""
    places = []
    for part in material.parts:
        chosen = among(material, (part,))
        judged = int((noise.judged & chosen).sum())
        if judged:
            places.append(f"{int((noise.suspect & chosen).sum())} of {judged} in {part}")
    return ": " + ", ".join(places)


def _too_high(material: Material, ceiling: Ceiling | None) -> Flag | None:
    target = material.task.target
    if ceiling is None or target.metric != "accuracy" or ceiling.value >= target.score:
        return None
    return Flag(
        id="ceiling-below-target",
        severity="warn",  # never a block: tuning may win where the embedder sees no rule
        figure=round(ceiling.value, 4),
        threshold=target.score,
        source=ceiling.method,
        text=(
            f"About {percent(1 - ceiling.value)} of the labels that are scored look wrong: even a "
            f"model that is always right is shown at {ceiling.value:.3f} "
            f"[{ceiling.low:.3f}, {ceiling.high:.3f}], and the target is {target.score:g}. "
            "A rule that the embedder cannot see reads as wrong labels too, and labels that are "
            "wrong in the same way everywhere are not seen at all."
        ),
        advice="Look at the examples listed: correct what is wrong there, or lower the target.",
        examples=tuple(
            material.ids[row] for row, _ in suspects(material) if material.rows[row].part in SCORED
        ),
    )
