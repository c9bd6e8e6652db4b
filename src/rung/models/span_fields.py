"""Which fields of a JSON answer are copied out of the input, and how an answer is put together.

A field is a path of keys. What stands in lists of objects is copied by one of their keys, whose
siblings (`{"text": "Paris", "type": "LOC"}`) say of which kind the copy is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from rung.models.crf import Span, Word, words_of
from rung.task.json_schema import resolve, schema_problem
from rung.task.types import Example, Frozen, JsonValue, Output, SchemaOutput, Task
from rung.task.wording import listed

SPANS = "no-llm/spans"
FEWEST, MOST_LOOKED_AT = 20, 500
"""Train rows below which no tagger is offered, and those that are looked at before it is."""
LEAST = 0.5
"""Share of a field's values that must stand in their inputs, of all open values together, and of
rows that copies must make a valid answer of."""
MOST_CHOICES = 30
"""Different values of a field up to which one of them is chosen by what the whole text says."""
ROWS_A_CHOICE = 3
"""Train rows a value, at least, where one is chosen."""
ABSENT = ""
"""In place of JSON where a field is left out."""
Path = tuple[str, ...]


def _number(text: str) -> JsonValue:
    """The number that a word says; the text itself where it says none."""
    plain = text.replace(",", "")
    try:
        return int(plain) if plain.isdecimal() else float(plain)
    except ValueError:
        return text


FORMS: dict[str, Callable[[str], JsonValue]] = {
    "as it is": str,
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "number": _number,
}
"""How a copy is written."""


class Row(NamedTuple):
    """An input as words, and its answer where there is one."""

    text: str
    words: list[Word]
    folded: list[str]
    """The words without upper case."""
    answer: JsonValue = None

    @classmethod
    def of(cls, text: str, answer: JsonValue = None) -> Row:
        """Taken apart."""
        words = words_of(text)
        return cls(text, words, [word.text.casefold() for word in words], answer)


class Copied(Frozen):
    """A field whose values are spans of the input."""

    path: Path
    key: str | None = None
    """Of the objects of a list: what is copied."""
    form: str
    lists: bool
    """One copy stands in a list as well."""
    many: bool
    """Several copies stand in a list; else the first one is taken."""
    otherwise: str = ABSENT
    """What it is where nothing is copied, as JSON."""


class Chosen(Frozen):
    """A field whose value is one of those seen, by what the text says as a whole."""

    path: Path
    values: tuple[str, ...]
    """As JSON; ABSENT where it is left out. With one value, it is always that."""


class Kind(Frozen):
    """A kind of span."""

    field: int
    """Place among the copied fields."""
    siblings: str = "{}"
    """What stands beside the copy in its object, as JSON."""


class Fields(Frozen):
    """How a task's answers are made up."""

    copied: tuple[Copied, ...]
    chosen: tuple[Chosen, ...]
    kinds: tuple[Kind, ...]
    objects: tuple[Path, ...]
    """Objects that are always there, empty or not."""

    def spans(self, row: Row) -> list[Span]:
        """Where an answer's copies stand in its input, longest first, none inside another."""
        held = dict(_leaves(row.answer))
        wanted = [
            (kind, copy)
            for at, field in enumerate(self.copied)
            for copy, siblings in _copies(field.key, held.get(field.path))
            if (kind := self._kind(at, siblings)) is not None
        ]
        taken: set[int] = set()
        spans = []
        for kind, copy in sorted(wanted, key=lambda one: -len(str(one[1]))):
            for first, last in _places(row, copy):
                if taken.isdisjoint(range(first, last + 1)):
                    spans.append(Span(first, last, kind))
                    taken.update(range(first, last + 1))
                    break
        return sorted(spans)

    def _kind(self, field: int, siblings: str) -> int | None:
        kind = Kind(field=field, siblings=siblings)
        return self.kinds.index(kind) if kind in self.kinds else None

    def answer(self, row: Row, spans: Sequence[Span], chosen: Sequence[str]) -> JsonValue:
        """An answer out of a text's spans and the values of the chosen fields."""
        made: dict[Path, JsonValue] = {path: {} for path in self.objects}
        by_field: dict[int, list[JsonValue]] = {}
        for span in spans:
            kind = self.kinds[span.kind]
            field = self.copied[kind.field]
            copy = FORMS[field.form](_written(row, span.first, span.last))
            whole = copy if field.key is None else {field.key: copy, **json.loads(kind.siblings)}
            by_field.setdefault(kind.field, []).append(whole)
        for at, field in enumerate(self.copied):
            copies = by_field.get(at, [])
            if not copies and field.otherwise != ABSENT:
                made[field.path] = json.loads(field.otherwise)
            elif copies:
                several = field.lists or (field.many and len(copies) > 1)
                made[field.path] = copies if several else copies[0]
        made |= {
            one.path: json.loads(value)
            for one, value in zip(self.chosen, chosen, strict=True)
            if value != ABSENT
        }
        return _nested(made)

    def choices(self, answer: JsonValue) -> list[str]:
        """What the chosen fields of an answer are, as JSON, where there is a choice."""
        held = dict(_leaves(answer))
        values = [_json(held[one.path]) if one.path in held else ABSENT for one in self.chosen]
        pairs = zip(self.chosen, values, strict=True)
        return [own if len(one.values) > 1 else one.values[0] for one, own in pairs]


def _nested(made: dict[Path, JsonValue]) -> JsonValue:
    if () in made and not isinstance(made[()], dict):
        return made[()]
    root: dict[str, JsonValue] = {}
    for path, value in sorted(made.items(), key=lambda item: len(item[0])):
        place: JsonValue = root
        for key in path[:-1]:
            place = place.setdefault(key, {}) if isinstance(place, dict) else None
        if path and isinstance(place, dict):
            place[path[-1]] = value
    return root


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _leaves(value: JsonValue, path: Path = ()) -> Iterator[tuple[Path, JsonValue]]:
    """Whatever is no object, under its path."""
    if not isinstance(value, dict):
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves(inner, (*path, key))


def _objects(value: JsonValue, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        yield path
        for key, inner in value.items():
            yield from _objects(inner, (*path, key))


def _copies(key: str | None, leaf: JsonValue) -> Iterator[tuple[JsonValue, str]]:
    """What is copied in a field's value, each with its siblings."""
    for item in leaf if isinstance(leaf, list) else [leaf]:
        if key is None:
            if _plain(item):
                yield item, "{}"
        elif isinstance(item, dict) and _plain(item.get(key)):
            yield item[key], _json({k: v for k, v in item.items() if k != key})


def _plain(value: JsonValue) -> bool:
    """Text or a number that a span can be."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number or (isinstance(value, str) and bool(value.strip()))


def _written(row: Row, first: int, last: int) -> str:
    """The text from one word to another, with single blanks."""
    return " ".join(row.text[row.words[first].start : row.words[last].end].split())


def _places(row: Row, copy: JsonValue) -> Iterator[tuple[int, int]]:
    """First and last word of every place where it stands."""
    if not isinstance(copy, str):
        yield from ((at, at) for at, word in enumerate(row.words) if _number(word.text) == copy)
        return
    sought = [word.text.casefold() for word in words_of(copy)]
    for at in range(len(row.words) - len(sought) + 1):
        if row.folded[at : at + len(sought)] == sought:
            yield at, at + len(sought) - 1


def learnt(output: SchemaOutput, rows: Sequence[Row]) -> Fields:
    """How the answers of `rows` are made up."""
    held: dict[Path, list[tuple[Row, JsonValue]]] = {}
    for row in rows:
        for path, leaf in _leaves(row.answer):
            held.setdefault(path, []).append((row, leaf))
    copied: list[Copied] = []
    chosen: list[Chosen] = []
    kinds: list[Kind] = []
    for path, pairs in held.items():
        field = None if closed(output.json_schema, path) else _copied(path, pairs, len(rows))
        if field is None:
            chosen.append(_chosen(path, [leaf for _, leaf in pairs], len(rows)))
            continue
        seen = {s for _, leaf in pairs for _, s in _copies(field.key, leaf)}
        kinds += [Kind(field=len(copied), siblings=one) for one in sorted(seen)]
        copied.append(field)
    counts = Counter(path for row in rows for path in _objects(row.answer))
    return Fields(
        copied=tuple(copied),
        chosen=tuple(chosen),
        kinds=tuple(kinds),
        objects=tuple(path for path, count in counts.items() if count == len(rows)),
    )


def _copied(path: Path, pairs: Sequence[tuple[Row, JsonValue]], rows: int) -> Copied | None:
    """A field's values as copies; None where too few are."""
    items = [i for _, leaf in pairs for i in (leaf if isinstance(leaf, list) else [leaf])]
    keys: list[str | None] = [None]
    if any(isinstance(item, dict) for item in items):
        keys = list(dict.fromkeys(k for i in items if isinstance(i, dict) for k in i))
    best = max(keys, key=lambda key: _found(pairs, key), default=None)
    values = sum(item is not None and item != "" for item in items)
    siblings = {s for _, leaf in pairs for _, s in _copies(best, leaf)}
    if not values or _found(pairs, best) < LEAST * values or len(siblings) > MOST_CHOICES:
        return None
    without = Counter(_json(leaf) for row, leaf in pairs if not _stand(row, best, leaf))
    without[ABSENT] += rows - len(pairs)
    lists = [leaf for _, leaf in pairs if isinstance(leaf, list)]
    alone = sum(len(leaf) == 1 for leaf in lists)
    return Copied(
        path=path,
        key=best,
        form=max(FORMS, key=lambda form: _right(pairs, best, form)),
        lists=len(lists) == len(pairs) or alone > len(pairs) - len(lists),
        many=bool(lists),
        otherwise=_usual(without),
    )


def _found(pairs: Sequence[tuple[Row, JsonValue]], key: str | None) -> int:
    """How many copies stand in their inputs."""
    return sum(_stand(row, key, leaf) for row, leaf in pairs)


def _stand(row: Row, key: str | None, leaf: JsonValue) -> int:
    return sum(next(_places(row, copy), None) is not None for copy, _ in _copies(key, leaf))


def _right(pairs: Sequence[tuple[Row, JsonValue]], key: str | None, form: str) -> int:
    """How many copies are written in that form where they stand first."""
    stand = (
        (row, copy, place)
        for row, leaf in pairs
        for copy, _ in _copies(key, leaf)
        if (place := next(_places(row, copy), None)) is not None
    )
    return sum(FORMS[form](_written(row, *place)) == copy for row, copy, place in stand)


def _chosen(path: Path, leaves: Sequence[JsonValue], rows: int) -> Chosen:
    """The values to choose from; the usual one alone where they are too many."""
    counts = Counter(map(_json, leaves))
    counts[ABSENT] += rows - len(leaves)
    values = tuple(sorted(value for value, count in counts.items() if count))
    few = len(values) <= MOST_CHOICES and len(values) * ROWS_A_CHOICE <= rows
    return Chosen(path=path, values=values if few else (_usual(counts),))


def _usual(counts: Counter[str]) -> str:
    """What at least half are; else ABSENT."""
    value, count = counts.most_common(1)[0]
    return value if count and 2 * count >= counts.total() else ABSENT


def closed(schema: dict[str, JsonValue], path: Path) -> bool:
    """Whether the schema lists what a field may be, or it is true or false."""
    node: JsonValue = schema
    for key in path:
        node = _opened(node, schema).get("properties", {}).get(key, {})
    return _closed(node, schema)


def _opened(node: JsonValue, root: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if isinstance(node, dict) and "$ref" in node:
        node = resolve(node["$ref"], root)
    return node if isinstance(node, dict) else {}


def _closed(node: JsonValue, root: dict[str, JsonValue]) -> bool:
    node = _opened(node, root)
    if "enum" in node or "const" in node or node.get("type") in ("boolean", "null"):
        return True
    if node.get("type") == "array":
        return _closed(node.get("items"), root)
    ways = node.get("anyOf") or node.get("oneOf")
    return bool(ways) and all(_closed(way, root) for way in ways)


def copied_fields(output: Output, train: Sequence[Example]) -> Fields | None:
    """The fields of answers that copies make up; None where they do not."""
    if not isinstance(output, SchemaOutput) or len(train) < FEWEST:
        return None
    rows = [Row.of(e.input_text(), e.expected) for e in train[:MOST_LOOKED_AT]]
    fields = learnt(output, rows)
    schema = output.json_schema
    single = {one.path for one in fields.chosen if len(one.values) == 1}
    copies = {one.path: one.key for one in fields.copied}
    lost = stand = valid = 0
    for row in rows:
        held = dict(_leaves(row.answer))
        wanted = sum(len(list(_copies(key, held.get(path)))) for path, key in copies.items())
        spans = fields.spans(row)
        stand += len(spans)
        lost += wanted - len(spans)
        lost += sum(path in single and not closed(schema, path) for path in held)
        made = fields.answer(row, spans, fields.choices(row.answer))
        valid += schema_problem(schema, made) is None
    if not fields.copied or stand < LEAST * (stand + lost) or valid < LEAST * len(rows):
        return None
    return fields


def said_of_fields(task: Task) -> list[str]:
    """What a tagger makes of each field, as a sentence; none where there is none."""
    fields = copied_fields(task.output, task.train)
    if fields is None:
        return []
    parts = {"copied out of the input": [one.path for one in fields.copied]}
    for one in fields.chosen:
        usual = "left out" if one.values[0] == ABSENT else "always the most frequent value"
        how = usual if len(one.values) == 1 else "chosen by a linear head"
        parts.setdefault(how, []).append(one.path)
    fillings = [
        f"{how}: {listed('.'.join(path) or 'items' for path in paths)}"
        for how, paths in parts.items()
    ]
    return [f"{SPANS} answers without a language model: {'; '.join(fillings)}."]
