"""Checks of an answer that always end: a user's patterns and schema meet a text that nobody wrote.

A pattern such as `^(a+)+$`, or alternatives that name each other, can take years of a short text.
"""

from collections.abc import Callable, Hashable, Iterator
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import regex

MATCH_S = 1.0
"""Seconds for one pattern on one text; an ordinary one takes under a thousandth of it."""
MOST_STEPS = 30_000
"""Keywords of a schema that are applied to one answer; some seconds of work at most."""


class TooIntricateError(Exception):
    """What was to be checked takes too long; the message says what, without a full stop."""


_steps: ContextVar[list[int] | None] = ContextVar("steps", default=None)


def is_found(pattern: str, text: str) -> bool:
    """Whether a pattern matches somewhere in a text; raises `TooIntricateError`."""
    try:
        return regex.search(pattern, text, timeout=MATCH_S) is not None
    except TimeoutError:
        raise TooIntricateError(
            f"{pattern!r} was not done with it after {MATCH_S:g} s; write the pattern without "
            "repetitions inside repetitions"
        ) from None


def first_errors(validator: Any, value: Any) -> Iterator[Any]:
    """The errors of a validator whose class is `bounded`; raises `TooIntricateError`."""
    _steps.set([0])
    return iter(validator.iter_errors(value))


@lru_cache(maxsize=16)
def bounded(validator: Any) -> Any:
    """A class of validators of the `jsonschema` package that counts what it does."""
    from jsonschema.validators import extend

    known: dict[str, Callable[..., Any]] = dict(validator.VALIDATORS)
    own: dict[str, Callable[..., Any]] = {
        "uniqueItems": _unique,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional(known.get("additionalProperties")),
    }
    return extend(validator, {name: _counted(own.get(name, run)) for name, run in known.items()})


def _counted(run: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    def count(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        steps = _steps.get()
        if steps is not None:
            steps[0] += 1
            if steps[0] > MOST_STEPS:
                raise TooIntricateError(f"more than {MOST_STEPS:,} steps to check it")
        yield from run(validator, wanted, instance, schema) or ()

    return count


def _unique(validator: Any, wanted: Any, instance: Any, _: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if wanted and validator.is_type(instance, "array"):
        seen = {_key(one) for one in instance}
        if len(seen) < len(instance):
            yield ValidationError(f"{instance!r} has non-unique elements")


def _key(value: Any) -> Hashable:
    """Equal for what JSON Schema calls equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, dict):
        return frozenset((name, _key(one)) for name, one in value.items())
    if isinstance(value, list):
        return tuple(map(_key, value))
    return (type(value), value) if isinstance(value, bool) else value


def _pattern(validator: Any, pattern: str, instance: Any, _: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "string") and not is_found(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: dict[str, Any], instance: Any, _: Any
) -> Iterator[Any]:
    if validator.is_type(instance, "object"):
        for pattern, schema in patterns.items():
            for name, value in instance.items():
                if is_found(pattern, name):
                    yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional(run: Callable[..., Any] | None) -> Callable[..., Any]:
    """`additionalProperties` on what neither a name nor a pattern covers, by `run`."""

    def check(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        patterns = schema.get("patternProperties")
        if patterns and validator.is_type(instance, "object"):
            instance = {
                name: value
                for name, value in instance.items()
                if not any(is_found(pattern, name) for pattern in patterns)
            }
            schema = {key: one for key, one in schema.items() if key != "patternProperties"}
        assert run is not None  # every draft has it
        yield from run(validator, wanted, instance, schema) or ()

    return check
