"""The guard beside the pairs of sentences: short instructions, refusing, the user's own prompts,
and what an adapter costs in time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean

from rung.behaviour.base import all_of
from rung.behaviour.trainers.base import Order, TuningExample
from rung.behaviour.trainers.guard import INSTRUCTIONS, Ability, Guarded, once
from rung.models.base import Adapter, ChatModel, ChatRequest, Message
from rung.scorers.contains import Contains
from rung.solver.answering import answers
from rung.solver.solver import Solver
from rung.task.types import Example, Frozen, JsonValue, Task, TextOutput

MOST_ASKED = 20
"""Dev rows without an answer that are asked, in their order."""
FEWEST_ASKED = 5
"""Of them, below which nothing can be said."""
TIMED = 4
"""Dev rows whose answers are timed with the adapter and without."""
ROOM = 64
"""Tokens for the answer to a prompt of the user's own."""
SHORT_ROOM = 16
"""Tokens for the answer to one of our instructions: all of them together take seconds."""
Prompt = tuple[str, Callable[[str], bool]]
"""What is asked, and whether an answer is right."""


class Took(Frozen):
    """Seconds of this machine for one request alone, with its right answer."""

    merged: float
    """By the base weights: an adapter that is merged into them leaves their work as it is."""
    unmerged: float
    """With the adapter beside them, as Rung serves it."""
    rows: int

    @property
    def said(self) -> str:
        """In a sentence."""
        return (
            f"one request alone takes {self.unmerged:.3f} s of this machine with the adapter "
            f"beside the weights, {self.merged:.3f} s with it merged into them ({self.rows} dev "
            "rows)"
        )


async def further_guards(
    untuned: Solver, tuned: Solver, order: Order, task: Task, folder: Path
) -> dict[str, JsonValue]:
    """`guards` and `latency` of a training: each only where there is something to ask.

    `tuned` is the solver with the raw model and the adapter. What was asked is kept in `folder`.
    """
    model, adapter = tuned.chat, tuned.parts.adapter
    if adapter is None:
        return {}
    guards = [
        await _instructed(tuned, folder),
        await _refusing(untuned, tuned, task, folder),
        await _own(task, tuned, folder),
    ]
    facts: dict[str, JsonValue] = {"guards": [one.told for one in guards if one is not None]}
    if model.constrains and order.dev:
        lessons = order.dev[:TIMED]
        key = ["timed", model.identity, adapter.digest, lessons]
        took = await once(folder, key, Took, partial(_timed, model, adapter, lessons))
        facts["latency"] = {**took.model_dump(), "said": took.said}
    return {name: value for name, value in facts.items() if value}


async def _refusing(untuned: Solver, tuned: Solver, task: Task, folder: Path) -> Guarded | None:
    """Whether it still says that there is no answer, as the base does that is told how to."""
    unanswerable = [e for e in task.dev if e.expected == ""][:MOST_ASKED]
    refuses = isinstance(task.output, TextOutput) and task.output.no_answer is not None
    if not refuses or len(unanswerable) < FEWEST_ASKED:
        return None

    async def refused(solver: Solver) -> Ability:
        replies = await answers(solver, unanswerable)
        return Ability(right=tuple(a is not None and a.valid and a.value == "" for a in replies))

    async def share(solver: Solver) -> float:
        adapter = solver.parts.adapter
        key = ["refusing", solver.chat.identity, adapter and adapter.digest, solver.spec]
        return (await once(folder, [*key, unanswerable], Ability, partial(refused, solver))).share

    spec = untuned.spec
    reads = spec.candidate.context.traits.reads
    prompt = spec.candidate.prompt.model_copy(update={"contract": True, "grounded": reads})
    spec = spec.model_copy(
        update={"candidate": spec.candidate.model_copy(update={"prompt": prompt})}
    )
    base = Solver(spec, replace(untuned.parts, chat=tuned.chat, adapter=None))
    return Guarded(
        before=await share(base),
        after=await share(tuned),
        pairs=len(unanswerable),
        of=f"refusing, {len(unanswerable)} dev rows without an answer",
        then="It answers where there is no answer: add train rows whose `expected` is empty.",
    )


async def _instructed(tuned: Solver, folder: Path) -> Guarded:
    """Our own short instructions."""

    def check(pattern: str, text: str) -> bool:
        return re.search(pattern, text) is not None

    prompts = [(asked, partial(check, pattern)) for asked, pattern in INSTRUCTIONS]
    of = f"{len(prompts)} short instructions"
    return await _prompted(of, ["instructions", INSTRUCTIONS], prompts, SHORT_ROOM, tuned, folder)


async def _own(task: Task, tuned: Solver, folder: Path) -> Guarded | None:
    """The prompts of `[task] guard`: whether what is expected stands in the answer."""

    def check(prompt: Example, text: str) -> bool:
        return any(Contains().texts(str(one), text).value for one in prompt.references)

    prompts = [(e.input_text(), partial(check, e)) for e in task.guard]
    of = f"your {len(prompts)} guard prompts"
    key = ["own", task.guard]
    return await _prompted(of, key, prompts, ROOM, tuned, folder) if prompts else None


async def _prompted(
    of: str, named: JsonValue, prompts: Sequence[Prompt], room: int, tuned: Solver, folder: Path
) -> Guarded:
    """Prompts as they stand, without and with the adapter; kept as `named`."""
    model = tuned.chat

    async def right(prompt: Prompt, adapter: Adapter | None) -> bool:
        text, check = prompt
        asked = (Message(role="user", content=text),)
        reply = await model.reply(ChatRequest(messages=asked, max_tokens=room, adapter=adapter))
        return check(reply.text)

    async def ability(adapter: Adapter | None) -> Ability:
        return Ability(right=tuple(await all_of([right(one, adapter) for one in prompts])))

    async def share(adapter: Adapter | None) -> float:
        key = [named, room, model.identity, adapter and adapter.digest]
        return (await once(folder, key, Ability, partial(ability, adapter))).share

    return Guarded(
        before=await share(None),
        after=await share(tuned.parts.adapter),
        pairs=len(prompts),
        of=of,
    )


async def _timed(model: ChatModel, adapter: Adapter, lessons: Sequence[TuningExample]) -> Took:
    """In turn, so that whatever else the machine does slows both."""

    async def seconds(lesson: TuningExample, adapter: Adapter | None) -> float:
        request = ChatRequest(
            messages=lesson.messages, max_tokens=ROOM, choices=(lesson.answer,), adapter=adapter
        )
        return (await model.reply(request)).usage.computed

    each = [(await seconds(one, None), await seconds(one, adapter)) for one in lessons]
    merged, unmerged = (fmean(side) for side in zip(*each, strict=True))
    return Took(merged=merged, unmerged=unmerged, rows=len(lessons))
