"""What a cascade costs: each model at its own price, by the share of requests it is asked."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.economics.analysis import CandidateCost, analyse
from rung.economics.pricing import PriceBook
from rung.economics.scenario import Volume, of_run
from rung.economics.spec import AlsoAsked, CandidateUsage
from rung.economics.what_if import WhatIf, what_if
from rung.records import Usage

ON = date(2026, 11, 21)
SMALL, LARGE, LOCAL = "openai/gpt-4.1-nano", "openai/gpt-4.1", "local/smollm2-135m-instruct"
BOOK = PriceBook.of([SMALL, LARGE, LOCAL, "no-llm/linear"], {}, ON)
usages = st.builds(Usage, input_tokens=st.integers(1, 200_000), output_tokens=st.integers(0, 9_000))


def run(*also: AlsoAsked, model: str = SMALL, usage: Usage | None = None, **costs: float):
    own = usage or Usage(input_tokens=50_000, output_tokens=1_000, seconds=5.0)
    found = CandidateUsage(
        key="pair", technique="prompting", model=model, usage=own, requests=100, also=also
    )
    return of_run([found], Volume(requests_per_month=1_000), title="t", costs=costs, on=ON)


def bill(scenario) -> CandidateCost:
    workload = scenario.workload.workload()
    return analyse(scenario.candidates, workload, scenario.book(ON)).candidates[0]


@given(usages, usages, st.integers(1, 100))
def test_the_bill_is_the_sum_of_the_models_at_their_own_prices(
    own: Usage, other: Usage, asked: int
) -> None:
    found = bill(run(AlsoAsked(model=LARGE, usage=other, requests=asked), usage=own))
    expected = (BOOK.price(own, SMALL) + BOOK.price(other, LARGE)) / 100
    assert found.marginal.value == pytest.approx(expected, rel=Decimal("1e-20"))
    assert found.marginal.low <= found.marginal.value <= found.marginal.high


@given(st.integers(1, 99))
def test_more_requests_that_go_on_cost_more(asked: int) -> None:
    def of(n: int) -> Decimal:
        usage = Usage(input_tokens=500 * n, output_tokens=10 * n)
        return bill(run(AlsoAsked(model=LARGE, usage=usage, requests=n))).marginal.value

    assert bill(run()).marginal.value < of(asked) < of(asked + 1)


def test_the_share_is_an_input_that_can_be_seen_and_turned() -> None:
    usage = Usage(input_tokens=10_000, output_tokens=200)
    scenario = run(AlsoAsked(model=LARGE, usage=usage, requests=20))
    found = bill(scenario)
    factors = {f.name: f for line in found.lines for f in line.factors}
    share = factors[f"pair: {LARGE}: share of requests"]
    assert share.value == Decimal("0.2") and 0.1 < share.low < 0.2 < share.high < 0.3
    assert share.source == "measured over 100 answers"
    assert f"input tokens ({LARGE})" in {line.what for line in found.lines}
    dear = what_if(scenario, WhatIf(call_price=Decimal(2)), scenario.book(ON))
    assert bill(dear).marginal.value == 2 * found.marginal.value


def test_machines_of_ones_own_are_paid_for_each_model_that_needs_one() -> None:
    before = AlsoAsked(model="no-llm/linear", usage=Usage(seconds=2.0), requests=100)
    rare = AlsoAsked(model=LARGE, usage=Usage(input_tokens=10_000), requests=20)
    own = run(before, rare, model=LOCAL, machine_usd_per_hour=0.36, utilisation=0.5, min_replicas=1)
    what = {line.what: line for line in bill(own).lines}
    assert what["machines"].floor and what[f"input tokens ({LARGE})"].usd.value > 0
    # Nothing is served at so many tokens a second where there are none: priced by its seconds.
    assert what["compute seconds (no-llm/linear)"].usd.value == Decimal("0.02") * Decimal(
        "0.36"
    ) / Decimal(3600)


def test_a_file_of_an_older_run_has_one_model() -> None:
    plain = run().candidates[0].model_dump()
    assert plain["also"] == ()
    old = CandidateUsage.model_validate(
        {"key": "k", "technique": "rag", "model": SMALL, "usage": {}, "requests": 3}
    )
    assert old.also == ()
