"""One small task per kind of output, with answers as a model would give them."""

from __future__ import annotations

from typing import Any

from rung.records import Answer
from rung.task.contract import parse
from rung.task.types import (
    Example,
    LabelsOutput,
    MultiLabelOutput,
    Output,
    SchemaOutput,
    SqlOutput,
    Target,
    Task,
    TextOutput,
)

SCRIPT = "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (2, 'z')"
ENTITY = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "type": {"enum": ["PER", "LOC"]}},
    "required": ["text", "type"],
}
OUTPUTS: dict[str, Output] = {
    "labels": LabelsOutput(labels=("billing", "shipping")),
    "multilabel": MultiLabelOutput(labels=("billing", "shipping", "technical")),
    "schema": SchemaOutput(json_schema={"type": "array", "items": ENTITY}),
    "text": TextOutput(max_words=40, rules={"ends_with_colon": ":$"}),
    "sql": SqlOutput(script_field="ddl"),
}
GOLD: dict[str, Any] = {
    "labels": "billing",
    "multilabel": ["billing", "technical"],
    "schema": [{"text": "Jeff", "type": "PER"}, {"text": "Oslo", "type": "LOC"}],
    "text": "List all files of the folder:",
    "sql": "SELECT a FROM t WHERE b = 'x'",
}
GARBAGE = {
    "labels": "shipping",
    "multilabel": "shipping",
    "schema": "[]",
    "text": "zzz qqq",
    "sql": "SELECT 99",
}


def task(kind: str, metric: str = "", expected: Any = None, **parts: Any) -> Task:
    """A task of one train example, `e1`."""
    gold = GOLD[kind] if expected is None else expected
    example = Example(id="e1", input="the input", expected=gold, meta={"ddl": SCRIPT})
    plain = {
        "name": "t",
        "instruction": "Do it.",
        "output": OUTPUTS[kind],
        "target": Target(metric=metric or "exact_match", score=0.5),
        "train": (example,),
    }
    return Task(**{**plain, **parts})


def answer(output: Output, text: str) -> Answer:
    """What a solver makes of a model's text."""
    parsed = parse(output, text)
    return Answer(text=text, value=parsed.value, valid=parsed.valid, problem=parsed.problem)
