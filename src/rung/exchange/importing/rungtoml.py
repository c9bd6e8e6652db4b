"""A `rung.toml` as text, from what another tool's file says, with a comment beside every guess."""

import json
from collections.abc import Mapping, Sequence

from rung.task.types import Frozen, JsonValue

SCORE = 0.8
"""A target to begin with; other tools have none."""


class Draft(Frozen):
    """What a `rung.toml` is written from."""

    name: str
    instruction: str
    output: dict[str, JsonValue]
    """`labels`, `schema` or `text`, with what stands beside it in `[output]`."""
    metric: str | None = None
    """Left to Rung where None."""
    models: Sequence[str] = ()
    climb: Mapping[str, JsonValue] = {}
    files: Mapping[str, JsonValue] = {"examples": "examples.jsonl"}
    """Keys of `[task]` that name files, and the files; `columns` where they need one."""
    remarks: Mapping[str, str] = {}
    """Comments, by the key they stand beside."""


def rung_toml(draft: Draft) -> str:
    """The file."""
    metric = draft.metric if "schema" not in draft.output else None
    tables: dict[str, Mapping[str, JsonValue]] = {
        "task": {"name": draft.name, "instruction": draft.instruction, **draft.files},
        "output": draft.output,
        "target": {**({"metric": metric} if metric else {}), "score": SCORE},
        "models": {"try": list(draft.models)} if draft.models else {},
        "climb": draft.climb,
    }
    remarks = {"score": "what is good enough for you?", **draft.remarks}
    lines: list[str] = []
    for table, values in tables.items():
        if values:
            lines += [f"[{table}]", *(_line(k, v, remarks.get(k)) for k, v in values.items()), ""]
    return "\n".join(lines)


def _line(key: str, value: JsonValue, remark: str | None) -> str:
    comment = f"  # {' '.join(remark.split())}" if remark else ""
    return f"{key} = {_value(value)}{comment}"


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
