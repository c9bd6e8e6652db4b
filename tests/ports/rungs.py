"""What every test of a port does: climb candidates of its own, everything scripted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from climbing.tasks import MODEL, climb, fact_task, reading
from rung import open_winner
from rung.candidate import Candidate, Context, Prompt
from rung.records.results import CandidateResult
from rung.task.types import Task
from scripted import ScriptedModel

SHORT = Prompt(max_output_tokens=8)


def searching(**how: Any) -> Candidate:
    """One passage by word search, and whatever is new about it."""
    context = Context(kind="retrieved", k=1, chunk_chars=400, search="lexical", **how)
    return Candidate(model=MODEL, prompt=SHORT, context=context)


def climbed(
    folder: Path,
    *candidates: Candidate,
    task: Task | None = None,
    model: ScriptedModel | None = None,
    **how: Any,
) -> dict[str, CandidateResult]:
    """Their rows, by key, every one of them measured to the end."""
    chat = model or ScriptedModel(reading, MODEL)
    how.setdefault("everything", True)
    result = climb(task or fact_task(), folder, chat, candidates=candidates, **how)
    return {row.key: row for row in result.candidates}


__all__ = ["MODEL", "SHORT", "climbed", "open_winner", "searching"]
