"""What a hosted training costs: tokens times a dated price, or the user's own."""

from datetime import date
from decimal import Decimal

from rung.economics import tables
from rung.economics.pricing import YOURS
from rung.economics.settings import CostSettings
from rung.economics.tables import Source
from rung.money import MTOK
from rung.task.types import Frozen


class TrainingPrice(Frozen):
    """USD per 1M training tokens (tokens of the set times epochs), and where that stands."""

    usd_per_mtok: Decimal
    source: Source

    def of(self, tokens: int) -> Decimal:
        """USD."""
        return self.usd_per_mtok * tokens / MTOK


def training_price(model: str, settings: CostSettings, on: date) -> TrainingPrice | None:
    """`[costs] training_usd_per_mtok`, else the table's row of that model; None: not known.

    A row's id is the model's name with dashes, such as `openai-gpt-4o-mini`.
    """
    if settings.training_usd_per_mtok is not None:
        return TrainingPrice(usd_per_mtok=settings.training_usd_per_mtok, source=Source(what=YOURS))
    name = model.replace("/", "-").lower()
    if name not in {row.id for row in tables.rows("tuning")}:
        return None
    row = tables.find("tuning", name, on)
    return TrainingPrice(usd_per_mtok=row.usd, source=row.as_source())
