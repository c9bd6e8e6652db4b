"""Small tasks and models whose skill is known, for climbs that take milliseconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import rung
from rung.climbing.observer import Observer
from rung.climbing.tools import ClimbOptions
from rung.models.base import ChatRequest
from rung.records.results import CandidateResult, RunResult
from rung.report.reasons import reason_text
from rung.task.types import (
    ClimbSettings,
    Document,
    Example,
    LabelsOutput,
    Models,
    Target,
    Task,
    TextOutput,
)
from scripted import ScriptedEmbedder, ScriptedModel

MODEL, EMBEDDER = "scripted/m", "scripted/embedder"
LABELS = ("amber", "birch", "cedar")
TREES = {"amber": "resin glow", "birch": "white bark", "cedar": "long needles"}


def label_of(number: int) -> str:
    """The truth, which nothing but the number tells."""
    return LABELS[(number * 7 // 5) % 3]


def example(number: int, *, telling: bool = False, **parts: Any) -> Example:
    """Item `number`; a `telling` input also describes its label, so that words give it away."""
    label = label_of(number)
    words = f" with {TREES[label]}" if telling else ""
    return Example(id=f"e{number}", input=f"item {number}{words}", expected=label, **parts)


def label_task(
    *, train: int = 30, dev: int = 20, test: int = 100, telling: bool = False, **parts: Any
) -> Task:
    """Three labels. Without `telling` no embedder can know them and the model must."""
    numbers = iter(range(10_000))
    splits = {
        name: tuple(example(next(numbers), telling=telling) for _ in range(size))
        for name, size in (("train", train), ("dev", dev), ("test", test))
    }
    plain: dict[str, Any] = {
        "name": "items",
        "instruction": "Name the item's kind.",
        "output": LabelsOutput(labels=LABELS),
        "target": Target(metric="accuracy", score=0.8),
        "models": Models(to_try=(MODEL,), embedder=EMBEDDER),
        "climb": ClimbSettings(seed=0),
        **splits,
    }
    return Task(**{**plain, **parts})


def fact_task(*, test: int = 60, **parts: Any) -> Task:
    """Free answers that stand in documents: every technique but tuning has a place."""

    def row(n: int) -> Example:
        return Example(
            id=f"f{n}",
            input=f"What is the code of part {n}?",
            expected=f"code-{n * 37}",
            context_ids=(f"part-{n}.md",),
            meta={"secret": f"meta-{n}"},
        )

    rows = [row(n) for n in range(30 + 20 + test)]
    documents = tuple(
        Document(
            id=f"part-{n}.md", title=f"Part {n}", text=f"The code of part {n} is code-{n * 37}."
        )
        for n in range(len(rows))
    )
    plain: dict[str, Any] = {
        "name": "facts",
        "instruction": "Give the code.",
        "output": TextOutput(max_words=3),
        "target": Target(metric="exact_match", score=0.8),
        "models": Models(to_try=(MODEL,), embedder=EMBEDDER),
        "train": tuple(rows[:30]),
        "dev": tuple(rows[30:50]),
        "test": tuple(rows[50:]),
        "documents": documents,
    }
    return Task(**{**plain, **parts})


def asked(request: ChatRequest) -> int:
    """The number in the last user turn, or in the first one when it is a repair."""
    for message in reversed(request.messages):
        found = re.search(r"(?:item|code of part) (\d+)(?:\?|$| with)", message.content)
        if message.role == "user" and found:
            return int(found[1])
    raise AssertionError(f"no number in {request.messages[-1].content!r}")


def wording(request: ChatRequest) -> bool:
    """Whether it asks for another instruction instead of an answer."""
    return "<instruction>" in request.messages[0].content


def shots_of(request: ChatRequest) -> int:
    """Solved examples in a request."""
    return sum(m.role == "assistant" for m in request.messages)


def knowing(right: Callable[[int, ChatRequest], bool] = lambda *_: True) -> Callable[..., str]:
    """A script that answers item n rightly where `right` says so, else with another label."""

    def answer(request: ChatRequest) -> str:
        number = asked(request)
        truth = label_of(number)
        return truth if right(number, request) else LABELS[(LABELS.index(truth) + 1) % 3]

    return answer


def share(percent: int) -> Callable[[int, ChatRequest], bool]:
    """Right on that share of the items, the same ones every time."""
    return lambda number, _: (number * 61) % 100 < percent


def model(right: Callable[[int, ChatRequest], bool] = lambda *_: True, **how: Any) -> ScriptedModel:
    """A scripted model that knows the items that `right` names."""
    return ScriptedModel(knowing(right), MODEL, **how)


def reading(request: ChatRequest) -> str:
    """Copies the code of the part asked for out of what the request holds; else says "unknown"."""
    number = asked(request)
    given = "\n".join(m.content for m in request.messages if m.role != "assistant")
    found = re.search(rf"code of part {number} is (code-\d+)\.", given)
    return found[1] if found else "unknown"


def options(
    folder: Path,
    chat: ScriptedModel,
    *,
    extra: Mapping[str, ScriptedModel] | None = None,
    **how: Any,
) -> ClimbOptions:
    """Everything scripted, kept in `folder`; `extra` models by name."""
    return ClimbOptions(
        models={MODEL: chat, **(extra or {})},
        embedders={EMBEDDER: ScriptedEmbedder()},
        folder=folder,
        **how,
    )


def climb(
    task: Task, folder: Path, chat: ScriptedModel, observer: Observer | None = None, **how: Any
) -> RunResult:
    """Climb with everything scripted."""
    return rung.climb(task, options(folder, chat, **how), observer)


def why(result: RunResult) -> list[str]:
    """The verdict's reasons in words, with candidates by their keys."""
    return [reason_text(reason) for reason in result.verdict.reasons]


def then(result: RunResult) -> str:
    """The next step in words."""
    return reason_text(result.verdict.next_step)


def by_technique(result: RunResult, technique: str) -> list[CandidateResult]:
    """The rows of a technique, probes left out."""
    return [r for r in result.candidates if r.technique == technique and not r.candidate.is_probe]


def comparable(result: RunResult) -> dict[str, Any]:
    """A result without what a clock or a cache changes."""
    return result.model_dump(exclude={"calls", "seconds", "started"})
