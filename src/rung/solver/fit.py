"""Fitting: from a candidate and a task's train split to a `Solver`.

Only `train` is learnt from; `dev` gives the loss that decides when tuning stops. `test` is never
read here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from rung.behaviour.base import Fitting
from rung.behaviour.shelf import filled
from rung.candidate import Candidate
from rung.errors import UserError
from rung.models.base import Vectors
from rung.models.chain import sure_from, unchainable
from rung.models.metered import MeteredEmbedder, prompted, reads
from rung.models.no_llm import LabelModel, fit_label_model
from rung.models.no_llm_choice import ENCODER
from rung.models.no_llm_sets import fit_set_model
from rung.models.no_llm_spans import Spans
from rung.models.span_fields import SPANS
from rung.solver.answering import answers
from rung.solver.encoder import Labeller, tuned_labeller
from rung.solver.solver import InputField, Parts, Solver, SolverSpec
from rung.solver.tuning import tune as tune_weights
from rung.solver.workshop import Workshop
from rung.task.contract import render
from rung.task.tools import ToolSettings
from rung.task.types import Example, MultiLabelOutput, Task


async def fit(candidate: Candidate, task: Task, workshop: Workshop) -> Solver:
    """Fit one candidate on the train split. Raises `UserError` for what the task cannot give."""
    with reads() as read:
        solver = await _fit(candidate, task, workshop)
    workshop.embedded[candidate.key] = sum(one.usage.usage.input_tokens for one in read)
    return solver


async def _fit(candidate: Candidate, task: Task, workshop: Workshop) -> Solver:
    _refuse_what_is_missing(candidate, task)
    embedder = workshop.embedder(candidate.embedder) if candidate.embedder else None
    knowledge = await workshop.knowledge(candidate, task)
    tools = {settings.name: workshop.tool(settings) for settings in _tools(candidate, task)}
    spec = SolverSpec(
        candidate=candidate,
        task=task.name,
        instruction=task.instruction,
        output=task.output,
        documents=knowledge.passages if candidate.context.traits.leads else (),
        tools=tuple(tool.settings for tool in tools.values()),
        input_fields=_fields([*task.train, *task.dev]),
    )
    if not candidate.uses_llm:
        assert embedder is not None
        own = await _labeller(candidate.model, candidate, task, workshop, embedder)
        return Solver(spec, Parts(embedder=embedder, label_model=own.model, encoder=own.encoder))
    parts = Parts(
        workshop.chat(candidate.model),
        embedder,
        knowledge=knowledge,
        tools=tools,
    )
    for slot in filled(candidate).values():
        so_far = Solver(spec, parts)
        tune = partial(tune_weights, so_far, task, workshop, fit)
        fitted = await slot.fit(candidate, Fitting(task, so_far, embedder, tune, parts.tools))
        spec = spec.model_copy(update=fitted.spec)
        parts = replace(
            parts.holding({slot.part: fitted.held}),
            chat=workshop.chat(spec.tuned_model or candidate.model),
        )
    if candidate.then is not None:
        spec, parts = await _fall_back(candidate.then, spec, parts, task, workshop)
    if candidate.first is not None:
        assert embedder is not None
        own = await _labeller(candidate.first, candidate, task, workshop, embedder)
        spec, parts = await _cascade(own, spec, parts, task)
    return Solver(spec, parts)


async def _likened(embedder: MeteredEmbedder, examples: Sequence[Example]) -> Vectors:
    texts = prompted(embedder, "text", [e.input_text() for e in examples])
    return (await embedder.embed_metered(texts))[0]


async def _labeller(
    name: str, candidate: Candidate, task: Task, workshop: Workshop, embedder: MeteredEmbedder
) -> Labeller:
    vectors = await _likened(embedder, task.train)
    model = await asyncio.to_thread(_label_model, name, task, vectors)
    if name != ENCODER:
        return Labeller(model)
    return await tuned_labeller(model, candidate.key, task, workshop, embedder)


def _label_model(name: str, task: Task, vectors: Vectors) -> LabelModel:
    """The model itself; of an encoder that is to be tuned the head that it starts from."""
    if name == SPANS:
        return Spans.fit(task.output, task.train, vectors)
    texts = [] if name == ENCODER else [e.input_text() for e in task.train]
    if isinstance(task.output, MultiLabelOutput):
        sets = [e.expected for e in task.train]
        return fit_set_model(name, vectors, texts, sets, task.output.labels)
    labels = [render(task.output, e.expected) for e in task.train]
    return fit_label_model(name, vectors, texts, labels)


async def _cascade(
    own: Labeller, spec: SolverSpec, parts: Parts, task: Task
) -> tuple[SolverSpec, Parts]:
    """Put a fitted no-llm model before a solver, and choose on dev from when it stands."""
    texts = [e.input_text() for e in task.dev]
    embedder = own.encoder or parts.embedder
    assert embedder is not None
    guesses = own.model.predict(await _likened(embedder, task.dev), texts) if texts else []
    judged = [
        (confidence, label == render(task.output, example.expected))
        for (label, confidence), example in zip(guesses, task.dev, strict=True)
    ]
    sure = sure_from(judged, task.target.score)
    return spec.model_copy(update={"sure": sure}), replace(
        parts, label_model=own.model, encoder=own.encoder
    )


async def _fall_back(
    name: str, spec: SolverSpec, parts: Parts, task: Task, workshop: Workshop
) -> tuple[SolverSpec, Parts]:
    """Put another model behind a fitted one, and choose on dev below which confidence it is asked.

    Asks the solver the pilot's examples, the very calls that its pilot makes.
    """
    asked = task.dev[: task.climb.dev_size]
    judged = [
        (
            answer.confidence,
            render(task.output, answer.value) == render(task.output, example.expected),
        )
        for example, answer in zip(asked, await answers(Solver(spec, parts), asked), strict=True)
        if answer is not None and answer.valid and answer.confidence is not None
    ]
    below = sure_from(judged, task.target.score)
    if judged and below is None:
        raise UserError(
            f"on dev, no answers of {spec.candidate.model} are right at a rate of "
            f"{task.target.score:g}, however sure it is: {name} would be asked everything, so "
            "try it alone"
        )
    return spec.model_copy(update={"unsure_below": below}), replace(
        parts, other=workshop.chat(name)
    )


def _refuse_what_is_missing(candidate: Candidate, task: Task) -> None:
    lacking = [unchainable(candidate)]
    lacking += [slot.needs(candidate, task) for slot in filled(candidate).values()]
    if candidate.learns and not task.train:
        lacking.append(f"{candidate.key} learns from training examples, but `train` is empty")
    if candidate.context.traits.reads and not task.documents:
        lacking.append(
            f"{candidate.key} reads documents, but the task names none: set [task] documents"
        )
    for sentence in filter(None, lacking):
        raise UserError(sentence)


def _tools(candidate: Candidate, task: Task) -> tuple[ToolSettings, ...]:
    """The tool that is always asked, or all that may be called. Raises `UserError`."""
    callable_ = tuple(tool for tool in task.tools if tool.informs)
    if candidate.way == "tools" and not callable_:
        raise UserError(f"{candidate.key} calls tools, but the task names none: add [[tools]]")
    context, reranks = candidate.context, candidate.context.rerank == "endpoint"
    if not context.tool and not reranks:
        return callable_ if candidate.way == "tools" else ()
    named = tuple(t for t in task.tools if t.name == context.tool and t.informs != reranks)
    if not named:
        kind = "reranker" if reranks else "tool"
        raise UserError(
            f"{candidate.key} asks the {kind} {context.tool!r}, but the task names "
            f"{', '.join(tool.name for tool in task.tools) or 'none'}: add it to [[tools]]"
        )
    return callable_ if candidate.way == "tools" else named


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
