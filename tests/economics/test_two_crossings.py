"""Who is the cheaper one on each side of a break-even, also where machines bend a line twice."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from rung.economics.amounts import span
from rung.economics.breakeven import break_even
from rung.economics.model import CostModel, Workload, model_of
from rung.economics.pricing import PriceBook
from rung.economics.spec import CandidateSpec, Hosting, Stated, Tokens

ON = date(2026, 11, 21)


def priced(key: str, **parts: object) -> CostModel:
    spec = CandidateSpec(key=key, technique="prompting", **parts)  # type: ignore[arg-type]
    return model_of(spec, Workload.of(100, 12), PriceBook(on=ON))


def paid(key: str, *, request: object = None, month: object = None) -> CostModel:
    return priced(key, stated=Stated(usd_per_request=request, usd_per_month=month))


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_a_machine_that_fills_up_is_the_cheaper_one_between_two_volumes(names: str) -> None:
    tokens, machine = names
    bought = paid(tokens, request=1, month=200)
    own = Hosting(usd_per_hour=1, tokens_per_second=1, utilisation=1)
    hosted = priced(machine, tokens=Tokens(input=span(4500)), hosting=own)
    for found in (break_even(bought, hosted), break_even(hosted, bought)):
        assert found.requests_per_month == found.exact == 530, "730 h at $1: 530 + 200"
        assert found.further == (800,), "1.25 v = v + 200"
        assert (found.cheaper_below, found.cheaper_above) == (tokens, machine)


@pytest.mark.parametrize("gap", ["0.3", "1"])
@pytest.mark.parametrize("names", ["ab", "ba"])
def test_a_small_gap_is_one_all_the_same(names: str, gap: str) -> None:
    cheap, dear = names
    found = break_even(paid(cheap, month=10), paid(dear, month=10 + Decimal(gap)))
    assert found.exact is None and found.never_share == 1
    assert found.cheaper_below == found.cheaper_above == cheap
