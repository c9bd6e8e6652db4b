from __future__ import annotations

from decimal import Decimal

import pytest

from rung.economics.pricing import PriceBook, Rates, TokenRates
from rung.economics.tables import Source

from .tasks import MODEL

USD_PER_TOKEN = Decimal("0.0001")


@pytest.fixture(autouse=True)
def priced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted model costs money, as real ones do; what is given in code is free otherwise."""
    price_by_token(monkeypatch, {MODEL: USD_PER_TOKEN})


def price_by_token(monkeypatch: pytest.MonkeyPatch, usd: dict[str, Decimal]) -> None:
    """Prices of some models, USD a token read or written."""
    real = PriceBook.of_model

    def of_model(self: PriceBook, model: str) -> Rates:
        if model not in usd:
            return real(self, model)
        price = usd[model] * 10**6
        tokens = (TokenRates(input=price, output=price),)
        return Rates(model=model, tokens=tokens, source=Source(what="a test"))

    monkeypatch.setattr(PriceBook, "of_model", of_model)
