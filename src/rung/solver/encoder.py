"""`no-llm/encoder`: the task's embedder, tuned on its labels, under a head of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from rung.behaviour.trainers.base import Tuned
from rung.behaviour.trainers.encoder import FOLDER, LABELS, Labelled, tune_encoder
from rung.behaviour.trainers.encoder_recipe import RECIPE
from rung.errors import UserError
from rung.models.embedder import MiniLM
from rung.models.metered import MeteredEmbedder, innermost, prompted
from rung.models.no_llm import LabelModel, Linear, load_label_model
from rung.models.no_llm_choice import ENCODER
from rung.models.no_llm_sets import OneVsRest, members
from rung.solver.workshop import Workshop
from rung.task.contract import render
from rung.task.types import FORMAT, Example, MultiLabelOutput, Task, digest


class Labeller(NamedTuple):
    """What answers without a language model, and what embeds for it where that is its own."""

    model: LabelModel
    encoder: MeteredEmbedder | None = None


async def tuned_labeller(
    start: LabelModel, key: str, task: Task, workshop: Workshop, embedder: MeteredEmbedder
) -> Labeller:
    """Tune the embedder from the head `start`, or take what an earlier climb tuned.

    Raises `UserError` where the embedder's weights are not here, `TrainingStopped` and
    `StoreError`.
    """
    base = innermost(embedder)
    if not isinstance(base, MiniLM) or not isinstance(start, Linear | OneVsRest):
        raise UserError(
            f"{ENCODER} tunes the task's embedder, but {embedder.name} has no weights on this "
            "machine: set [models] embedder to local/all-minilm-l6-v2 or a model folder"
        )
    train, dev = (_labelled(task, rows, start, embedder) for rows in (task.train, task.dev))
    learnt = [[part.texts, part.held.tolist()] for part in (train, dev)]
    name = digest([FORMAT, ENCODER, RECIPE, base.identity, start.labels, learnt])[:20]
    folder, hooks = workshop.folder / name, workshop.hooks(key)
    result = await asyncio.to_thread(tune_encoder, base.folder, start, train, dev, folder, hooks)
    workshop.tuned.setdefault(key, Tuned(took=result.model_dump(mode="json")))
    return Labeller(load_label_model(folder / LABELS), workshop.embedder(str(folder / FOLDER)))


def _labelled(
    task: Task, rows: Sequence[Example], start: Linear | OneVsRest, embedder: MeteredEmbedder
) -> Labelled:
    several = isinstance(task.output, MultiLabelOutput)
    sets = [e.expected if several else [render(task.output, e.expected)] for e in rows]
    texts = prompted(embedder, "text", [e.input_text() for e in rows])
    return Labelled(texts, members(sets, start.labels))
