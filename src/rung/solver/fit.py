"""Fitting: from a candidate and a task's train split to a `Solver`.

Only `train` is learnt from; `dev` gives the loss that decides when tuning stops. `test` is never
read here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from rung.behaviour.label_head import MOST_ROWS, fit_head
from rung.behaviour.shots import choose_shots, in_turn
from rung.behaviour.trainers.base import Desk, Hooks, Order, Till, Tuned
from rung.behaviour.trainers.lessons import TuningExample
from rung.behaviour.trainers.shelf import open_trainer
from rung.candidate import NO_LLM, Candidate
from rung.errors import BudgetExceeded, ProviderError, UserError
from rung.knowledge.contexts import Knowledge, knowledge_of
from rung.knowledge.retriever import Retriever
from rung.models.base import ChatModel, Vectors, scores
from rung.models.metered import MeteredEmbedder
from rung.models.no_llm import LabelModel, fit_label_model
from rung.models.no_llm_sets import fit_set_model
from rung.records import Answer
from rung.solver.cascade import sure_from
from rung.solver.solver import Parts, Solver, SolverSpec
from rung.task.contract import render
from rung.task.types import (
    Document,
    Example,
    InputField,
    LabelsOutput,
    MultiLabelOutput,
    Task,
    digest,
)

DEV_FOR_LOSS = 40
"""Dev examples whose loss is watched while tuning."""


@dataclass
class Workshop:
    """What fitting needs from outside: open models, an embedder, and a folder for adapters.

    `chat` is the model to ask (metered, cached); `raw` the same model without wrappers, which a
    trainer needs.
    """

    chat: Callable[[str], ChatModel]
    raw: Callable[[str], ChatModel]
    embedder: Callable[[str], MeteredEmbedder]
    folder: Path
    on_tuning: Callable[[str, str, float], None] | None = None
    """Told the candidate's key, the stage and the share of it that is done."""
    stop: threading.Event = field(default_factory=threading.Event)
    tuned: dict[str, Tuned] = field(default_factory=dict)
    """What tuning each candidate took, by key."""
    till: Till | None = None
    """Prices and the budget; without it nothing is bought."""
    _retrievers: dict[str, Retriever] = field(default_factory=dict)

    async def knowledge(self, candidate: Candidate, task: Task) -> Knowledge:
        """The candidate's context, fitted; the same documents and cut are indexed once."""
        context = candidate.context

        async def index(documents: Sequence[Document]) -> Retriever:
            embedder = self.embedder(candidate.embedder) if candidate.embedder else None
            name = digest([context.chunk_chars, context.search, candidate.embedder])
            if name not in self._retrievers:
                self._retrievers[name] = await Retriever.build(documents, context, embedder)
            return self._retrievers[name]

        return await knowledge_of(context).fit(context, task.documents, index)


async def fit(candidate: Candidate, task: Task, workshop: Workshop) -> Solver:
    """Fit one candidate on the train split. Raises `UserError` for what the task cannot give."""
    _refuse_what_is_missing(candidate, task)
    embedder = workshop.embedder(candidate.embedder) if candidate.embedder else None
    knowledge = await workshop.knowledge(candidate, task)
    spec = await _spec(candidate, task, knowledge)
    if not candidate.uses_llm:
        assert embedder is not None
        vectors, _ = await embedder.embed_metered([e.input_text() for e in task.train])
        model = _label_model(candidate.model, task, vectors)
        return Solver(spec, Parts(embedder=embedder, label_model=model))
    shot_vectors = None
    if candidate.prompt.shots.chosen_by_input:
        assert embedder is not None
        shot_vectors, _ = await embedder.embed_metered([s.input for s in spec.shots])
    parts = Parts(
        chat=workshop.chat(candidate.model),
        embedder=embedder,
        shot_vectors=shot_vectors,
        knowledge=knowledge,
    )
    if candidate.weights.tuned:
        tuned = await _tune(Solver(spec, parts), task, workshop)
        spec = spec.model_copy(update={"tuned_model": tuned.model})
        chat = workshop.chat(tuned.model or candidate.model)
        parts = replace(parts, chat=chat, adapter=tuned.adapter)
    if candidate.prompt.head:
        parts = replace(parts, head=await _head(Solver(spec, parts), task))
    if candidate.fallback is not None:
        chat = workshop.chat(candidate.fallback)
        spec, parts = await _fall_back(candidate.fallback, spec, parts, task, chat)
    if candidate.first is not None:
        assert embedder is not None
        spec, parts = await _cascade(candidate.first, spec, parts, task, embedder)
    return Solver(spec, parts)


def _label_model(name: str, task: Task, vectors: Vectors) -> LabelModel:
    if isinstance(task.output, MultiLabelOutput):
        sets = [e.expected for e in task.train]
        return fit_set_model(name, vectors, sets, task.output.labels)
    return fit_label_model(name, vectors, [render(task.output, e.expected) for e in task.train])


async def _head(solver: Solver, task: Task) -> LabelModel:
    """Ask for the labels' log-probabilities of train rows, each without itself among its shots."""
    chat = solver.parts.chat
    assert chat is not None
    if not scores(chat):
        raise UserError(
            f"{solver.candidate.model} does not tell the log-probabilities of whole labels: leave "
            "the label head out"
        )
    rows = in_turn(task, MOST_ROWS)
    await solver.prepare([e.input for e in rows])

    async def told(example: Example) -> tuple[float, ...]:
        text = example.input_text()
        messages, _, _ = await solver.messages(text, without=text)
        return (await chat.reply(solver.request(messages))).logprobs or ()

    asked = await all_of([told(example) for example in rows])
    labels = [render(task.output, example.expected) for example in rows]
    return fit_head(asked, labels, task.climb.seed)


async def lessons(solver: Solver, examples: Sequence[Example]) -> list[TuningExample]:
    """What tuning learns from: exactly the messages that the solver sends, and the answer."""
    await solver.prepare([e.input for e in examples])
    made = []
    for example in examples:
        messages, _, _ = await solver.messages(example.input_text())
        answer = render(solver.spec.output, example.expected)
        made.append(TuningExample(messages=messages, answer=answer))
    return made


async def _cascade(
    first: str, spec: SolverSpec, parts: Parts, task: Task, embedder: MeteredEmbedder
) -> tuple[SolverSpec, Parts]:
    """Put a fitted no-llm model before a solver, and choose on dev from when it stands."""

    async def vectors(examples: Sequence[Example]) -> Vectors:
        return (await embedder.embed_metered([e.input_text() for e in examples]))[0]

    model = _label_model(first, task, await vectors(task.train))
    told = model.predict(await vectors(task.dev)) if task.dev else []
    judged = [
        (confidence, label == render(task.output, example.expected))
        for (label, confidence), example in zip(told, task.dev, strict=True)
    ]
    sure = sure_from(judged, task.target.score)
    return spec.model_copy(update={"sure": sure}), replace(parts, label_model=model)


async def _fall_back(
    name: str, spec: SolverSpec, parts: Parts, task: Task, chat: ChatModel
) -> tuple[SolverSpec, Parts]:
    """Put a fallback behind a fitted solver, and choose on dev under which confidence it is asked.

    Asks the solver the pilot's examples, the very calls that its pilot makes.
    """
    asked = task.dev[: task.climb.dev_size]
    judged = [
        (
            answer.confidence,
            render(task.output, answer.value) == render(task.output, example.expected),
        )
        for example, answer in zip(asked, await _answers(Solver(spec, parts), asked), strict=True)
        if answer is not None and answer.valid and answer.confidence is not None
    ]
    below = sure_from(judged, task.target.score)
    if judged and below is None:
        raise UserError(
            f"on dev, no answers of {spec.candidate.model} are right at a rate of "
            f"{task.target.score:g}, however sure it is: {name} would be asked everything, so "
            "try it alone"
        )
    return spec.model_copy(update={"unsure_below": below}), replace(parts, fallback=chat)


async def _answers(solver: Solver, examples: Sequence[Example]) -> list[Answer | None]:
    """Answers in order; None where a model can never take the input.

    Any other failure is raised: a threshold out of what happened to be answered would be another
    one when the climb is resumed.
    """

    async def answer(example: Example) -> Answer | None:
        try:
            return await solver.answer(example.input)
        except ProviderError as error:
            if error.final:
                return None
            raise

    await solver.prepare([e.input for e in examples])
    return await all_of([answer(e) for e in examples])


Made = TypeVar("Made")


async def all_of(calls: Sequence[Coroutine[Any, Any, Made]]) -> list[Made]:
    """All results in order. Where one fails, the others end with it; where the budget is out, what
    has begun is paid for and kept."""
    asked = [asyncio.create_task(call) for call in calls]
    try:
        return list(await asyncio.gather(*asked))
    except BaseException as error:
        if not isinstance(error, BudgetExceeded):
            for one in asked:
                one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        raise


def _refuse_what_is_missing(candidate: Candidate, task: Task) -> None:
    if candidate.fallback is not None:
        pair = {candidate.model, candidate.fallback}
        if len(pair) < 2 or any(name.startswith(NO_LLM) for name in pair):
            raise UserError(
                f"{candidate.key} cannot fall back from {candidate.model!r} to "
                f"{candidate.fallback!r}: name two different language models"
            )
    if candidate.prompt.head and not isinstance(task.output, LabelsOutput):
        raise UserError(f"{candidate.key} has a label head, but the output is no list of labels")
    if candidate.learns and not task.train:
        raise UserError(f"{candidate.key} learns from training examples, but `train` is empty")
    if candidate.context.traits.reads and not task.documents:
        raise UserError(
            f"{candidate.key} reads documents, but the task names none: set [task] documents"
        )


async def _spec(candidate: Candidate, task: Task, knowledge: Knowledge) -> SolverSpec:
    return SolverSpec(
        candidate=candidate,
        task=task.name,
        instruction=task.instruction,
        output=task.output,
        shots=await choose_shots(candidate, task, knowledge),
        documents=knowledge.passages if candidate.context.traits.leads else (),
        input_fields=_fields([*task.train, *task.dev]),
    )


def _fields(examples: Sequence[Example]) -> tuple[InputField, ...]:
    """The fields that inputs have, in the order of their first appearance."""
    inputs = [e.input for e in examples if isinstance(e.input, dict)]
    names = dict.fromkeys(name for value in inputs for name in value)
    return tuple(
        InputField(
            name=name, required=len(inputs) == len(examples) and all(name in i for i in inputs)
        )
        for name in names
    )


async def _tune(untuned: Solver, task: Task, workshop: Workshop) -> Tuned:
    """Train on exactly the messages that the solver will send, loss on the answer only."""
    candidate, chat = untuned.candidate, untuned.parts.chat
    assert chat is not None
    weights = candidate.weights
    trainer = open_trainer(weights.kind, candidate.model)
    train = await lessons(untuned, task.train[: weights.train_size])
    lengths = [chat.count_tokens(e.turns) for e in train]
    order = Order(
        model=candidate.model.partition("/")[2],
        weights=weights,
        train=tuple(train),
        dev=tuple(await lessons(untuned, task.dev[:DEV_FOR_LOSS])),
        tokens=sum(lengths) * weights.epochs,
        longest=max(lengths, default=0),
    )

    def progress(stage: str, share: float) -> None:
        if workshop.on_tuning is not None:
            workshop.on_tuning(candidate.key, stage, share)

    hooks = Hooks(progress, workshop.stop.is_set)
    desk = Desk(workshop.raw(candidate.model), workshop.folder, workshop.till, hooks)
    tuned = await trainer.train(order, desk)
    workshop.tuned[candidate.key] = tuned
    return tuned
