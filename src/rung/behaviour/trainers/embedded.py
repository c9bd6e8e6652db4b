"""LoRA on this machine, as a trainer of the shelf."""

from __future__ import annotations

import asyncio

from rung.behaviour.trainers.base import Desk, Order, Tuned
from rung.errors import UserError
from rung.task.types import FORMAT, digest


class Embedded:
    """Adapters for the models of this machine, each in a folder named by its content."""

    def __init__(self, model: str) -> None:
        self.model = model

    async def train(self, order: Order, desk: Desk) -> Tuned:
        """See `train_lora`."""
        from rung.behaviour.trainers.lora import train_lora
        from rung.models.local import LocalModel

        base = desk.model
        if not isinstance(base, LocalModel):
            raise UserError(f"{self.model} cannot be tuned here; name a local model in [models]")
        train, dev = list(order.train), list(order.dev)
        folder = desk.folder / digest([FORMAT, base.identity, order.weights, train, dev])[:20]
        hooks = desk.hooks
        result = await asyncio.to_thread(
            train_lora, base, train, dev, order.weights, folder, hooks.progress, hooks.stop
        )
        took = result.model_dump(mode="json", exclude={"adapter"}, exclude_none=True)
        return Tuned(adapter=result.adapter, took=took)
