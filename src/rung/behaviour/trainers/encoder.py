"""Tunes a sentence encoder on a task's labels: all its layers, and the linear head on its vectors.

Cross entropy, from the head that suits the untuned vectors (docs/tuning.md has what was measured).
The words' own vectors stay: they are half of the weights, and few rows say little of each.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rung.behaviour.trainers.base import Hooks, whole
from rung.behaviour.trainers.batches import Encoded, epoch_order
from rung.behaviour.trainers.encoder_recipe import (
    CLIP,
    DECAY,
    HEAD_RATE,
    RATE,
    WARM_UP,
    learnt,
    rows_a_step,
)
from rung.behaviour.trainers.lora import STEP_TOKENS, TrainingStopped
from rung.models.embedder import BESIDE, Encoder
from rung.models.local.card import ModelCard, write_card
from rung.models.local.machine import at_work, machine_seconds
from rung.models.no_llm import Linear, cross_entropy
from rung.models.no_llm_choice import ENCODER, Head, cooled
from rung.models.no_llm_sets import OneVsRest, log_loss
from rung.state import read_kept
from rung.task.types import Frozen

FEWEST_DEV = 40
"""Dev rows below which confidences stay as tuned: they are near the rates as they are, and a
temperature by few rows is a guess (docs/tuning.md)."""
RESULT, LABELS, FOLDER = "tuning.json", "labels.npz", "encoder"


class Labelled(NamedTuple):
    """Texts as the encoder reads them, and what they hold."""

    texts: Sequence[str]
    held: NDArray[np.bool_]
    """(texts, labels)"""


class EncoderResult(Frozen):
    """What a tuning took."""

    seconds: float
    """Compute seconds of this machine."""
    epochs: int
    rows: int
    """Train rows learnt from."""
    megabytes: int
    """Of the tuned weights on disk."""


def tune_encoder(
    base: Path,
    start: Linear | OneVsRest,
    train: Labelled,
    dev: Labelled,
    folder: Path,
    hooks: Hooks,
) -> EncoderResult:
    """Tune the encoder in `base` and the head `start` into `folder`: an embedder's folder
    (`encoder`, 16-bit weights) and the head (`labels.npz`).

    A folder that holds a finished result is returned as it is. `dev` gives the temperature alone,
    which no answer depends on; fewer than `FEWEST_DEV` rows of it give none. Equal rows give equal
    weights on the same machine and threads. Blocks. Raises `TrainingStopped` when `hooks.stop()`
    turns true, `StoreError` where the folder cannot be written.
    """
    done = read_kept(folder / RESULT, EncoderResult)
    if done is not None:
        return done
    tuner = _Tuner(base, start, train)
    tuner.run(hooks)
    head = tuner.head(dev)
    with whole(folder, "tuned encoder") as built:
        tuner.save(base, built / FOLDER)
        type(start)(head, start.labels).save(built / LABELS)
        size = sum(path.stat().st_size for path in built.rglob("*") if path.is_file())
        result = EncoderResult(
            seconds=tuner.seconds,
            epochs=tuner.epochs,
            rows=len(tuner.rows),
            megabytes=round(size / 1e6),
        )
        (built / RESULT).write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return result


class _Tuner:
    """One run: the encoder, the head, the optimiser."""

    def __init__(self, base: Path, start: Linear | OneVsRest, train: Labelled) -> None:
        import torch

        self.seconds = 0.0
        self._one = isinstance(start, Linear)
        self._start = start.head
        with at_work():
            self._encoder = Encoder(base)
        tokens = self._encoder.tokens(train.texts)
        self.epochs, self.rows = learnt([len(row) for row in tokens])
        self._tokens = [tokens[i] for i in self.rows]
        held = train.held[self.rows]
        self._wanted = torch.from_numpy(held.argmax(1) if self._one else held.astype(np.float32))
        self._head = [
            torch.tensor(part, dtype=torch.float32, requires_grad=True)
            for part in (start.head.weights, start.head.bias)
        ]
        for name, weights in self._encoder.model.named_parameters():
            weights.requires_grad_("embeddings" not in name)
        self._body = [p for p in self._encoder.model.parameters() if p.requires_grad]

    def run(self, hooks: Hooks) -> None:
        """All epochs. Without dropout, which won nothing: no chance takes part but the order."""
        import torch

        rows = [Encoded(row, []) for row in self._tokens]
        size, epochs = rows_a_step(len(rows)), range(self.epochs)
        batches = [b for n in epochs for b in epoch_order(rows, size, STEP_TOKENS, n)]
        groups = [{"params": self._body, "lr": RATE}, {"params": self._head, "lr": HEAD_RATE}]
        optimizer = torch.optim.AdamW(groups, weight_decay=DECAY)
        warm = max(1, round(WARM_UP * len(batches)))
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda n: min((n + 1) / warm, (len(batches) - n) / max(1, len(batches) - warm)),
        )
        for step, batch in enumerate(batches, start=1):
            if hooks.stop():
                raise TrainingStopped("tuning the encoder was stopped before it was finished")
            with at_work():
                began = machine_seconds()
                optimizer.zero_grad()
                self._loss(batch).backward()
                torch.nn.utils.clip_grad_norm_([*self._body, *self._head], CLIP)
                optimizer.step()
                schedule.step()
                self.seconds += machine_seconds() - began
            hooks.progress("tuning the encoder", step / len(batches))

    def _loss(self, batch: list[int]) -> Any:
        import torch

        weights, bias = self._head
        logits = self._encoder.pooled([self._tokens[i] for i in batch]) @ weights.T + bias
        if self._one:
            return torch.nn.functional.cross_entropy(logits, self._wanted[batch])
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, self._wanted[batch])

    def head(self, dev: Labelled) -> Head:
        """The tuned head, with the temperature that makes its confidences rates on dev."""
        weights, bias = (part.detach().numpy() for part in self._head)
        head = self._start._replace(weights=weights, bias=bias)
        # A label that train lacks has no logit.
        known = [i for i, held in enumerate(dev.held) if held.any() or not self._one]
        if len(known) < FEWEST_DEV:
            return head
        vectors, seconds = self._encoder.encode([dev.texts[i] for i in known])
        self.seconds += seconds
        wanted = dev.held[known]
        answers = wanted.argmax(1) if self._one else wanted
        _, temperature = cooled(
            head.logits(vectors, ()), answers, cross_entropy if self._one else log_loss
        )
        return head._replace(temperature=temperature)

    def save(self, base: Path, folder: Path) -> None:
        """The encoder as an embedder's folder."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True)
        for name in BESIDE:
            if (base / name).is_file():
                (folder / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(base / name, folder / name)
        weights = {
            name: tensor.half().contiguous() if tensor.is_floating_point() else tensor
            for name, tensor in self._encoder.model.state_dict().items()
        }
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        write_card(folder, ModelCard.of_folder(folder, name=ENCODER))
