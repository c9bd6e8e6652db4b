"""The output contract: is this text a valid answer, what does it say, how is a valid one written.

Pure. Whether a valid answer is *right* is the scorers' work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from rung.task.bounded import TooIntricateError, is_found
from rung.task.json_schema import resolve, schema_problem
from rung.task.json_shape import shape
from rung.task.json_text import values_in, without_fence
from rung.task.labelling import QUOTES, find_label, find_labels, folded, inside_json
from rung.task.rows import strict_json
from rung.task.scripts import count_words
from rung.task.types import (
    Frozen,
    JsonValue,
    LabelsOutput,
    MultiLabelOutput,
    Output,
    SchemaOutput,
    SqlOutput,
    TextOutput,
)
from rung.task.wording import listed, shown

if TYPE_CHECKING:
    from sqlglot import exp

_MOST_EXPANSIONS = 20_000
"""Queries that SQLite plans in under a second."""
_MOST_DEPTH = 60
"""Nesting beyond which the parser of queries may try every reading; SQLite runs them unread."""
_NESTING = re.compile(r"[()]|\b(?:case|end)\b", re.IGNORECASE)
_SQL_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_COMMON_TABLE = re.compile(
    r"(?:[\"`\[]([^\"`\]]+)[\"`\]]|\b(\w+))\s*(?:\([^()]*\)\s*)?\bAS\s*"
    r"(?:(?:NOT\s+)?MATERIALIZED\s*)?\(\s*(?:SELECT|WITH|VALUES)\b",
    re.IGNORECASE,
)
_QUERY_START = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(select|with)\b", re.I | re.DOTALL)
_MOST_VALUES = 8
"""Values of a text that are tried against the schema."""


class Parsed(Frozen):
    """What a text says under the contract."""

    value: JsonValue = None
    """The label, the JSON value, the text or the query; None when invalid."""
    valid: bool = True
    problem: str | None = None
    """Why it is not valid, in one sentence."""


def parse(output: Output, text: str) -> Parsed:
    """Read a model's text as an answer. Never raises on what a model can write."""
    match output:
        case LabelsOutput():
            return _parse_label(output, text)
        case MultiLabelOutput():
            return _parse_labels(output, text)
        case SchemaOutput():
            return _parse_json(output, text)
        case TextOutput():
            return _parse_text(output, text)
        case SqlOutput():
            return _parse_sql(text)


def render(output: Output, expected: JsonValue) -> str:
    """The exact text that a model should write for `expected`; `parse` reads it back."""
    if isinstance(output, SchemaOutput):
        root = output.json_schema
        return json.dumps(_in_order(expected, root, root), ensure_ascii=False)
    if isinstance(output, MultiLabelOutput):
        return json.dumps(expected, ensure_ascii=False)
    if isinstance(output, TextOutput) and expected == "":
        return output.no_answer or ""
    return str(expected).strip()


def _in_order(value: JsonValue, schema: JsonValue, root: dict[str, JsonValue]) -> JsonValue:
    """Keys in the order of the schema: constrained decoding writes them in no other."""
    if isinstance(schema, dict) and "$ref" in schema:
        schema = resolve(schema["$ref"], root)
    if not isinstance(schema, dict):
        return value
    if isinstance(value, list):
        return [_in_order(inner, schema.get("items"), root) for inner in value]
    if isinstance(value, float) and value.is_integer() and schema.get("type") == "integer":
        return int(value)
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    names = [*(n for n in known if n in value), *(n for n in value if n not in known)]
    return {name: _in_order(value[name], known.get(name), root) for name in names}


def describe(output: Output) -> str:
    """What a prompt says about the form of the answer; empty when any text will do."""
    match output:
        case LabelsOutput():
            if output.meanings:
                return f"Answer with exactly one of these labels:\n{_explained(output)}"
            return f"Answer with exactly one of: {_named(output.labels)}."
        case MultiLabelOutput():
            form = "Answer with a JSON array of all labels that apply, [] if none does. "
            if output.meanings:
                return f"{form}The labels:\n{_explained(output)}"
            return f"{form}The labels: {_quoted(output.labels)}."
        case SchemaOutput():
            root = output.json_schema
            what = {"object": "one JSON object", "array": "one JSON array"}.get(
                str(root.get("type")), "one JSON value"
            )
            return f"Answer with {what}, nothing else: {shape(root, root)}"
        case TextOutput():
            return _describe_text(output)
        case SqlOutput():
            form = "Answer with one SQLite SELECT statement, nothing else."
            return f"{form} The tables:\n{output.tables}" if output.tables else form


def kept_limits(output: TextOutput, text: str) -> dict[str, bool]:
    """Every limit and rule of a text output by name, and whether `text` keeps it."""
    text = text.strip()
    kept: dict[str, bool] = {}
    if output.max_words is not None:
        kept["max_words"] = count_words(text) <= output.max_words
    if output.max_chars is not None:
        kept["max_chars"] = len(text) <= output.max_chars
    kept.update({name: _keeps(rule, text) for name, rule in output.rules.items()})
    return kept


def _keeps(rule: str, text: str) -> bool:
    try:
        return is_found(rule, text)
    except TooIntricateError:
        return False


def _invalid(problem: str) -> Parsed:
    return Parsed(valid=False, problem=f"{problem.rstrip('.')}.")


def _parse_label(output: LabelsOutput, text: str) -> Parsed:
    bare = without_fence(text)
    for around in ("", QUOTES, f"{QUOTES}.。!！ \t\n", f"{QUOTES}.。!！()（） \t\n"):
        label = find_label(bare.strip(around) if around else bare, output.labels)
        if label is not None:
            return Parsed(value=label)
    inside = inside_json(bare)
    within = inside if isinstance(inside, list) else [inside]
    if isinstance(inside, dict):  # with its reason, say
        within = [one for one in inside.values() if find_label(one, output.labels) is not None]
    label = find_label(within[0], output.labels) if len(within) == 1 else None
    if label is not None and inside is not None:
        return Parsed(value=label)
    return _invalid(f"{shown(bare)} is not one of the {len(output.labels)} labels")


def _parse_labels(output: MultiLabelOutput, text: str) -> Parsed:
    bare = without_fence(text)
    if not bare:
        return _invalid("the answer is empty; no label at all is written []")
    labels, unknown = find_labels(bare, output.labels)
    if unknown:
        return _invalid(f"{listed(unknown)}: not of the {len(output.labels)} labels")
    return Parsed(value=list(labels))


def _parse_json(output: SchemaOutput, text: str) -> Parsed:
    """The likeliest value that satisfies the schema, else why the likeliest one does not."""
    values = list(islice(values_in(text), _MOST_VALUES))
    if len(values) == 1 and isinstance(values[0], str):  # JSON written into a JSON text
        values += islice(values_in(values[0]), 1)
    problems = []
    for value in values:
        problem = schema_problem(output.json_schema, value)
        if problem is None:
            return Parsed(value=value)
        problems.append(problem)
    return _invalid(problems[0] if problems else f"the answer is not JSON: {_broken_json(text)}")


def _broken_json(text: str) -> str:
    try:
        strict_json(without_fence(text))
    except (ValueError, RecursionError) as broken:
        return str(broken)
    return shown(text)


def _parse_text(output: TextOutput, text: str) -> Parsed:
    bare = text.strip()
    if output.no_answer is not None and says_no_answer(output.no_answer, bare):
        return Parsed(value="")
    if not bare:
        return _invalid("the answer is empty")
    broken = [name for name, ok in kept_limits(output, bare).items() if not ok]
    if not broken:
        return Parsed(value=bare)
    return _invalid("; ".join(_broken(output, name, bare) for name in broken))


def _broken(output: TextOutput, name: str, text: str) -> str:
    if name in output.rules:
        try:
            is_found(output.rules[name], text)
        except TooIntricateError as much:
            return f"rule {name!r} cannot be checked: {much}"
        return f"rule {name!r} is broken: no match for {output.rules[name]!r}"
    if name == "max_words":
        return f"{count_words(text)} words, at most {output.max_words} are allowed"
    return f"{len(text)} characters, at most {output.max_chars} are allowed"


def _parse_sql(text: str) -> Parsed:
    query = without_fence(text)
    inside = inside_json(query)
    query = (inside if isinstance(inside, str) else query).rstrip("; \t\n；")
    if query[:1] == query[-1:] == "`":
        query = query.strip("` ;\t\n")
    if not query:
        return _invalid("the answer is empty")
    if not _QUERY_START.match(query):
        return _invalid(f"{shown(query)} does not start with SELECT or WITH")
    if _expansions(query) > _MOST_EXPANSIONS:
        return _invalid("its WITH clauses unfold into too many queries to be planned")
    problem = _sqlite_syntax(query)
    if problem:
        return _invalid(f"not SQL: {problem}")
    statements = parse_sql(query)
    if statements is None and ";" not in query:
        return Parsed(value=query)
    from sqlglot import exp

    if not statements or len(statements) != 1 or not isinstance(statements[0], exp.Query):
        return _invalid("not exactly one SELECT statement")
    return Parsed(value=query)


def parse_sql(query: str) -> list[exp.Expr] | None:
    """The statements of a SQLite text, without comments after them.

    None where sqlglot cannot read what SQLite may.
    """
    if _depth(query) > _MOST_DEPTH:
        return None
    import sqlglot
    from sqlglot.errors import SqlglotError
    from sqlglot.expressions import Semicolon

    try:
        trees = sqlglot.parse(query, read="sqlite")
        return [tree for tree in trees if tree is not None and not isinstance(tree, Semicolon)]
    except (SqlglotError, RecursionError):
        return None


def _depth(query: str) -> int:
    """Brackets and CASEs that stand open at once, at most."""
    deep = most = 0
    for sign in _NESTING.findall(query):
        deep += -1 if sign.lower() in (")", "end") else 1
        most = max(most, deep)
    return most


def _expansions(query: str) -> int:
    """How many queries SQLite unfolds a query into before it runs, at most.

    A common table is copied wherever it is named, so ten that name each other twice are a
    thousand; no limit of SQLite counts that, and planning cannot be interrupted.
    """
    plain = _SQL_COMMENT.sub(" ", query)
    total = 1
    for name in {(a or b).lower() for a, b in _COMMON_TABLE.findall(plain)}:
        uses = rf"(?:\bFROM|\bJOIN|,)[\s(]*[\"`\[]?{re.escape(name)}(?!\w|[\"`\]]?\s*(?:\.|\())"
        total *= max(1, len(re.findall(uses, plain, re.IGNORECASE)))
    return total


def _sqlite_syntax(query: str) -> str | None:
    """What SQLite says about a query; that tables or columns are missing does not count."""
    import sqlite3

    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(f"EXPLAIN {query}")
    except (sqlite3.Error, sqlite3.Warning, ValueError) as problem:
        message = str(problem)
        return None if message.startswith(("no such", "You can only execute one")) else message
    finally:
        connection.close()
    return None


def says_no_answer(word: str, text: str) -> bool:
    """Whether a text says that there is no answer: it is empty, or the word for it."""
    bare, sought = (folded(one.strip().strip(f"{QUOTES}.…。!()（） ")) for one in (text, word))
    return not text.strip() or bare == sought


def _explained(output: LabelsOutput | MultiLabelOutput) -> str:
    """One label a line, with what it stands for."""
    meanings = [(label, output.meanings.get(label)) for label in output.labels]
    return "\n".join(f"- {one}: {meaning}" if meaning else f"- {one}" for one, meaning in meanings)


def _named(labels: Sequence[str]) -> str:
    """Labels with commas between them; in quotes where one holds a comma itself."""
    if any("," in label for label in labels):
        return _quoted(labels)
    return ", ".join(labels)


def _quoted(labels: Sequence[str]) -> str:
    return ", ".join(json.dumps(label, ensure_ascii=False) for label in labels)


def _describe_text(output: TextOutput) -> str:
    parts = []
    if output.no_answer is not None:
        parts.append(f"If there is no answer, write exactly: {output.no_answer}")
    if output.max_words is not None:
        parts.append(f"At most {output.max_words} words.")
    if output.max_chars is not None:
        parts.append(f"At most {output.max_chars} characters.")
    if output.rules:
        names = "; ".join(name.replace("_", " ") for name in output.rules)
        parts.append(f"Keep these rules: {names}.")
    return " ".join(parts)
