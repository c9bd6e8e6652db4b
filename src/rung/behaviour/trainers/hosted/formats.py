"""Training files as JSONL, checked against the limits that the providers publish.

Where a limit stands, and how old the copy is that was read, is said with each: they are refused
because a broken upload costs a day, and a conversation that is cut costs the training.
"""

import json
from collections.abc import Sequence

from rung.errors import UserError
from rung.task.types import Frozen, JsonValue

MB, GB = 2**20, 2**30


class Limits(Frozen):
    """What a provider takes."""

    provider: str
    least_rows: int
    most_rows: int | None = None
    most_bytes: int | None = None
    most_tokens: int | None = None
    """Of one conversation. OpenAI and Fireworks cut off what lies beyond: its end, the answer."""
    most_passes: int | None = None
    """Rows times epochs."""
    source: str
    """Where these limits stand, each with its place."""


def check_job(limits: Limits, *, rows: int, epochs: int, longest: int) -> None:
    """`UserError` for what would be cut, or refused only after the upload.

    `longest` is an estimate: tokens of the longest conversation.
    """
    cut = limits.most_tokens
    if cut is not None and longest > cut:
        raise UserError(
            f"the longest training conversation has about {longest:,} tokens: {limits.provider} "
            f"cuts off what is beyond {cut:,}, which is the answer; shorten the examples or their "
            "passages, or leave the model out of [models] tune"
        )
    if limits.most_passes is not None and rows * epochs > limits.most_passes:
        raise UserError(
            f"{rows:,} training conversations in {epochs} epochs: {limits.provider} takes at most "
            f"{limits.most_passes:,} rows times epochs; set [climb] train_size or epochs"
        )


def to_jsonl(rows: Sequence[dict[str, JsonValue]], limits: Limits) -> bytes:
    """The file; `UserError` that names the limit that is broken."""
    what = f"{limits.provider} takes"
    if len(rows) < limits.least_rows:
        raise UserError(
            f"{len(rows)} training conversations: {what} at least {limits.least_rows}; add examples"
        )
    if limits.most_rows is not None and len(rows) > limits.most_rows:
        raise UserError(
            f"{len(rows):,} training conversations: {what} at most {limits.most_rows:,}; set "
            "[climb] train_size"
        )
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    if limits.most_bytes is not None and len(data) > limits.most_bytes:
        raise UserError(
            f"the training file has {len(data) / MB:.1f} MB: {what} at most "
            f"{limits.most_bytes / MB:,.0f} MB; set [climb] train_size"
        )
    return data
