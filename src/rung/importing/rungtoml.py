"""A `rung.toml` as text, from what another tool's file says."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rung.task.types import JsonValue

SCORE = 0.8
"""A target to begin with; other tools have none."""


def rung_toml(
    *,
    name: str,
    instruction: str,
    output: dict[str, JsonValue],
    metric: str,
    models: Sequence[str],
) -> str:
    """The file. `output` has one key, as `[output]` has."""
    lines = [
        "[task]",
        f"name = {_text(name)}",
        f"instruction = {_text(instruction)}",
        'examples = "examples.jsonl"',
        "",
        "[output]",
        *(f"{key} = {_value(value)}" for key, value in output.items()),
        "",
        "[target]",
        *([f"metric = {_text(metric)}"] if "schema" not in output else []),
        f"score = {SCORE}  # what is good enough for you?",
        "",
    ]
    if models:
        lines += ["[models]", f"try = {_value(list(models))}", ""]
    return "\n".join(lines)


def _text(value: str) -> str:
    """A TOML basic string: JSON's escapes, and DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _value(value: JsonValue) -> str:
    if isinstance(value, dict):
        inner = ", ".join(
            f"{_text(str(k))} = {_value(v)}" for k, v in value.items() if v is not None
        )
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_value(v) for v in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return _text(value) if isinstance(value, str) else json.dumps(value)
