"""LoRA on this machine, as a trainer of the shelf."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rung.behaviour.trainers.base import Desk, Hooks, Order, Tuned
from rung.errors import UserError
from rung.models.local.machine import device
from rung.task.types import FORMAT, JsonValue, digest

if TYPE_CHECKING:
    from rung.behaviour.trainers.lora import TuningResult
    from rung.models.local import LocalModel


class Embedded:
    """Adapters for the models of this machine, each in a folder named by its content."""

    named: ClassVar[tuple[str, ...]] = ()
    """What tells its folders from those of another loop."""

    def __init__(self, model: str) -> None:
        self.model = model

    async def train(self, order: Order, desk: Desk) -> Tuned:
        """See `run`."""
        from rung.models.local import LocalModel

        base = desk.model
        if not isinstance(base, LocalModel):
            raise UserError(f"{self.model} cannot be tuned here; name a local model in [models]")
        start = [order.start.digest] if order.start is not None else []
        content = [*self.named, FORMAT, base.identity, order.weights, order.train, order.dev]
        folder = desk.folder / digest([*content, *start])[:20]
        if device() != "cpu" and not folder.exists():
            await base.aclose()  # its memory is the training's; the next answer loads it again
        result = await asyncio.to_thread(self.run, base, order, folder, desk.hooks)
        took = result.model_dump(mode="json", exclude={"adapter"}, exclude_none=True)
        return Tuned(adapter=result.adapter, took={**took, **self.told()})

    def run(self, base: LocalModel, order: Order, folder: Path, hooks: Hooks) -> TuningResult:
        """See `train_lora`."""
        from rung.behaviour.trainers.lora import train_lora

        train, dev, weights = order.train, order.dev, order.weights
        return train_lora(base, train, dev, weights, folder, hooks.progress, hooks.stop)

    def told(self) -> dict[str, JsonValue]:
        """What is said of a training beside its result."""
        return {}
