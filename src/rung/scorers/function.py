"""A user's own plain function as the scorer: `scorer(expected, answer_text) -> float | bool`."""

import hashlib
import inspect
from collections.abc import Callable

from rung.records import Answer
from rung.scorers.base import Score, marks
from rung.task.types import Example, JsonValue


class Function:
    """Judges by calling `Task.scorer`; what it raises or mis-returns is unscored, never 0."""

    graded = True

    def __init__(self, function: Callable[[JsonValue, str], float | bool]) -> None:
        self.name = getattr(function, "__name__", "function")
        self.version = _source_digest(function)
        self._function = function

    async def score(self, example: Example, answer: Answer) -> Score:
        """The best of the function's values in [0, 1] over all right answers.

        It is called in place, so it should be quick.
        """
        if not answer.valid:
            return Score(value=0.0, details={"valid": 0.0}, reason=answer.problem)
        try:
            value = max(float(self._function(gold, answer.text)) for gold in example.references)
        except Exception as problem:  # any user code
            return _unscored(f"scorer {self.name} raised {type(problem).__name__}: {problem}")
        if not 0 <= value <= 1:
            return _unscored(f"scorer {self.name} returned {value!r}; it must be within 0 and 1")
        return marks(value)


def _unscored(reason: str) -> Score:
    return Score(value=None, reason=reason)


def _source_digest(function: Callable[..., object]) -> str:
    """Of the source where Python can find it; else of the compiled code or the name."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        text = repr((code.co_code, code.co_consts)) if code else repr(type(function))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
