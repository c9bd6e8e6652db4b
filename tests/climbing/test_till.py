"""What hosted training may cost is known with a source, or said to be unknown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from rung.climbing.till import ClimbTill
from rung.economics.pricing import PriceBook
from rung.economics.settings import CostSettings
from rung.economics.training import training_price
from rung.errors import BudgetExceeded, UserError
from rung.measure.budget import Budget

ON = date(2026, 11, 21)


def till(limit: str | None, **costs: Any) -> ClimbTill:
    budget = Budget(None if limit is None else Decimal(limit))
    return ClimbTill(PriceBook.of(["openai/gpt-4o-mini"], costs, ON), budget)


def test_a_listed_price_comes_with_its_source() -> None:
    found = training_price("openai/gpt-4o-mini", CostSettings(), ON)
    assert found is not None and found.of(2_000_000) == Decimal(6)
    assert found.source.url.startswith("https://") and found.source.checked is not None
    assert training_price("together/some-model", CostSettings(), ON) is None


def test_one_s_own_price_counts_for_every_model() -> None:
    assert till(None, training_usd_per_mtok=0.5).price("together/m", 4_000_000) == Decimal(2)


def test_an_unknown_price_is_no_zero() -> None:
    free = till(None)
    assert free.price("together/m", 10**6) is None
    free.reserve(None)  # without a budget nothing is guarded
    with pytest.raises(UserError, match="is not known, so a budget cannot guard it"):
        till("5").reserve(None)


def test_money_is_set_aside_and_settled() -> None:
    guarded = till("5")
    guarded.reserve(Decimal(3))
    with pytest.raises(BudgetExceeded):
        guarded.reserve(Decimal("2.5"))
    guarded.settle(Decimal(3), Decimal("1.2"))
    assert guarded.budget.spent == Decimal("1.2") and guarded.budget.reserved == 0


def test_a_tuned_model_without_a_price_answers_at_that_of_its_base() -> None:
    kept = till(None)
    kept.answers("openai/ft:gpt-4o-mini-2024-07-18:acme::x", "openai/gpt-4o-mini")
    kept.answers("together/acme/model-rung-1", "openai/gpt-4o-mini")
    assert kept.priced_as == {"together/acme/model-rung-1": "openai/gpt-4o-mini"}
