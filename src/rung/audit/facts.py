"""Which texts do not say what their inputs state: facts predicted back from the answers.

For inputs that state facts in pieces (`name[Aromi], food[English]`, one `field: value` a line) and
answers that put them into words. Each frequent fact is predicted from the words of the answer by a
linear model that has not seen the example; an answer from which the fact cannot be read although
it is stated, or can although it is not, contradicts its input. Confident learning, fact by fact.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FOLDS = 5
ROUNDS = 2
C = 3.0
FEWEST = 6
"""Examples that must state a fact, and that must not, before it is predicted."""
MOST_FACTS = 150
READ = 0.85
"""Mean of the shares of stated and unstated facts that are told rightly: a fact that is read from
answers less well is not judged."""
DOUBT = 0.3
"""Probability of what the input states below which an answer contradicts it."""
FEWEST_PIECES = 2.0
"""Facts an input states on average before inputs count as lists of facts."""
_PIECES = re.compile(r"[,;\n]")
_KEY = re.compile(r"[\[:=]")


class Contradictions(NamedTuple):
    """Examples whose answer contradicts the input, the most certain first."""

    examples: tuple[int, ...]
    facts: tuple[str, ...]
    """The fact in doubt, for each of them."""
    judged: int
    """Facts that can be read from the answers."""


def pieces(text: str) -> list[str]:
    """The facts that an input states, and the fields that it has: `food[english]`, `food`."""
    parts = []
    for piece in _PIECES.split(text):
        fact = " ".join(piece.casefold().split())
        if fact:
            parts.append(fact)
            field = _KEY.split(fact)[0].strip()
            if field != fact:
                parts.append(f"{field} …")
    return parts


def contradictions(
    inputs: Sequence[str], answers: Sequence[str], seed: int
) -> Contradictions | None:
    """None where the inputs state no facts that recur."""
    names, stated = _facts(inputs)
    if not names or stated.sum() < FEWEST_PIECES * len(inputs):
        return None
    likely = _read(stated, answers, seed)
    against = np.where(stated, likely, 1.0 - likely)
    right = against > 0.5
    with np.errstate(invalid="ignore"):
        both = (
            (right & stated).sum(axis=0) / stated.sum(axis=0)
            + (right & ~stated).sum(axis=0) / (~stated).sum(axis=0)
        ) / 2.0
    judged = both >= READ
    if not judged.any():
        return None
    against[stated & _quoted(names, answers)] = 1.0
    doubt = np.where(judged, -np.log(np.clip(against, 1e-3, 1.0)), 0.0)
    suspect = ((against < DOUBT) & judged).any(axis=1)
    order = [int(i) for i in np.argsort(-doubt.sum(axis=1), kind="stable") if suspect[i]]
    facts = tuple(names[int(doubt[i].argmax())] for i in order)
    return Contradictions(tuple(order), facts, int(judged.sum()))


def _quoted(names: Sequence[str], answers: Sequence[str]) -> NDArray[np.bool_]:
    """Whether an answer holds the value of a fact word for word."""
    values = [" ".join(_KEY.split(name, maxsplit=1)[-1].strip(" ]").split()) for name in names]
    folded = [" ".join(answer.casefold().split()) for answer in answers]
    return np.array(
        [[len(value) > 2 and value in answer for value in values] for answer in folded], dtype=bool
    ).reshape(len(answers), len(names))


def _facts(inputs: Sequence[str]) -> tuple[list[str], NDArray[np.bool_]]:
    """Facts that are neither rare nor everywhere, and which inputs state them."""
    own = [set(pieces(text)) for text in inputs]
    counts: dict[str, int] = {}
    for facts in own:
        for fact in facts:
            counts[fact] = counts.get(fact, 0) + 1
    names = sorted(
        (fact for fact, n in counts.items() if FEWEST <= n <= len(inputs) - FEWEST),
        key=lambda fact: (-counts[fact], fact),
    )[:MOST_FACTS]
    stated = np.array([[name in facts for name in names] for facts in own], dtype=bool)
    return names, stated.reshape(len(inputs), len(names))


def _read(stated: NDArray[np.bool_], answers: Sequence[str], seed: int) -> Floats:
    """Probability of each fact from the answer alone, out of sample."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    words = CountVectorizer(ngram_range=(1, 2), binary=True, min_df=2)
    try:
        x = words.fit_transform(answers)
    except ValueError:  # no word stands in two answers
        return np.full(stated.shape, 0.5)
    draw = np.random.default_rng(seed)
    fold = draw.permutation(np.arange(len(answers)) % FOLDS)
    kept = np.ones(stated.shape, dtype=bool)
    likely: Floats = np.full(stated.shape, 0.5)
    for _ in range(ROUNDS):
        for number in range(FOLDS):
            out = np.flatnonzero(fold == number)
            for j in range(stated.shape[1]):
                learn = np.flatnonzero((fold != number) & kept[:, j])
                y = stated[learn, j]
                if y.all() or not y.any():
                    likely[out, j] = float(y[0]) if len(y) else 0.5
                    continue
                head = LogisticRegression(C=C, solver="liblinear", max_iter=200)
                likely[out, j] = head.fit(x[learn], y).predict_proba(x[out])[:, 1]
        kept = np.where(stated, likely, 1.0 - likely) > 0.5
    return likely
