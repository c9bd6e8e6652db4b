"""Guesses about data that nobody described: which column is asked, what an answer is.

Every guess comes with a sentence for the comment that stands beside it.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from rung.errors import UserError
from rung.exchange.importing.foretold import foretold
from rung.task.chat import opened
from rung.task.columns import Columns, folded
from rung.task.faults import Row
from rung.task.rows import day_of
from rung.task.shape_readers import ANSWERED, ASKED, named
from rung.task.types import JsonValue
from rung.task.wording import did_you_mean, listed

MOST_LABELS = 30
"""Different answers above which they are labels only if short and often repeated."""
_ROWS_A_LABEL = 3
_MANY, _ROWS_OF_MANY, _LONGEST = 300, 8, 5
"""At most so many of those, with so many rows each, of so many words."""
_FLAGS = {"0", "1", "true", "false", "yes", "no"}
_BESIDE = ("meta", "metadata", "extra", "info", "details", "attributes", "properties", "tags")
"""Objects that are about a row, and not its answer."""
_LABELS = (
    "queue", "category", "class", "intent", "topic", "sentiment", "type", "team", "tag",
    "rating", "stars", "priority", "severity",
)  # fmt: skip
_ABOUT = ("status", "channel", "language", "lang", "locale", "country", "region", "source", "agent")
"""What is known of a row beside its text, and seldom asked of it."""
_TEXTS = ("body", "content", "description", "review", "sentence", "ticket", "email", "comment")
_IDS = ("id", "_id", "uuid", "key", "nr", "number", "ticket_id", "row_id")
_LAST = ("id", "no", "nr", "number", "key", "uuid")
_SOURCES = ("context_ids", "doc_ids", "document_ids", "source_ids", "doc_id", "document_id")
_DATED = 0.8
_SHOWN = 40
"""Characters of a field's name."""


class Guess(NamedTuple):
    """Columns, and the reason of each in words."""

    columns: Columns
    reasons: dict[str, str]


def guess_columns(rows: Sequence[Row], stated: str | None = None) -> Guess:
    """Which fields of unknown rows hold what; `UserError` where nothing can be told apart.

    `stated` is the field that a person says is the answer.
    """
    fields = list(dict.fromkeys(key for row in rows for key in row.data))
    if stated is not None and stated not in fields:
        raise UserError(f"{rows[0].file}: no column {stated!r}; {did_you_mean(stated, fields)}")
    values = {field: [row.data.get(field) for row in rows] for field in fields}
    filled = {f: [v for v in own if v not in (None, "")] for f, own in values.items()}
    usable = {field: own for field, own in filled.items() if len(own) > len(rows) / 2}
    ident = _ident(values, len(rows))
    dated = next((f for f, own in usable.items() if _share_dated(own) >= _DATED), None)
    left = [f for f in usable if f not in (ident, dated)]
    answer, why = (stated, "as you say") if stated else _answer(left, usable, values)
    texts = {f: fmean(len(str(v)) for v in usable[f]) for f in left if f != answer}
    if answer is None or not texts:
        raise _unclear(rows, fields)
    asked = named(dict.fromkeys(texts), (*ASKED, *_TEXTS))
    longest = max(texts, key=lambda f: texts[f])
    chosen = asked if asked and texts[asked] >= texts[longest] / 3 else longest
    same = len({str(value) for value in usable[chosen]}) == 1
    if same or any(isinstance(value, dict | list) for value in usable[chosen]):
        raise _unclear(rows, fields)
    if any(str(value).strip() == answer for value in usable[answer]):
        raise UserError(
            f"{rows[0].file}: {answer!r} is the name of a column and stands below it too, so that "
            "the first line looks like a row; put a line of names above it"
        )
    reasons = {
        "input": f"{chosen!r}, by its name" if chosen == asked else f"{chosen!r}, the longest text",
        "expected": f"{answer!r}, {why}",
    }
    for name, field in (("id", ident), ("date", dated)):
        if field:
            reasons[name] = repr(field)
    sources = named(dict.fromkeys(fields), _SOURCES)
    columns = Columns(input=chosen, expected=answer, id=ident, date=dated, context_ids=sources)
    return Guess(columns, reasons)


def _unclear(rows: Sequence[Row], fields: Sequence[str]) -> UserError:
    names = [field if len(field) <= _SHOWN else f"{field[:_SHOWN]}…" for field in fields]
    return UserError(
        f"{rows[0].file}: of the fields {listed(names)} none is plainly asked and none "
        'answered; say it: [task] columns = { input = "…", expected = "…" }'
    )


def _ident(values: dict[str, list[JsonValue]], total: int) -> str | None:
    """The field that names a row: by its whole name, else by the last word of it."""
    last = (f for f in values if folded(f).rpartition("_")[2] in _LAST)
    field = named(values, _IDS) or next(last, None)
    texts = {str(v) for v in values[field]} if field else set()
    return field if len(texts) == total and texts.isdisjoint(("", "None")) else None


def _share_dated(values: Sequence[JsonValue]) -> float:
    whole = [v for v in values if isinstance(v, str) and day_of(v) is not None and "-" in v]
    return len(whole) / len(values)


def _answer(
    fields: Sequence[str], values: dict[str, list[JsonValue]], rows: dict[str, list[JsonValue]]
) -> tuple[str | None, str]:
    """The field of the right answers, and why it is taken for that; `rows` have empty cells too."""
    by_name = named(dict.fromkeys(fields), ANSWERED)
    if by_name is not None:
        return by_name, "by its name"
    known = named(dict.fromkeys(fields), _LABELS)
    kinds = {f: _kinds(values[f]) for f in fields}
    few = [f for f in fields if 2 <= kinds[f] <= _most(len(values[f]))]
    others = [f for f in few if f != known]
    if known in few:
        return known, f"{kinds[known]} different values{_or(others)}"
    flags = [f for f in few if {str(v).strip().casefold() for v in values[f]} <= _FLAGS]
    if len(flags) > 1 and len(flags) == len(few):
        return None, ""  # one column a label: none of them is the answer
    objects = [f for f in fields if f not in _BESIDE and all(is_object(v) for v in values[f])]
    if objects:
        return objects[0], "the one that holds JSON"
    if few:
        best = few[0] if len(few) == 1 else _best_foretold(few, fields, rows)
        others = [f for f in few if f != best]
        return best, f"{kinds[best]} different values{_or(others)}"
    if len(fields) == 2:
        asking = [f for f in fields if _share_asking(values[f]) > 1 / 2]
        if len(asking) == 1:
            return next(f for f in fields if f not in asking), "the other one asks"
        lengths = {f: fmean(len(str(v)) for v in values[f]) for f in fields}
        return min(fields, key=lambda f: lengths[f]), "the shorter text of two"
    return None, ""


def _best_foretold(
    few: Sequence[str], fields: Sequence[str], rows: dict[str, list[JsonValue]]
) -> str:
    """Of columns with few values the one that the longest text tells most about."""
    text = max((f for f in fields if f not in few), key=lambda f: len(str(rows[f])), default=None)

    def told(field: str) -> float:
        if text is None:
            return 0.0
        both = zip(rows[text], rows[field], strict=True)
        pairs = [(t, v) for t, v in both if t and v not in (None, "")]
        return round(foretold([str(t) for t, _ in pairs], [str(v) for _, v in pairs]), 1)

    return min(few, key=lambda f: (folded(f) in _ABOUT, -told(f), fields.index(f)))


def _or(others: Sequence[str]) -> str:
    return f" (it may as well be {listed(others)})" if others else ""


def _share_asking(values: Sequence[JsonValue]) -> float:
    return sum(str(v).rstrip().endswith(("?", "？", "؟")) for v in values) / len(values)


def _kinds(values: Sequence[JsonValue]) -> int:
    """Different values, or labels where cells hold several."""
    pieces = several(values)
    whole = {(v if isinstance(v, str) else json.dumps(v)).strip().casefold() for v in values}
    return len(pieces or whole)


def several(values: Sequence[JsonValue]) -> dict[str, int]:
    """How often each label stands in cells that hold several of them; empty where they hold one.

    Cells such as `a; b` beside cells such as `a`, of fewer labels than there are different cells;
    or lists, also as text.
    """
    lists = [opened(value) for value in values]
    if all(isinstance(one, list) for one in lists):
        return Counter(str(each).strip() for one in lists for each in one)
    for sign in (";", "|", "\n", ","):
        cells = [[p.strip() for p in str(v).split(sign) if p.strip()] for v in values]
        pieces = Counter(piece for cell in cells for piece in cell)
        alone = {cell[0] for cell in cells if len(cell) == 1}
        short = all(len(re.split(r"[\W_]+", piece)) <= _LONGEST for piece in pieces)
        mixed = any(len(cell) > 1 for cell in cells) and len(alone) >= len(pieces) / 2
        if mixed and short and len(pieces) < len(set(map(str, values))):
            return pieces
    return {}


def _most(rows: int) -> float:
    return min(MOST_LABELS, rows / _ROWS_A_LABEL)


def is_object(value: JsonValue) -> bool:
    """Whether a value is a JSON object, or the text of one."""
    return isinstance(opened(value), dict)


def guess_output(
    expected: Sequence[JsonValue], lists: str = "labels"
) -> tuple[dict[str, JsonValue], str]:
    """`[output]` by the right answers, and why; `lists` says what a list of them is."""
    if lists == "text":
        return {"text": {}}, "answers of such files are text"
    objects = [opened(value) for value in expected]
    if all(isinstance(value, dict) for value in objects):
        return {"schema": schema_of(objects)}, "every answer is a JSON object"
    if _are_records(objects):
        return {"schema": _type_of(objects)}, "every answer is a list of JSON objects"
    listed_ = [value for value in objects if isinstance(value, list)]
    flat = [one for v in objects for one in (v if isinstance(v, list) else [v])]
    texts = Counter(str(one).strip() for one in flat if one not in (None, ""))
    packed = {} if listed_ else several([v for v in expected if v not in (None, "")])
    texts = Counter(packed) or texts
    spelt: dict[str, str] = {}
    for text, _ in texts.most_common():
        spelt.setdefault(text.casefold(), text)
    few = len(spelt) <= _most(len(expected))
    many = len(spelt) <= min(_MANY, len(expected) / _ROWS_OF_MANY)
    short = all(len(re.split(r"[\W_]+", one)) <= _LONGEST for one in spelt)
    if len(spelt) >= 2 and (few or (many and short)) and max(map(len, spelt)) <= 60:
        more: dict[str, JsonValue] = {}
        if packed or any(len(one) != 1 for one in listed_):
            more = {"any_of" if lists == "answers" and not packed else "multiple": True}
        odd = [f"{t!r} ({n})" for t, n in texts.items() if spelt[t.casefold()] != t]
        why = f"{len(spelt)} different answers in {len(expected)} rows"
        return {"labels": sorted(spelt.values()), **more}, (
            f"{why}; also spelt {', '.join(odd[:8])}" if odd else why
        )
    return {"text": {}}, f"{len(texts)} different answers in {len(expected)} rows"


def _are_records(values: Sequence[JsonValue]) -> bool:
    inner = [one for value in values if isinstance(value, list) for one in value]
    return (
        all(isinstance(value, list) for value in values)
        and bool(inner)
        and all(isinstance(one, dict) for one in inner)
    )


def schema_of(objects: Sequence[dict[str, JsonValue]]) -> dict[str, JsonValue]:
    """A JSON schema that all objects satisfy: types of their fields, required where all have it."""
    fields = list(dict.fromkeys(key for one in objects for key in one))
    return {
        "type": "object",
        "properties": {f: _type_of([one[f] for one in objects if f in one]) for f in fields},
        "required": [f for f in fields if all(f in one for one in objects)],
        "additionalProperties": False,
    }


def _type_of(values: Sequence[JsonValue]) -> dict[str, JsonValue]:
    kinds = sorted({_NAMES.get(type(value), "null") for value in values})
    if kinds == ["object"]:
        return schema_of(values)
    if "integer" in kinds and "number" in kinds:
        kinds.remove("integer")
    schema: dict[str, JsonValue] = {"type": kinds[0] if len(kinds) == 1 else kinds}
    if kinds == ["array"]:
        inner = [one for value in values for one in value]
        schema["items"] = _type_of(inner) if inner else {}
    if kinds == ["string"] and 2 <= len(set(values)) <= _most(len(values)) and len(values) >= 20:
        schema["enum"] = sorted(set(values))
    return schema


_NAMES: dict[type, str] = {
    str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object",
}  # fmt: skip
