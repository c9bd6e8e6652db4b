"""A provider's tuning, as a trainer of the shelf: bought, and then asked by its own name."""

from rung.behaviour.trainers.base import Desk, Order, Tuned
from rung.behaviour.trainers.hosted.run import tune_hosted
from rung.behaviour.trainers.hosted.shelf import open_tuner, provider_of
from rung.errors import UserError

FOLDER = "hosted"
"""Of the orders' states, beside that of the adapters."""


class Hosted:
    """Has the provider of a model tune it."""

    def __init__(self, model: str) -> None:
        self.model, self.provider = model, provider_of(model)

    async def train(self, order: Order, desk: Desk) -> Tuned:
        """See `tune_hosted`."""
        if desk.till is None:
            raise UserError(
                f"tuning {self.model} is bought from {self.provider}, but nobody pays for it here"
            )
        tuner = open_tuner(self.model)
        try:
            result = await tune_hosted(
                tuner, order, desk.folder.parent / FOLDER, desk.till, desk.hooks
            )
        finally:
            await tuner.aclose()
        name = f"{self.provider}/{result.model}"
        desk.till.answers(name, self.model)
        return Tuned(model=name, took=result.model_dump(mode="json", exclude_none=True))
