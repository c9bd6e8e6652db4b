"""How a linear head is fitted: what it reads and how strongly it is held back, by cross-validation.

The embedding says what a text means; the letters beside it, counted in character n-grams, say
which words it has. Neither wins everywhere, and labels with noise want a tighter rein.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rung.errors import UserError
from rung.models.base import Vectors

ENCODER = "no-llm/encoder"
HEADED = ("no-llm/linear", ENCODER)
"""Those with a linear head; the encoder's vectors are tuned with it (`rung.solver.encoder`)."""
FOLDS = 3
FEWEST = 30
"""Examples below which nothing is chosen: embeddings alone, `DEFAULT_C`."""
MOST = 1500
"""Examples that are cross-validated at most; the head is fitted on all."""
DEFAULT_C = 10.0
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)
"""C of scikit-learn's logistic regression on unit vectors: the smaller, the tighter."""
SHARE = 0.5
"""Length of the letters' unit vector beside the embedding's."""
LETTERS = {"analyzer": "char_wb", "ngram_range": (2, 4), "sublinear_tf": True, "dtype": np.float32}
MOST_NGRAMS = 20_000

Shares = NDArray[np.floating]
Fit = Callable[[Any, NDArray[Any], float], tuple[Shares, Shares]]
"""Weights (outputs, features) and biases (outputs,) of a head on rows, answers, C."""


class Letters:
    """TF-IDF of character n-grams within words (scikit-learn), fitted on the training texts."""

    def __init__(self, ngrams: NDArray[np.str_], idf: Shares) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.ngrams, self.idf = ngrams, idf
        self._counter = TfidfVectorizer(vocabulary=[str(n) for n in ngrams], **LETTERS)
        self._counter.idf_ = np.asarray(idf, dtype=np.float32)

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Letters | None:
        """The n-grams that two texts have, the most frequent; None where there are none."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(min_df=2, max_features=MOST_NGRAMS, **LETTERS)
        try:
            vectorizer.fit(texts)
        except ValueError:  # no text has a word, or no two share an n-gram
            return None
        return cls(vectorizer.get_feature_names_out().astype(np.str_), vectorizer.idf_)

    def beside(self, vectors: Vectors, texts: Sequence[str]) -> Any:
        """What a head reads: the embedding and the letters of each row (sparse)."""
        from scipy.sparse import csr_matrix, hstack

        counted = self._counter.transform(texts) * SHARE
        return hstack([csr_matrix(vectors), counted], format="csr")


class Head(NamedTuple):
    """A fitted linear head."""

    weights: Shares
    bias: Shares
    letters: Letters | None
    c: float
    temperature: float
    """By which its logits are divided so that its confidences are rates."""

    def logits(self, vectors: Vectors, texts: Sequence[str]) -> Shares:
        """(rows, outputs)"""
        read = vectors if self.letters is None else self.letters.beside(vectors, texts)
        return np.asarray(read @ self.weights.T + self.bias)


def unknown(name: str) -> UserError:
    """For a name that is not fitted on labels."""
    return UserError(f"unknown model {name!r}; known are no-llm/nearest, {' and '.join(HEADED)}")


def head_arrays(head: Head) -> dict[str, Any]:
    """What a saved head keeps, as arrays."""
    kept = {"weights": head.weights, "bias": head.bias}
    kept |= {"c": np.array(head.c), "temperature": np.array(head.temperature)}
    if head.letters is None:
        return kept
    return {**kept, "ngrams": head.letters.ngrams, "idf": head.letters.idf}


def saved_head(arrays: Mapping[str, NDArray[Any]]) -> Head:
    """The head that `head_arrays` told; what is not kept was not chosen."""
    letters = Letters(arrays["ngrams"], arrays["idf"]) if "ngrams" in arrays else None
    c = float(arrays["c"]) if "c" in arrays else DEFAULT_C
    temperature = float(arrays["temperature"]) if "temperature" in arrays else 1.0
    return Head(arrays["weights"], arrays["bias"], letters, c, temperature)


def fitted(
    vectors: Vectors,
    texts: Sequence[str],
    answers: NDArray[Any],
    fit: Fit,
    loss: Callable[[Shares, NDArray[Any]], float],
) -> Head:
    """The head whose held-out predictions lose least, fitted on everything.

    `fit` gives one row of weights for each output; `loss` is that of logits beside answers. Loss
    is compared after the temperature that suits the held-out logits best, which the head keeps.
    """
    c, temperature, reads = DEFAULT_C, 1.0, False
    letters = Letters.fit(texts) if len(texts) >= FEWEST else None
    if len(texts) >= FEWEST:
        tried = _tried(vectors[:MOST], texts[:MOST], answers[:MOST], fit, loss)
        plain = (0.0, c, temperature, False)
        _, c, temperature, reads = min(tried, key=lambda t: t[0], default=plain)
    letters = letters if reads else None
    weights, bias = fit(vectors if letters is None else letters.beside(vectors, texts), answers, c)
    # As it is saved: what is served answers as what was measured.
    return Head(weights.astype(np.float32), bias, letters, c, temperature)


def _tried(
    vectors: Vectors,
    texts: Sequence[str],
    answers: NDArray[Any],
    fit: Fit,
    loss: Callable[[Shares, NDArray[Any]], float],
) -> Iterator[tuple[float, float, float, bool]]:
    """(loss, C, temperature, whether letters are read) of every choice."""
    folds = _folds(answers)
    letters = [
        Letters.fit([text for text, fold in zip(texts, folds, strict=True) if fold != f])
        for f in range(FOLDS)
    ]
    for reads in (False, True):
        if reads and any(one is None for one in letters):
            return
        rows = [
            one.beside(vectors, texts) if reads and one is not None else vectors for one in letters
        ]
        for c in STRENGTHS:
            logits = _held_out(rows, answers, folds, fit, c)
            if logits is None:
                return
            best, temperature = cooled(logits, answers, loss)
            yield best, c, temperature, reads


def _folds(answers: NDArray[Any]) -> NDArray[np.int64]:
    """A fold for each row, dealt in turn so that each answer is spread over all of them."""
    order = sorted(range(len(answers)), key=lambda i: (str(answers[i].tolist()), i))
    folds = np.empty(len(answers), dtype=np.int64)
    folds[order] = np.arange(len(answers)) % FOLDS
    return folds


def _held_out(
    rows: Sequence[Any], answers: NDArray[Any], folds: NDArray[np.int64], fit: Fit, c: float
) -> Shares | None:
    """Logits of every row by a head that did not see it; None where a fold has one answer only."""
    logits = None
    for fold in range(FOLDS):
        seen = folds != fold
        if len(np.unique(answers[seen], axis=0)) < 2:
            return None
        weights, bias = fit(rows[fold][seen], answers[seen], c)
        unseen = np.asarray(rows[fold][~seen] @ weights.T + bias)
        logits = np.zeros((len(answers), unseen.shape[1])) if logits is None else logits
        logits[~seen] = unseen
    return logits


def cooled(
    logits: Shares, answers: NDArray[Any], loss: Callable[[Shares, NDArray[Any]], float]
) -> tuple[float, float]:
    """The least loss at any temperature (Guo et al. 2017), and that temperature."""
    from scipy.optimize import minimize_scalar

    def at(power: float) -> float:
        return loss(logits / np.exp(power), answers)

    minimum = minimize_scalar(at, bounds=(-3.0, 3.0), method="bounded")
    return float(minimum.fun), float(np.exp(minimum.x))


def logistic(rows: Any, answers: NDArray[Any], c: float) -> Any:
    """scikit-learn's logistic regression: multinomial, L2."""
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged to the last digit
        return LogisticRegression(C=c, max_iter=500).fit(rows, answers)


def of_each_class(regression: Any) -> tuple[Shares, Shares]:
    """Weights and bias of each class, whose softmax is scikit-learn's own confidence: of two
    classes it keeps the second one's odds alone."""
    weights, bias = regression.coef_, regression.intercept_
    if len(regression.classes_) > 2:
        return weights, bias
    return np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
