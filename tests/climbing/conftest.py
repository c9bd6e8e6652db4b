from __future__ import annotations

from decimal import Decimal

import pytest

from rung.climbing.tools import Tools
from rung.records import Usage

from .tasks import MODEL

USD_PER_TOKEN = Decimal("0.0001")


@pytest.fixture(autouse=True)
def priced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted model costs money, as real ones do; what is given in code is free otherwise."""
    real = Tools.price

    def price(self: Tools, usage: Usage, model: str) -> Decimal:
        if model == MODEL:
            return USD_PER_TOKEN * (usage.input_tokens + usage.output_tokens)
        return real(self, usage, model)

    monkeypatch.setattr(Tools, "price", price)
