"""Which label of a closed list a written one is: `Billing `, 1.0 and TRUE are spellings.

Used for what a file holds and for what a model writes; a spelling that fits two labels fits none.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache

from rung.task.scripts import without_invisible
from rung.task.types import JsonValue

_SPLIT = re.compile(r"([;；|\n,，、،؛])")
"""Between labels written in one text."""
_AND = re.compile(r"\s+(?:and|&)\s+", re.IGNORECASE)
_ITEM = re.compile(r"^(?:\d+[.)]|[-*+•]|(?:and|&)\b)\s+", re.IGNORECASE)
"""What stands before an item of a list."""
QUOTES = "\"'`“”„‘’‚«»‹›「」『』＂＇*"
_NUMBER = re.compile(r"[-+]?(0|[1-9]\d*)(\.\d+)?")
_TYPESET = str.maketrans("’‘´ʼ‐‑‒–−", "''''-----")
_PARTS_WORDS = re.compile(r"(?<=[^\W\d_])[ _-]+(?=[^\W\d_])")
_NOTHING = {"", "[]", "{}", "none", "null", "n/a", "no label", "no labels"}


def label_text(value: JsonValue) -> str:
    """A label as text: a number or a boolean as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def folded(label: str) -> str:
    """One key for all spellings: case, width, what nobody sees, and 1.0 or +1 for 1 folded.

    So are apostrophes and dashes that a word processor sets, and what parts words: a blank, `_` or
    `-`. A number with leading zeros is a code, not a number: `01` stays apart from `1`.
    """
    plain = without_invisible(label).replace("\ufe0f", "")  # an emoji's colour is no other label
    wide = unicodedata.normalize("NFKC", plain.translate(_TYPESET)).casefold()
    key = " ".join(wide.replace("i\u0307", "i").replace("ı", "i").split())
    if _NUMBER.fullmatch(key):
        value = Decimal(key)
        return format(value.normalize() + 0, "f") if value else "0"
    return _PARTS_WORDS.sub(" ", key)


def find_label(written: JsonValue, labels: Sequence[str]) -> str | None:
    """The label that `written` spells; None where none does, or more than one."""
    text = label_text(written)
    if text in labels:
        return text
    return _by_key(tuple(labels)).get(folded(text))


@lru_cache(maxsize=64)
def _by_key(labels: tuple[str, ...]) -> dict[str, str]:
    keys = [folded(label) for label in labels]
    return {key: one for key, one in zip(keys, labels, strict=True) if keys.count(key) == 1}


def find_labels(written: JsonValue, labels: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The labels in a list or in one text, in the order of `labels`, and what is none of them.

    Text may be a JSON list, an object around one or with true or false a label, a single label, or
    labels with `;`, `|`, a line break, a comma or "and" between them, of which any may stand inside
    a label too. Nothing, `none` and `null` are no label at all, unless there is one of that name.
    """
    parts = [one for part in _parts(written, labels) for one in _joined_by_and(part, labels)]
    pairs = [(part, find_label(part, labels)) for part in parts]
    given = {label for _, label in pairs if label is not None}
    unknown = [label_text(part) for part, label in pairs if label is None]
    return tuple(label for label in labels if label in given), unknown


def _parts(written: JsonValue, labels: Sequence[str]) -> list[JsonValue]:
    if isinstance(written, list | tuple):
        return [_only(one) for one in written]
    if written is None:
        return []
    text = label_text(written).strip()
    if find_label(text, labels) is not None:
        return [text]
    if text.casefold().strip(". ") in _NOTHING:
        return []
    read = _json(text)
    if isinstance(read, dict) and all(
        isinstance(given, bool) and find_label(name, labels) for name, given in read.items()
    ):
        return [name for name, given in read.items() if given]
    read = _only(read)
    if isinstance(read, dict):
        return [text]
    if read is not None and read != text:
        return _parts(read, labels)
    return list(_split(text.strip("[]") if text[:1] == "[" else text, labels))


def inside_json(text: str) -> JsonValue:
    """What a JSON text holds, of an object with one field that field; None where it is none."""
    return _only(_json(text))


def _json(text: str) -> JsonValue:
    if text[:1] not in ("[", "{", '"'):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _only(read: JsonValue) -> JsonValue:
    while isinstance(read, dict) and len(read) == 1:
        read = next(iter(read.values()))
    return read


def _joined_by_and(part: JsonValue, labels: Sequence[str]) -> list[JsonValue]:
    """`a and b` as two where both are labels and it is none itself."""
    if not isinstance(part, str) or find_label(part, labels) is not None:
        return [part]
    pieces = _AND.split(part)
    known = all(find_label(piece, labels) is not None for piece in pieces)
    return [*pieces] if known else [part]


def _split(text: str, labels: Sequence[str]) -> Iterable[str]:
    """Pieces between separators, joined again where the longest join of them is a label."""
    pieces = _SPLIT.split(text)
    start = 0
    while start < len(pieces):
        for end in range(len(pieces), start, -1):
            joined = "".join(pieces[start:end]).strip(" \t\n-*•\"'`.")
            if find_label(joined, labels) is None:
                joined = _ITEM.sub("", joined).strip(QUOTES)
            if end == start + 1 or find_label(joined, labels) is not None:
                break
        if joined and not _SPLIT.fullmatch(joined):
            yield joined
        start = end
