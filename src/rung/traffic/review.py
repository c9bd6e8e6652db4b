"""Judging served answers by hand: what there is to review, and what a person says, as feedback.

Every page on which a person judges goes through this: it makes no difference which one was used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.privacy.redaction import Redactor
from rung.task.config import ServeTable, read_config
from rung.task.contract import parse, render
from rung.task.load import CONFIG_NAME
from rung.task.rows import strict_json
from rung.task.types import JsonValue, MultiLabelOutput, Output, SchemaOutput
from rung.task.wording import shown
from rung.traffic.opening import log_url, open_store
from rung.traffic.records import Feedback, Query

if TYPE_CHECKING:
    from rung.traffic.store import TrafficStore

MOST_FORM = 256 * 1024
"""Bytes of a posted form."""
VIEWS = {
    "todo": ("To review", Query(reviewed=False)),
    "invalid": ("Not valid, to review", Query(reviewed=False, valid=False)),
    "wrong": ("Wrong, no correction", Query(verdicts=("wrong",))),
    "done": ("Reviewed", Query(reviewed=True)),
}
QUEUE, QUEUED = "queue", "Queued by harvest"
"""The view of what `rung harvest` queued, and what it is called."""
MOST_ID = 80
"""Characters of a request's id that are looked at."""


def open_log(folder: Path, url: str | None = None, *, create: bool = False) -> TrafficStore:
    """The log of the task in `folder`, or at `url`; it redacts what is added as its server does.

    Raises `UserError` and `StoreError` as `open_store` does.
    """
    file = folder / CONFIG_NAME
    limits = read_config(file).serve if file.exists() else ServeTable()
    redactor = Redactor(limits.redact_also) if limits.redact else None
    return open_store(url or log_url(folder), redactor, create=create)


def waiting(store: TrafficStore, queue: Sequence[str]) -> list[str]:
    """Those of the queued requests, in their order, that a person has still to look at: with no
    judgement, or with a user's complaint."""
    held = store.held(queue)
    known = [name for name in queue if name in held]
    newest = store.newest_feedback(known)
    return [name for name in known if _waits(newest.get(name))]


def _waits(newest: Feedback | None) -> bool:
    return newest is None or (newest.verdict == "wrong" and newest.source != "review")


def judgement(output: Output, form: dict[str, str], who: str) -> Feedback:
    """What a form says: `request_id`, `verdict` (right, wrong, corrected) and `corrected`.

    Raises `UserError` for any other verdict, and for a correction that the contract refuses.
    """
    verdict = form.get("verdict", "")
    corrected: JsonValue = None
    if verdict == "corrected":
        corrected = checked_correction(output, _value(output, form.get("corrected", "")))
    elif verdict not in ("right", "wrong"):
        raise UserError(f"{verdict[:40]!r} is no verdict")
    return Feedback(
        request_id=form.get("request_id", "")[:MOST_ID],
        verdict=verdict,
        corrected=corrected,
        who=who,
        source="review",
    )


def checked_correction(output: Output, corrected: JsonValue) -> JsonValue:
    """A corrected answer that the task's contract accepts; `UserError` for any other."""
    several = isinstance(output, MultiLabelOutput) and isinstance(corrected, list)
    if not (several or isinstance(output, SchemaOutput) or isinstance(corrected, str)):
        raise UserError(f"the corrected answer is not valid: {shown(corrected)} is no text")
    parsed = parse(output, render(output, corrected))
    if not parsed.valid or corrected is None:
        raise UserError(f"the corrected answer is not valid: {parsed.problem or 'it is empty.'}")
    value: JsonValue = parsed.value
    return value


def _value(output: Output, text: str) -> JsonValue:
    text = text.replace("\r\n", "\n")  # a browser sends the lines of a field so
    if isinstance(output, MultiLabelOutput):  # none ticked: no label applies
        return text if text.strip() else []
    if not text.strip():
        raise UserError("the corrected answer is empty")
    if not isinstance(output, SchemaOutput):
        return text
    try:
        return strict_json(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"the corrected answer is not JSON: {error}") from None
