"""Score tables to replay: simulated ladders and the real paired tables."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import ndtri

TABLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "paired-tables"


@dataclass(frozen=True)
class Ladder:
    """Candidates in order of cost: true means, cost of a call, target."""

    name: str
    means: tuple[float, ...]
    target: float
    costs: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 30.0)
    correlation: float = 0.6


CLEAN = Ladder("clean", (0.62, 0.70, 0.74, 0.88, 0.92), 0.80)
HARD = (
    Ladder("hard .80", (0.62, 0.74, 0.81, 0.86, 0.90), 0.80),
    Ladder("hard .85", (0.62, 0.74, 0.81, 0.86, 0.90), 0.85),
    Ladder("high .95", (0.80, 0.88, 0.93, 0.98, 0.985), 0.95),
    Ladder("non-monotone", (0.62, 0.74, 0.88, 0.79, 0.78), 0.80),
)


def binary_scores(
    ladder: Ladder, examples: int, replicates: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """One (replicates, examples) table of 0/1 per candidate, Gaussian copula across candidates."""
    shared = rng.standard_normal((replicates, examples), dtype=np.float32)
    shared *= np.float32(np.sqrt(ladder.correlation))
    own = np.float32(np.sqrt(1.0 - ladder.correlation))
    tables = []
    for mean in ladder.means:
        noise = rng.standard_normal((replicates, examples), dtype=np.float32)
        tables.append((shared + own * noise < np.float32(ndtri(mean))).astype(np.float64))
    return tables


def skewed_scores(mean: float, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Graded scores with a long lower tail: Beta of this mean and total weight 2."""
    return rng.beta(2.0 * mean, 2.0 * (1.0 - mean), shape)


def full_mark_scores(mean: float, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Nearly all 1, some 0, one in fifty halfway: what token F1 of a good candidate looks like.

    Its lower tail is the worst there is for a t-test.
    """
    half, draw = 0.02, rng.random(shape)
    full = mean - half / 2.0
    return np.where(draw < full, 1.0, np.where(draw < full + half, 0.5, 0.0))


def cluster_scores(
    mean: float, shape: tuple[int, int], rng: np.random.Generator, questions: int = 4
) -> np.ndarray:
    """Means of `questions` answers that share a document: each document has its own chance."""
    chance = rng.beta(3.0 * mean, 3.0 * (1.0 - mean), shape)
    return rng.binomial(questions, chance) / questions


def paired_table(name: str) -> tuple[np.ndarray, list[str]] | None:
    """Right/wrong of two models, shape (2, items), cheap one first; None where absent."""
    return paired_groups(name).get(name)


def paired_groups(name: str) -> dict[str, tuple[np.ndarray, list[str]]]:
    """As `paired_table`, by group of items; the table whole under its own name."""
    path = TABLES / f"{name}.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.reader(lines))
    models, groups = rows[0][2:], np.array([row[1] for row in rows[1:]])
    table = np.array([[float(cell) for cell in row[2:]] for row in rows[1:]]).T
    parts = {str(group): (table[:, groups == group], models) for group in np.unique(groups)}
    return {**parts, name: (table, models)}
