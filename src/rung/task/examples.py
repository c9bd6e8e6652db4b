"""Rows of a file as `Example`s: plain rows or chat rows, checked against the output contract.

Not for splitting them; that is `splits`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rung.errors import UserError
from rung.task.expected import Gold, GoldError, read_expected, row_expected
from rung.task.rows import Row, read_rows, strict_json
from rung.task.types import Example, JsonValue, Output, digest
from rung.task.wording import listed, shown

ID_CHARS = 12
"""Length of an id made from content."""
_ROW_KEYS = ("id", "input", "expected", "alternatives", "context_ids", "meta")
_CHAT_KEYS = ("id", "messages", "alternatives", "context_ids", "meta")
_FIELD_PREFIX = "input."

Respelt = tuple[str, str]
"""A label as a row spells it, and as the output does."""


def load_examples(
    path: Path, name: str, output: Output, respelt: Counter[Respelt] | None = None
) -> list[Example]:
    """Every example of one file. `name` is how messages call the file.

    Labels that the file spells in other ways than the output are counted in `respelt`.
    """
    return parse_rows(read_rows(path, name), output, respelt)


def parse_rows(
    rows: list[Row], output: Output, respelt: Counter[Respelt] | None = None
) -> list[Example]:
    """Rows as examples; raises `UserError` naming file, line and value of the first mistake."""
    chat = "messages" in rows[0].data
    seen: dict[str, Row] = {}
    copies: Counter[str] = Counter()
    examples = []
    for row in rows:
        data = _from_chat(row) if chat else _with_fields(row)
        text = _input(row, data.get("input"), data)
        gold = _expected(row, data, output)
        if respelt is not None and gold.respelt is not None:
            respelt[gold.respelt, gold.expected] += 1
        example = _example(row, data, text, gold)
        if data.get("id") in (None, ""):
            copies[example.id] += 1
            if copies[example.id] > 1:
                own = f"{example.id}-{copies[example.id]}"
                example = example.model_copy(update={"id": own})
        if example.id in seen:
            raise row.error(
                f"id {example.id!r} stands on line {seen[example.id].line} already; "
                "give every example its own id, or none and Rung makes them"
            )
        seen[example.id] = row
        examples.append(example)
    return examples


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


def _example(
    row: Row, data: dict[str, JsonValue], text: str | dict[str, JsonValue], gold: Gold
) -> Example:
    made = digest([text, row_expected(gold)])[:ID_CHARS]
    ident = data.get("id")
    return Example(
        id=made if ident in (None, "") else str(ident),
        input=text,
        expected=gold.expected,
        alternatives=gold.alternatives,
        context_ids=_context_ids(row, data.get("context_ids")),
        meta=_meta(row, data),
    )


def _with_fields(row: Row) -> dict[str, JsonValue]:
    """A plain row; columns named `input.xxx` become the fields of one input object."""
    fields = {k: v for k, v in row.data.items() if k.startswith(_FIELD_PREFIX)}
    if not fields:
        return row.data
    if "input" in row.data:
        raise row.error("the row has 'input' and 'input.…' columns; keep one of the two")
    rest = {k: v for k, v in row.data.items() if k not in fields}
    return {**rest, "input": {k.removeprefix(_FIELD_PREFIX): v for k, v in fields.items()}}


def _from_chat(row: Row) -> dict[str, JsonValue]:
    """A chat row: the last assistant turn is expected, what the user said before is the input."""
    turns = _turns(row)
    if turns[-1][0] != "assistant":
        raise row.error(
            f"the last of {len(turns)} messages is by {turns[-1][0]!r}; it must be the "
            "'assistant' answer that is expected"
        )
    asked = [turn for turn in turns[:-1] if turn[0] != "system"]
    if not any(role == "user" for role, _ in asked):
        raise row.error("no 'user' message before the answer; add what the user asked")
    if all(role == "user" for role, _ in asked):
        text = "\n\n".join(content for _, content in asked)
    else:
        text = "\n".join(f"{role}: {content}" for role, content in asked)
    system = [content for role, content in turns if role == "system"]
    rest = {k: v for k, v in row.data.items() if k != "messages"}
    extra = {"system": "\n\n".join(system)} if system else {}
    return {**extra, **rest, "input": text, "expected": turns[-1][1]}


def _turns(row: Row) -> list[tuple[str, str]]:
    messages = row.data.get("messages")
    if not isinstance(messages, list) or not messages:
        raise row.error(
            f"'messages' is {shown(messages)}; it must be a list of "
            '{"role": …, "content": …}, as in the first row'
        )
    turns = []
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            content = "\n".join(
                str(part.get("text", "")) for part in content if isinstance(part, dict)
            )
        if role not in ("system", "developer", "user", "assistant") or not isinstance(content, str):
            raise row.error(
                f"message {shown(message)} is not read; a message has a 'role' of system, user "
                "or assistant and text as 'content'"
            )
        turns.append(("system" if role == "developer" else role, content))
    return turns


def _missing(row: Row, key: str, data: dict[str, JsonValue]) -> UserError:
    if key in data:
        return row.error(f"{key!r} is empty; fill it in or take the row out")
    others = [k for k in row.data if k not in _ROW_KEYS]
    return row.error(
        f"{key!r} is missing; the row has {listed(row.data)}: "
        + (f"rename the one that holds it to {key!r}" if others else "add it")
    )


def _input(row: Row, value: JsonValue, data: dict[str, JsonValue]) -> str | dict[str, JsonValue]:
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
        raise row.error(str(problem)) from None


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
    known = _CHAT_KEYS if "messages" in row.data else _ROW_KEYS
    extra = {k: v for k, v in data.items() if k not in (*known, "input", "expected")}
    if not isinstance(data.get("alternatives", []), list):
        extra["alternatives"] = data["alternatives"]
    own = data.get("meta")
    if own in (None, ""):
        return extra
    if not isinstance(own, dict):
        return {**extra, "meta": own}
    both = sorted(extra.keys() & own.keys())
    if both:
        raise row.error(f"{both[0]!r} stands in the row and in its 'meta'; keep one of the two")
    return {**own, **extra}
