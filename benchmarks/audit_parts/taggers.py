"""Two candidates of different techniques for JSON that is copied from the input: no chat model.

Each token gets the field that it belongs to, by a linear model or by the nearest tokens; the fields
are put together again. They learn from the train file alone and are as good as they are: their
mistakes, shared ones too, are real.
"""

from __future__ import annotations

import re
from typing import Any

from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from rung.task.types import Example, JsonValue

OUTSIDE = "-"


def linear() -> Any:
    """Logistic regression on the words and their letters around a token."""
    return make_pipeline(
        TfidfVectorizer(token_pattern=r"\S+", lowercase=False, sublinear_tf=True),
        LogisticRegression(C=30.0, max_iter=500),
    )


def nearest() -> Any:
    """The five tokens that stand among the most alike words."""
    return make_pipeline(
        TfidfVectorizer(token_pattern=r"\S+", lowercase=False, sublinear_tf=True),
        KNeighborsClassifier(5, metric="cosine", weights="distance"),
    )


class Tagger:
    """Fields of a text by token; the intent too where the answers name one."""

    def __init__(self, model: Any) -> None:
        self._token, self._intent = clone(model), clone(model)
        self._nested = False

    def fit(self, examples: list[Example]) -> Tagger:
        """Learn from examples whose answers are copied from their inputs."""
        self._nested = "slots" in examples[0].expected
        seen, fields = [], []
        for example in examples:
            tokens = example.input.split()
            seen += _around(tokens)
            fields += _fields(tokens, _flat(example.expected))
        self._token.fit(seen, fields)
        if self._nested:
            intents = [example.expected["intent"] for example in examples]
            self._intent.fit([example.input for example in examples], intents)
        return self

    def answer(self, text: str) -> JsonValue:
        """The JSON value that this candidate gives."""
        tokens = text.split()
        said: dict[str, list[str]] = {}
        for token, field in zip(tokens, self._token.predict(_around(tokens)), strict=True):
            if field != OUTSIDE:
                said.setdefault(str(field), []).append(token.rstrip(","))
        whole: JsonValue = {field: " ".join(parts) for field, parts in said.items()}
        if not self._nested:
            return whole
        return {"intent": str(self._intent.predict([text])[0]), "slots": whole}


def _flat(expected: JsonValue) -> dict[str, str]:
    inner = expected.get("slots", expected)
    return {k: " ".join(v) if isinstance(v, list) else str(v) for k, v in inner.items()}


def _fields(tokens: list[str], answer: dict[str, str]) -> list[str]:
    """The field of each token: values stand in the text, in the order of the fields or not."""
    found = [OUTSIDE] * len(tokens)
    for field, value in answer.items():
        parts = value.split()
        for start in range(len(tokens) - len(parts) + 1):
            here = [token.rstrip(",") for token in tokens[start : start + len(parts)]]
            if here == parts and all(f == OUTSIDE for f in found[start : start + len(parts)]):
                found[start : start + len(parts)] = [field] * len(parts)
                break
    return found


def _around(tokens: list[str]) -> list[str]:
    """What stands at a token and beside it, as words that name their place."""
    rows = []
    for i, token in enumerate(tokens):
        said = [f"p={min(i, 6)}", f"r={min(len(tokens) - i, 6)}"]
        for offset in (-2, -1, 0, 1, 2):
            other = tokens[i + offset].lower() if 0 <= i + offset < len(tokens) else "<>"
            said += [f"{offset}={other}"] * (3 if offset == 0 else 1)
            if abs(offset) < 2:
                said += [f"{offset}s={_shape(other)}", f"{offset}e={other[-3:]}"]
        said.append(f"c={token.endswith(',')}{token[:1].isupper()}{token.isupper()}")
        rows.append(" ".join(said))
    return rows


def _shape(token: str) -> str:
    return re.sub(r"[a-z]+", "a", re.sub(r"\d+", "9", token))
