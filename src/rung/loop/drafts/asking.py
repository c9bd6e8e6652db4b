"""Drafting: a model writes new inputs with their answers, from what the task has already.

Spread by construction: each call is about another label, document or row of train, and asks for
another difficulty. Rows of dev and test are never shown to the model; what nearly repeats any row
of the task, or another draft, is left out. Nothing here counts as an example yet.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rung.audit.pairs import find_twins
from rung.climbing.tools import ClimbOptions, Tools
from rung.errors import ProviderError, UserError
from rung.loop.drafts.store import Draft, Drafts, example_of
from rung.models.base import ChatRequest, Embedder, Message
from rung.task.contract import describe, render
from rung.task.duplicates import normalised
from rung.task.load import load_task
from rung.task.rows import strict_json
from rung.task.types import (
    Document,
    Example,
    Frozen,
    JsonValue,
    LabelsOutput,
    SchemaOutput,
    Task,
    digest,
    render_input,
)

DIFFICULTIES = (
    "plain: the usual case, said directly",
    "casual: short, in everyday words, with nothing spelt out",
    "hard: a border case, which a quick reader would get wrong",
)
SEEDS = 3
"""Rows of train that show the tone."""
ALIKE = 0.9
"""Cosine of two inputs from which the later one says nothing new. Our own threshold."""
MOST_TOKENS, MOST_DOCUMENT = 400, 3_000
TEMPERATURE = 0.7
FROM_TEXT = ("exact_match", "token_f1")
"""Metrics under which an answer from a document has to stand in it."""
AT_ONCE = 8


class Drafted(Frozen):
    """What came of a round of drafting."""

    model: str
    asked: int
    drafts: tuple[Draft, ...]
    left_out: dict[str, int]
    """How many were left out, by why."""
    spent_usd: float
    by_hand: str | None = None
    """The line that has to be added to `[task]` by hand."""


class _Spot(NamedTuple):
    """What one call is to be about."""

    number: int
    label: str | None
    document: Document | None
    seeds: Sequence[Example]
    difficulty: str

    @property
    def topic(self) -> str:
        if self.label is not None:
            return self.label
        if self.document is not None:
            return self.document.title or self.document.id
        return self.seeds[0].id if self.seeds else "the instruction"


def draft(
    folder: str | Path, n: int, options: ClimbOptions | None = None, model: str | None = None
) -> Drafted:
    """Ask for `n` drafts and keep the usable ones for review.

    `model` is the last of `[models] try` that is a language model when left out. Raises
    `UserError` where there is nothing to draft from; answers that were paid for are kept in the
    cache however it ends.
    """
    task = load_task(folder)
    if not task.train and not task.documents:
        raise UserError("there are neither examples nor documents to draft from: add a few of them")
    name = model or task.models.to_try[-1]

    async def run() -> Drafted:
        tools = Tools(task, options or ClimbOptions())
        try:
            return await _draft(task, tools, name, n)
        finally:
            await tools.aclose()

    return asyncio.run(run())


async def _draft(task: Task, tools: Tools, model: str, n: int) -> Drafted:
    store = Drafts(task.root or Path())
    made, left_out = await _asked(task, tools, model, _spots(task, n))
    before = [one.input for one in store.all()]
    rows = (*task.train, *task.dev, *task.test)
    texts = [*(one.input_text() for one in rows), *map(render_input, before)]
    embedder = tools.embedder(task.models.embedder) if task.models.embedder else None
    fresh = await _new_ones(texts, made, embedder)
    left_out["nearly repeats an example or another draft"] += len(made) - len(fresh)
    store.add(fresh)
    return Drafted(
        model=model,
        asked=n,
        drafts=tuple(fresh),
        left_out={why: count for why, count in left_out.items() if count},
        spent_usd=float(tools.budget.spent),
        by_hand=store.name_in_config(),
    )


def _spots(task: Task, n: int) -> list[_Spot]:
    """What to ask about: every label, document or row in turn, every difficulty in turn."""
    labels = task.output.labels if isinstance(task.output, LabelsOutput) else ()
    cycle = max(1, len(labels) or len(task.documents) or len(task.train))
    spots = []
    for number in range(n):
        label = labels[number % len(labels)] if labels else None
        of_label = [e for e in task.train if label is None or e.expected == label]
        pool = of_label or task.train
        step = number // cycle + (0 if label is not None else number)
        seeds = [pool[(step + i) % len(pool)] for i in range(min(SEEDS, len(pool)))]
        document = None
        if task.documents and label is None:  # far apart, so that a few calls see much
            at = number * max(1, len(task.documents) // n) % len(task.documents)
            document = task.documents[at]
        difficulty = DIFFICULTIES[(number + number // cycle) % len(DIFFICULTIES)]
        spots.append(_Spot(number, label, document, seeds, difficulty))
    return spots


async def _asked(
    task: Task, tools: Tools, model: str, spots: Sequence[_Spot]
) -> tuple[list[Draft], Counter[str]]:
    chat, gate, left_out = tools.chat(model), asyncio.Semaphore(AT_ONCE), Counter[str]()

    async def one(spot: _Spot) -> Draft | None:
        request = ChatRequest(
            messages=_messages(task, spot),
            max_tokens=MOST_TOKENS,
            temperature=TEMPERATURE,
            seed=spot.number,
            json_schema=_schema(task, spot),
        )
        async with gate:
            try:
                reply = await chat.reply(request)
            except ProviderError as error:
                if error.outage:
                    raise
                left_out["not answered"] += 1
                return None
        made = _read(task, spot, model, reply.text)
        if isinstance(made, str):
            left_out[made] += 1
            return None
        return made

    made = await asyncio.gather(*(one(spot) for spot in spots))
    return [draft for draft in made if draft is not None], left_out


def _read(task: Task, spot: _Spot, model: str, text: str) -> Draft | str:
    """The draft that an answer holds, or why it holds none."""
    try:
        fields = strict_json(text[text.find("{") : text.rfind("}") + 1])
    except (ValueError, RecursionError):
        return "no JSON"
    if not isinstance(fields, dict):
        return "no JSON"
    asked: Any = fields.get("input")
    expected = spot.label if spot.label is not None else fields.get("expected")
    fitting = isinstance(asked, str) or (isinstance(asked, dict) and _named_fields(task))
    if not fitting or not render_input(asked).strip():
        return "no input"
    made = Draft(
        id=f"draft-{digest([asked, expected])[:12]}",
        input=asked,
        expected=expected,
        context_ids=(spot.document.id,) if spot.document is not None else (),
        model=model,
        topic=spot.topic,
        difficulty=spot.difficulty.partition(":")[0],
    )
    try:
        example = example_of(made, task.output)
    except UserError:
        return "its answer breaks the contract"
    if spot.document is not None and task.target.metric in FROM_TEXT:
        answer = normalised(render(task.output, example.expected))
        if not answer or answer not in normalised(spot.document.text):
            return "its answer does not stand in the document"
    return made


async def _new_ones(
    texts: Sequence[str], made: Sequence[Draft], embedder: Embedder | None
) -> list[Draft]:
    """Those that repeat neither a text nor one before them: by letters, and by meaning."""
    every = [*texts, *(render_input(one.input) for one in made)]
    twins = find_twins(every)
    later = {i for group in twins.equal for i in group[1:]} | {n.second for n in twins.near}
    if embedder is not None and made:
        vectors = await embedder.embed(every)
        likeness = vectors @ vectors.T
        for i in range(len(texts), len(every)):
            others = [j for j in range(i) if j not in later]
            if others and float(np.max(likeness[i, others])) >= ALIKE:
                later.add(i)
    return [one for i, one in enumerate(made, len(texts)) if i not in later]


def _messages(task: Task, spot: _Spot) -> tuple[Message, ...]:
    system = (
        "You write test cases for a system that does the task below. You never do the task "
        f"yourself.\n\nTask: {task.instruction}\n{describe(task.output)}"
    ).strip()
    parts = []
    if spot.seeds:
        shown = [_line(task, seed, spot.label is None) for seed in spot.seeds]
        parts.append("Real cases, for tone, length and form:\n" + "\n".join(shown))
    if spot.document is not None:
        text = spot.document.text[:MOST_DOCUMENT]
        parts.append(f"Document:\n<document>\n{text}\n</document>")
        parts.append(
            "Write one new input that this document answers, and its answer as the document words "
            "it. Do not mention the document."
        )
    elif spot.label is not None:
        parts.append(
            f"Write one new input, unlike those above, whose right answer is {spot.label!r}."
        )
    else:
        parts.append("Write one new input, unlike those above, and its right answer.")
    parts.append(f"Difficulty: {spot.difficulty}.")
    keys = '{"input": …}' if spot.label is not None else '{"input": …, "expected": …}'
    parts.append(f"Reply with JSON only: {keys}")
    return Message(role="system", content=system), Message(role="user", content="\n\n".join(parts))


def _line(task: Task, seed: Example, with_answer: bool) -> str:
    plain: dict[str, JsonValue] = {"input": seed.input}
    if with_answer:
        plain["expected"] = seed.expected
    return json.dumps(plain, ensure_ascii=False)


def _schema(task: Task, spot: _Spot) -> dict[str, JsonValue]:
    """What a draft looks like, so that a model that can be held to a form is."""
    names = _named_fields(task)
    text: dict[str, JsonValue] = {"type": "string", "minLength": 1}
    properties: dict[str, Any] = {"input": text}
    if names:
        each = dict.fromkeys(names, text)
        properties["input"] = {"type": "object", "properties": each, "required": list(names)}
    if spot.label is None:
        answer = task.output.json_schema if isinstance(task.output, SchemaOutput) else text
        properties["expected"] = answer
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _named_fields(task: Task) -> tuple[str, ...]:
    """The fields of the task's inputs; none where they are text."""
    first = next((e.input for e in (*task.train, *task.dev, *task.test)), "")
    return tuple(first) if isinstance(first, dict) else ()
