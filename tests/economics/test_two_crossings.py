"""Who is the cheaper one on each side of a break-even, also where machines bend a line twice."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal

import pytest

from rung.economics.amounts import amounts, draws, span
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


def test_the_interval_leaves_out_a_twentieth_of_the_draws_on_each_side() -> None:
    bought, fixed = paid("a", request=[1, 2]), paid("b", month=100)
    found = break_even(bought, fixed, count=40, seed=3)
    (price,) = [x for x in amounts(bought.monthly).values() if not x.span.sure]
    at = sorted(100 / moved[price.key] for moved in draws([price], 40, 3))
    assert (found.low, found.high) == (math.ceil(at[2]), math.ceil(at[37]))
    assert found.low <= (found.requests_per_month or 0) <= found.high and found.never_share == 0
