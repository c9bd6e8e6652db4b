"""Rows of a file as `Example`s, checked against the output contract.

What shape rows have is `shapes`' to say, splitting them `splits`'.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from rung.errors import UserError
from rung.task.columns import Columns
from rung.task.expected import Gold, GoldError, as_meant, read_expected, row_expected
from rung.task.faults import Faults, Row, RowError
from rung.task.rows import TABLES, kind_of, read_table, strict_json
from rung.task.shapes import OWN, take
from rung.task.types import Example, JsonValue, Output, digest
from rung.task.wording import listed, shown

ID_CHARS = 12
"""Length of an id made from content."""

Respelt = tuple[str, str]
"""A label as a row spells it, and as the output does."""


class Examples(NamedTuple):
    """The examples of a file, and what was taken otherwise than it stands."""

    examples: list[Example]
    respelt: Counter[Respelt]
    """How often labels are spelt in another way than by the output."""
    notes: tuple[str, ...] = ()


def load_examples(
    path: Path, name: str, output: Output, columns: Columns | None = None
) -> list[Example]:
    """Every example of one file. `name` is how messages call the file."""
    return read_examples(path, name, output, columns).examples


def read_examples(
    path: Path,
    name: str,
    output: Output,
    columns: Columns | None = None,
    mend: Callable[[list[Row]], list[Row]] = lambda rows: rows,
) -> Examples:
    """As `load_examples`, with sentences on what was taken for what; `mend` sees the rows first."""
    table = read_table(path, name)
    taken = take(table.rows, columns)
    rows, meant = as_meant(mend(taken.rows), output, table=kind_of(path) in TABLES)
    examples = parse_rows(rows, output)
    notes = (*table.notes, *taken.notes, *(f"{name}: {note}" for note in meant))
    return examples._replace(notes=notes)


def parse_rows(rows: list[Row], output: Output) -> Examples:
    """Rows under Rung's own names as examples; one `UserError` for all that cannot be used."""
    if not rows:
        raise UserError("no row holds a question with its answer; add at least one")
    faults = Faults(rows[0].file)
    respelt: Counter[Respelt] = Counter()
    seen: dict[str, Row] = {}
    copies: Counter[str] = Counter()
    examples = []
    for row in rows:
        try:
            example, spelling = _example(row, row.data, output)
            if row.data.get("id") in (None, ""):
                copies[example.id] += 1
                if copies[example.id] > 1:
                    own = f"{example.id}-{copies[example.id]}"
                    example = example.model_copy(update={"id": own})
            first = seen.setdefault(example.id, row)
            if first is not row:
                raise row.error(
                    f"id {example.id!r} stands on {first.place} {first.line} already; "
                    "give every example its own id, or none and Rung makes them"
                )
        except RowError as error:
            faults.add(error)
            continue
        if spelling is not None:
            respelt[spelling, example.expected] += 1
        examples.append(example)
    faults.raise_any(len(rows))
    return Examples(examples, respelt)


def refuse_shared_ids(files: Iterable[tuple[str, Sequence[Example]]]) -> None:
    """Ids must be unique across the files of a task too."""
    owner: dict[str, tuple[str, str]] = {}
    for name, examples in files:
        for example in examples:
            text = digest([example.input, row_expected(example)])
            if owner.setdefault(example.id, (name, text))[1] != text:
                raise UserError(
                    f"{name}: id {example.id!r} names another example in "
                    f"{owner[example.id][0]}; make ids unique across files, or leave the id out "
                    "and Rung makes them"
                )


def has_made_id(example: Example) -> bool:
    """Whether its id follows from its words, since its row has none."""
    return example.id.startswith(digest([example.input, row_expected(example)])[:ID_CHARS])


def _example(row: Row, data: dict[str, JsonValue], output: Output) -> tuple[Example, str | None]:
    """The example, and its label as the row spells it where that is not how the output does."""
    _refuse_nan(row, data)
    text = input_of(row, data.get("input"), data)
    gold = _expected(row, data, output)
    made = digest([text, row_expected(gold)])[:ID_CHARS]
    ident = data.get("id")
    example = Example(
        id=made if ident in (None, "") else str(ident),
        input=text,
        expected=gold.expected,
        alternatives=gold.alternatives,
        context_ids=_context_ids(row, data.get("context_ids")),
        meta=_meta(row, data),
    )
    return example, gold.respelt


def _refuse_nan(row: Row, data: dict[str, JsonValue]) -> None:
    """NaN is what tables write for an empty cell: no answer, and no JSON."""
    for key in OWN:
        if key != "meta" and _has_nan(data.get(key)):
            raise row.error(
                f"{key!r} holds NaN, which a table writes for an empty cell; fill it in or take "
                "the row out"
            )


def _has_nan(value: JsonValue) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_nan, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and not math.isfinite(value)


def _without_nan(value: JsonValue) -> JsonValue:
    """The value with nothing where NaN or an infinity stands: JSON has none."""
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if _has_nan(value) else value


def _missing(row: Row, key: str, data: dict[str, JsonValue]) -> UserError:
    if key in data:
        return row.error(f"{key!r} is empty; fill it in or take the row out")
    others = [k for k in row.data if k not in OWN]
    return row.error(
        f"{key!r} is missing; the row has {listed(row.data)}: "
        + (
            f"rename the one that holds it to {key!r}, or name it in [task] "
            f'columns = {{ {key} = "…" }}'
            if others
            else "add it"
        )
    )


def input_of(row: Row, value: JsonValue, data: dict[str, JsonValue]) -> str | dict[str, JsonValue]:
    """A row's input; raises `RowError` for none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = json.dumps(value)
    if value is None or (isinstance(value, str) and not value.strip()) or value == {}:
        raise _missing(row, "input", data)
    if not isinstance(value, str | dict):
        raise row.error(f"'input' is {shown(value)}; it must be text or an object of fields")
    return value


def _expected(row: Row, data: dict[str, JsonValue], output: Output) -> Gold:
    if "expected" not in data:
        raise _missing(row, "expected", data)
    try:
        gold = read_expected(output, data["expected"])
        also = data.get("alternatives")
        if not isinstance(also, list):  # another column of that name
            return gold
        more = [read_expected(output, one) for one in also]
        return gold._replace(alternatives=(*gold.alternatives, *(one.expected for one in more)))
    except GoldError as problem:
        raise row.error(str(problem), problem.seen) from None


def _context_ids(row: Row, value: JsonValue) -> tuple[str, ...]:
    """A list of ids; in a CSV cell a JSON list, or ids with `;` between them."""
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        try:
            value = strict_json(value) if value.lstrip().startswith("[") else value.split(";")
        except ValueError:
            value = [value]
    if not isinstance(value, list) or not all(isinstance(one, str | int) for one in value):
        raise row.error(f"'context_ids' is {shown(value)}; it must be a list of document ids")
    return tuple(str(one).strip() for one in value)


def _meta(row: Row, data: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The row's own `meta` object, and every key that Rung does not know."""
    extra = {k: _without_nan(v) for k, v in data.items() if k not in OWN}
    if not isinstance(data.get("alternatives", []), list):
        extra["alternatives"] = data["alternatives"]
    own = _without_nan(data.get("meta"))
    if own in (None, ""):
        return extra
    if not isinstance(own, dict):
        return {**extra, "meta": own}
    both = sorted(extra.keys() & own.keys())
    if both:
        raise row.error(f"{both[0]!r} stands in the row and in its 'meta'; keep one of the two")
    return {**own, **extra}
