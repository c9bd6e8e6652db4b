"""The audit as a climb's first step, and for `rung audit`: what it takes is opened here.

Vectors of the audit are kept apart from those that candidates ask for: theirs are timed, and a
candidate's cost must not hang on whether its inputs were embedded before.
"""

from collections.abc import Sequence

import numpy as np

from rung.audit import Audit, Material, Window, audit
from rung.climbing.judging import against_people
from rung.climbing.languages import unread_here
from rung.climbing.tools import ClimbOptions, Tools
from rung.diagnose.witnesses import Witness
from rung.errors import UserError
from rung.measure.cache import Cache
from rung.models.base import Embedder, Message, Vectors
from rung.models.metered import is_hosted
from rung.models.registry import open_embedder
from rung.models.vendors import leaves_this_machine
from rung.task.types import Task

ASIDE = "#audit"
"""After the embedder's identity: the audit's own vectors in the cache."""


async def material_of(tools: Tools, witnesses: Sequence[Witness] = ()) -> Material:
    """The task with everything that the checks look at; `witnesses` are of a finished run of it."""
    task = tools.task
    names = task.models.to_try
    material = Material(
        task,
        windows={name: window for name in names if (window := _window(tools, name)) is not None},
        witnesses=witnesses,
        prompts=tuple(
            c.prompt.instruction for c in tools.options.candidates if c.prompt.instruction
        ),
        hosted=tuple(
            name
            for name in dict.fromkeys(
                (*names, *task.models.tune, *task.models.helpers, task.models.embedder)
            )
            if leaves_this_machine(name)
            and name not in tools.options.models
            and name not in tools.options.embedders
        ),
    )
    material.unread = unread_here(tools)
    material.judge_against_people = against_people(tools)
    embedder = task.models.embedder
    try:
        opened = tools.options.embedders.get(embedder) or open_embedder(embedder, task.root)
    except UserError as problem:
        material.unembedded = f"the embedder cannot be used: {problem}"
        return material
    aside = _Aside(opened, tools.cache)
    # What a hosted one reads is paid for once, and nobody times it.
    await material.embed(tools.embedder(embedder) if is_hosted(opened) else aside)
    return material


async def material_outside_a_climb(task: Task, witnesses: Sequence[Witness] = ()) -> Material:
    """As `material_of`, with tools of its own, for a task that may never be climbed."""
    tools = Tools(task, ClimbOptions(), priced=False)
    try:
        return await material_of(tools, witnesses)
    finally:
        await tools.aclose()


async def audit_of(tools: Tools, witnesses: Sequence[Witness] = ()) -> Audit:
    """The audit of the task that these tools are for. Asks no chat model."""
    return audit(await material_of(tools, witnesses))


def refuse(findings: Audit) -> None:
    """Raise `UserError` where the data cannot carry a decision."""
    if not findings.blocking:
        return
    sentences = " ".join(f"{flag.text} {flag.advice}" for flag in findings.blocking)
    raise UserError(
        f"the audit stops this climb before any model is asked: {sentences} `rung audit` shows "
        "everything; `--anyway` climbs all the same"
    )


def _window(tools: Tools, name: str) -> Window | None:
    """What a model reads; None where it cannot be opened (the climb says why)."""
    try:
        model = tools.raw(name)
    except UserError:
        return None

    def measure(system: str, user: str) -> int:
        turns = (Message(role="system", content=system), Message(role="user", content=user))
        return model.count_tokens(turns)

    return Window(tokens=model.context_window, measure=measure, trains=model.trains)


class _Aside:
    """An embedder behind the audit's own part of the cache."""

    def __init__(self, inner: Embedder, cache: Cache) -> None:
        self.name, self.identity = inner.name, inner.identity + ASIDE
        self._inner, self._cache = inner, cache

    async def embed(self, texts: list[str]) -> Vectors:
        """Each text computed once per cache; one that a candidate has embedded is not computed."""
        known = {text: vector[0] for text, vector in self._known(texts).items()}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            vectors = await self._inner.embed(missing)
            self._cache.put_vectors(
                self.identity, [(t, v, 0.0) for t, v in zip(missing, vectors, strict=True)]
            )
            known.update(zip(missing, vectors, strict=True))
        return np.stack([known[text] for text in texts])

    def _known(self, texts: list[str]) -> dict[str, tuple[Vectors, float]]:
        theirs = self._cache.vectors(self._inner.identity, texts)
        return {**theirs, **self._cache.vectors(self.identity, texts)}
