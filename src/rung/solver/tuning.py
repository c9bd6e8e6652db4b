"""Tuning a candidate: the lessons of its task, the race for a recipe, and who trains it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from statistics import fmean

from rung.behaviour.trainers.base import (
    Desk,
    Order,
    Trainer,
    Tuned,
    TuningExample,
    preferring,
)
from rung.behaviour.trainers.guard import GUARDS, Guarded, guarded
from rung.behaviour.trainers.race import FEWEST_SCORED, Race, found_recipe
from rung.behaviour.trainers.shelf import open_trainer, trained_here
from rung.candidate import Candidate
from rung.knowledge.contexts import Question
from rung.knowledge.gold import gold_passages
from rung.models.base import ChatModel, parameters
from rung.records import Passage
from rung.scorers import scorer_for
from rung.scorers.judge import Judge
from rung.solver.answering import answers
from rung.solver.guarding import further_guards
from rung.solver.solver import Solver
from rung.solver.teaching import taught
from rung.solver.workshop import Workshop
from rung.task.contract import render
from rung.task.corrections import rejected
from rung.task.types import Example, JsonValue, Output, Task

Fit = Callable[[Candidate, Task, Workshop], Awaitable[Solver]]
DEV_FOR_LOSS = 40
"""Dev examples whose loss is watched while tuning."""


async def lessons(solver: Solver, examples: Sequence[Example]) -> list[TuningExample]:
    """What tuning learns from: exactly the messages that the solver sends, and the answer."""
    await solver.prepare([e.input for e in examples])
    return [await _lesson(solver, example, None) for example in examples]


async def reading_lessons(
    solver: Solver, task: Task, examples: Sequence[Example]
) -> list[TuningExample]:
    """Lessons of a reader: passages in random order, the one that holds the answer among them.

    As in RAFT (arXiv 2403.10131): what search found are the distractors, and a passage of the
    row's `context_ids` takes the last one's place where search missed them all: from passages
    that do not say it, an answer would be learnt by heart. A row that nothing answers keeps what
    was found, and teaches to refuse.
    """
    if not solver.candidate.context.traits.searches:
        return await lessons(solver, examples)
    await solver.prepare([e.input for e in examples])
    seed = solver.candidate.weights.seed
    return [
        await _lesson(solver, example, await _to_read(solver, task, example, seed))
        for example in examples
    ]


async def _lesson(
    solver: Solver, example: Example, given: tuple[Passage, ...] | None
) -> TuningExample:
    messages, _, _ = await solver.messages(example.input, given)
    return TuningExample(messages=messages, answer=render(solver.spec.output, example.expected))


async def _to_read(solver: Solver, task: Task, example: Example, seed: int) -> tuple[Passage, ...]:
    evidence = await solver.find(Question.of(example.input))
    chosen = list(evidence.passages)
    if example.context_ids:
        answers = [render(task.output, e) for e in example.references]
        held = gold_passages(example, task.documents, solver.knowledge.passages, answers)
        places = {(p.document_id, p.start) for p in held}
        if chosen and held and not places & {(p.document_id, p.start) for p in chosen}:
            chosen[-1] = held[0]
    random.Random(f"{seed} {example.id}").shuffle(chosen)
    return tuple(chosen)


async def tune(untuned: Solver, task: Task, workshop: Workshop, fit: Fit) -> Tuned:
    """Train on the messages that the solver will send, loss on the answer only.

    `fit` makes the teacher, where the candidate has one.
    """
    candidate, chat = untuned.candidate, untuned.parts.chat
    assert chat is not None
    trainer = open_trainer(candidate.weights.kind, candidate.model)
    order = await _order(untuned, task, chat)
    raw = workshop.raw(candidate.model)
    desk = Desk(raw, workshop.folder, workshop.till, workshop.hooks(candidate.key))
    if candidate.weights.prefers:
        tuned = await _preferred(trainer, order, desk, untuned, task)
    elif candidate.teacher is not None:
        tuned = await _distilled(trainer, order, desk, untuned, task, workshop, fit)
    else:
        tuned = await _on_rows(trainer, order, desk, untuned, task)
    guard = await guarded(raw, tuned.adapter, workshop.folder.parent / GUARDS)
    facts = {"guard": guard.told} if guard is not None else {}
    answering = _tuned_solver(untuned, raw, tuned)
    facts |= await further_guards(untuned, answering, order, task, workshop.folder.parent / GUARDS)
    tuned = tuned.model_copy(update={"took": {**tuned.took, **facts}})
    workshop.tuned[candidate.key] = tuned
    return tuned


async def _order(untuned: Solver, task: Task, chat: ChatModel) -> Order:
    weights = untuned.candidate.weights
    train = await reading_lessons(untuned, task, task.train[: weights.train_size])
    lengths = [chat.count_tokens(e.turns) for e in train]
    return Order(
        model=untuned.candidate.model.partition("/")[2],
        weights=weights,
        train=tuple(train),
        dev=tuple(await lessons(untuned, task.dev[:DEV_FOR_LOSS])),
        tokens=sum(lengths) * weights.epochs,
        longest=max(lengths, default=0),
    )


async def _on_rows(
    trainer: Trainer, order: Order, desk: Desk, untuned: Solver, task: Task
) -> Tuned:
    raced = order.weights.recipe == "found"
    return await (
        _raced(trainer, order, desk, untuned, task) if raced else trainer.train(order, desk)
    )


async def _raced(trainer: Trainer, order: Order, desk: Desk, untuned: Solver, task: Task) -> Tuned:
    """Find the recipe, then train by it. What is found counts to what the training took."""

    async def judge(tuned: Tuned) -> tuple[float | None, Guarded | None]:
        score = await _score(_tuned_solver(untuned, desk.model, tuned), task)
        return score, await guarded(desk.model, tuned.adapter, desk.folder.parent / GUARDS)

    size = parameters(desk.model)
    weights, race = await found_recipe(trainer, order, desk, size, judge)
    tuned = await trainer.train(order.model_copy(update={"weights": weights}), desk)
    return tuned.model_copy(update={"took": _with(tuned.took, race)})


async def _preferred(
    trainer: Trainer, order: Order, desk: Desk, untuned: Solver, task: Task
) -> Tuned:
    """Train on the rows, the very training of the rung without preferences, and go on from there
    with the rows that were corrected. Both count to what the training took."""
    weights = order.weights.model_copy(update={"kind": (kind := trained_here())})
    plain = order.model_copy(update={"weights": weights})
    by_rows = open_trainer(kind, untuned.candidate.model)
    first = await _on_rows(by_rows, plain, desk, untuned, task)
    rows = task.train[: weights.train_size]
    lessons_of_rows = with_rejected(task.output, order.train, rows)
    pairs = [lesson for lesson in lessons_of_rows if lesson.rejected is not None]
    changes = {"weights": preferring(order.weights), "train": tuple(pairs), "dev": ()}
    tuned = await trainer.train(order.model_copy(update={**changes, "start": first.adapter}), desk)
    losses = tuned.took.get("train_losses", ())
    learnt = {"pairs": len(pairs) - tuned.took.get("left_out", 0), "losses": losses}
    took = _more(first.took, tuned.took)
    return tuned.model_copy(update={"took": {**took, "preferred": learnt}})


def with_rejected(
    output: Output, lessons: Sequence[TuningExample], rows: Sequence[Example]
) -> list[TuningExample]:
    """The lessons of `rows`, with what was answered instead where that was corrected."""
    pairs = zip(lessons, rows, strict=True)
    return [one.model_copy(update={"rejected": rejected(output, row)}) for one, row in pairs]


def _more(took: dict[str, JsonValue], other: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What a training took, with what another one took beside it."""
    parts = ("seconds", "train_tokens")
    return {**took, **{part: took.get(part, 0) + other.get(part, 0) for part in parts}}


async def _distilled(
    trainer: Trainer,
    order: Order,
    desk: Desk,
    untuned: Solver,
    task: Task,
    workshop: Workshop,
    fit: Fit,
) -> Tuned:
    """Train on the gold rows and on what the teacher answers, where it beats who has the gold
    alone. Training that one counts to what the training took."""
    assert untuned.candidate.teacher is not None
    teacher = await fit(untuned.candidate.teacher, task, workshop)
    first: list[Tuned] = []

    async def alone() -> Solver:
        first.append(await trainer.train(order, desk))
        named = first[0].model
        chat = workshop.chat(named) if named else desk.model
        return _tuned_solver(untuned, chat, first[0])

    given = await taught(teacher, task, scorer_for(task), workshop.price, alone)
    more = await lessons(untuned, given.examples)
    share = 1 + len(more) / len(order.train)
    both = {"train": (*order.train, *more), "tokens": round(order.tokens * share)}
    tuned = await trainer.train(order.model_copy(update=both), desk)
    took = _more(tuned.took, first[0].took)
    return tuned.model_copy(update={"took": {**took, "taught": given.told}})


def _tuned_solver(untuned: Solver, model: ChatModel, tuned: Tuned) -> Solver:
    """The solver with a tuned model, without cache or budget: a heat is kept whole."""
    return Solver(untuned.spec, replace(untuned.parts, chat=model, adapter=tuned.adapter))


async def _score(solver: Solver, task: Task) -> float | None:
    """Mean on dev; None where there are too few rows, or another model would have to judge."""
    rows = task.dev[:DEV_FOR_LOSS]
    if len(rows) < FEWEST_SCORED or (task.scorer is None and task.target.metric == Judge.name):
        return None
    scorer = scorer_for(task)
    values = []
    for example, answer in zip(rows, await answers(solver, rows), strict=True):
        value = 0.0 if answer is None else (await scorer.score(example, answer)).value
        values += [] if value is None else [value]
    return fmean(values) if values else None


def _with(took: dict[str, JsonValue], race: Race) -> dict[str, JsonValue]:
    if not race.tried:
        return took
    return {
        **took,
        "seconds": took["seconds"] + race.seconds,
        "train_tokens": took["train_tokens"] + race.train_tokens,
        "tried": [heat.model_dump(mode="json", exclude_none=True) for heat in race.tried],
        "race_seconds": race.seconds,
    }
