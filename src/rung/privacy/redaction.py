"""Personal data and secrets replaced by placeholders before anything is stored.

What is found is said in `rung.privacy.forms`; here also what only looks like it is replaced, for a
log is better poor than indiscreet. Names, street addresses and whatever else has no form are NOT
found: a pattern of one's own or a shorter retention is what helps there.
"""

import re
from collections.abc import Callable, Mapping

from rung.errors import UserError
from rung.privacy.forms import FORMS, SECRET, SECRET_NAME, Finder, Form, replaced
from rung.task.types import JsonValue


class Redactor:
    """Replaces values by numbered placeholders, such as `[email-1]`.

    Within one record an equal value gets an equal placeholder, so that an answer that repeats
    what the input said still does so.
    """

    def __init__(self, also: Mapping[str, str] | None = None) -> None:
        """`also`: regular expressions of one's own by kind. `UserError` for a broken one."""
        own = [Form(kind, kind, _compiled(kind, looks)) for kind, looks in (also or {}).items()]
        self._finder = Finder((*own, *FORMS))

    def redact(self, value: JsonValue) -> tuple[JsonValue, dict[str, int]]:
        """The value without what was found in its strings, and how many of each kind."""
        seen: dict[tuple[str, str], str] = {}
        numbers: dict[str, int] = {}

        def placeholder(kind: str, text: str) -> str:
            key = (kind, text.casefold())
            if key not in seen:
                numbers[kind] = numbers.get(kind, 0) + 1
                seen[key] = f"[{kind}-{numbers[kind]}]"
            return seen[key]

        def mend(text: str) -> str:
            findings = self._finder.find(text)
            return replaced(
                text, findings, lambda one: placeholder(one.kind, text[one.start : one.end])
            )

        def hidden(text: str) -> str:
            """Of a field that is called a password: all of it, unless that was done before."""
            return text if self._finder.is_placeholder(text) else placeholder(SECRET, text)

        return _walk(value, mend, hidden), numbers


def storable(value: JsonValue) -> JsonValue:
    """The value without what databases refuse: NUL, and halves of surrogate pairs."""

    def mend(text: str) -> str:
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()

    return _walk(value, mend)


def _walk(
    value: JsonValue, mend: Callable[[str], str], hidden: Callable[[str], str] | None = None
) -> JsonValue:
    """Every string mended, those under a name such as `password` by `hidden`."""
    if isinstance(value, str):
        return mend(value)
    if isinstance(value, list | tuple):
        return [_walk(inner, mend, hidden) for inner in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for name, inner in value.items():
        if hidden and isinstance(inner, str) and inner and SECRET_NAME.fullmatch(name):
            made[name] = hidden(inner)
        else:
            made[mend(name)] = _walk(inner, mend, hidden)
    return made


def _compiled(kind: str, looks: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(looks)
    except re.error as error:
        raise UserError(f"the redaction pattern {kind}={looks!r} is broken: {error}") from None
    if pattern.search("") or not re.fullmatch(r"[\w-]+", kind):
        raise UserError(
            f"the redaction pattern {kind}={looks!r} cannot be used: its name is letters, digits "
            "and dashes, and it must not match an empty text"
        )
    return pattern
