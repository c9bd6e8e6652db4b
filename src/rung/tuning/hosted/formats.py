"""Training files as JSONL, checked against the limits that the providers publish.

Where a limit stands in a provider's own package, the package and the day it was read are named;
others are from its documentation, and `checked` is None where that page was not read again for
this file: they are refused all the same, because a broken upload costs a day.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

from rung.errors import UserError
from rung.task.types import Frozen, JsonValue

MB, GB = 2**20, 2**30


class Limits(Frozen):
    """What a provider takes."""

    provider: str
    least_rows: int
    most_rows: int | None = None
    most_bytes: int | None = None
    source: str
    """Where these limits stand, each with its place."""
    checked: date | None = None
    """The day on which all of them were read there; None: some were not read again."""


OPENAI_LIMITS = Limits(
    provider="OpenAI",
    least_rows=10,
    most_bytes=512 * MB,
    source="512 MB a file: `openai` 3.x, Files.create (read 2026-11-21); 10 rows: "
    "https://platform.openai.com/docs/guides/supervised-fine-tuning",
)
TOGETHER_LIMITS = Limits(
    provider="Together",
    least_rows=1,
    most_bytes=int(50.1 * GB),
    source="`together` 3.1.1, together.lib.constants MIN_SAMPLES and MAX_FILE_SIZE_GB",
    checked=date(2026, 11, 21),
)
FIREWORKS_LIMITS = Limits(
    provider="Fireworks",
    least_rows=3,
    most_rows=3_000_000,
    most_bytes=150 * MB,
    source="150 MB a request: `fireworks-ai` 1.2.30, fireworks.lib.dataset_upload (read "
    "2026-11-21); 3 to 3,000,000 rows: https://docs.fireworks.ai/fine-tuning/fine-tuning-models",
)
VERTEX_LIMITS = Limits(
    provider="Vertex",
    least_rows=1,
    most_bytes=1 * GB,
    source="https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning",
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
