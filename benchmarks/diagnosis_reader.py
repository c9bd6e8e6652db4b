"""A reader that does as it is told: the embedded model, tuned on several jobs over the same texts.

As it comes, the embedded model hardly reads its instruction: another job in its place changes few
answers, so nothing can be planted there. Tuned on the task's job and on others, each in several
words, it does what the instruction says. Neither the instruction that is planted nor the probe's
own stands among those words.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rung.behaviour.trainers.base import TuningExample
from rung.behaviour.trainers.lora import train_lora
from rung.candidate import Weights
from rung.diagnose.variants import with_prompt
from rung.models.local import LocalModel
from rung.solver import Solver, Workshop
from rung.task.contract import render
from rung.task.types import Example, Task, digest

GARBLED = "Say in which language the text is written."
EPOCHS, FOR_LOSS = 3, 20

Job = Callable[[Task, Example], str]


def _answer(task: Task, example: Example) -> str:
    return render(task.output, example.expected)


def _language(_: Task, __: Example) -> str:
    return "English"


def _first_word(_: Task, example: Example) -> str:
    return example.input_text().split()[0]


def _repeat(_: Task, example: Example) -> str:
    return example.input_text()


OWN = (
    "Answer the question with the fact from the rule.",
    "Find in the passage what the question asks for and give it.",
    "Give the piece of the text that answers the question.",
    "What does the rule say to this question? Reply briefly.",
)
BEFORE = (
    "",
    "",
    "You get a text.",
    "Do what is written here.",
    "This is the job for today.",
    "Follow the next sentence.",
    "Look at what is asked first.",
)
"""Sentences that say nothing, put before any job: the words that matter stand behind them."""
OTHERS: tuple[tuple[Job, tuple[str, ...]], ...] = (
    (
        _language,
        (
            "Name the language of the text.",
            "Which language is the question in? Name it.",
            "Tell me the language that this is in.",
            "In what language is it? Say the language.",
        ),
    ),
    (
        _first_word,
        ("Reply with the first word of the question.", "Give the question's first word."),
    ),
    (_repeat, ("Repeat the question word for word.", "Copy the question and write nothing else.")),
)


async def obedient(subject: Solver, task: Task, workshop: Workshop) -> Solver:
    """`subject` with an adapter that was tuned to read the instruction."""
    rng = random.Random(task.climb.seed)
    # Nothing that is asked later has a say in when to stop.
    train = await _lessons(subject, task, task.train[:-FOR_LOSS], rng)
    dev = await _lessons(subject, task, task.train[-FOR_LOSS:], rng)
    model = workshop.raw(subject.candidate.model)
    assert isinstance(model, LocalModel)
    weights = Weights(kind="lora", epochs=EPOCHS, seed=task.climb.seed)
    recipe = [model.identity, weights.model_dump(), [one.model_dump() for one in train + dev]]
    folder = Path(workshop.folder) / f"obedient-{digest(recipe)[:20]}"
    result = await asyncio.to_thread(train_lora, model, train, dev, weights, folder)
    candidate = subject.candidate.model_copy(update={"weights": weights})
    spec = subject.spec.model_copy(update={"candidate": candidate})
    return Solver(spec, replace(subject.parts, adapter=result.adapter))


async def _lessons(
    subject: Solver, task: Task, examples: Sequence[Example], rng: random.Random
) -> list[TuningExample]:
    """Each example twice: the task's job, and another one."""
    found = []
    for example in examples:
        job, words = rng.choice(OTHERS)
        for does, asked in ((_answer, rng.choice(OWN)), (job, rng.choice(words))):
            told = with_prompt(subject, instruction=f"{rng.choice(BEFORE)} {asked}".strip())
            messages, _, _ = await told.messages(example.input_text())
            found.append(TuningExample(messages=messages, answer=does(task, example)))
    return found
