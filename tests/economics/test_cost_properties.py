"""What must hold for every candidate, whatever its figures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.economics.amounts import Span, amounts, crossings, total
from rung.economics.analysis import cost_of
from rung.economics.breakeven import break_even, payback_month
from rung.economics.model import VOLUME, Workload, model_of
from rung.economics.pricing import PriceBook
from rung.economics.sensitivity import choose, flips
from rung.economics.spec import CandidateSpec, Hosting, Stated, TokenPrices, Tokens
from rung.money import cents

ON = date(2026, 11, 21)
BOOK = PriceBook(on=ON)
money = st.decimals(0, 10_000, places=4, allow_nan=False)
small = st.decimals("0.0001", 100, places=4, allow_nan=False)
count = st.integers(0, 5_000)
volume = st.integers(1, 5_000_000)


def at_volume(model, requests):
    return total(model.monthly, {VOLUME: requests})


@st.composite
def spans(draw, values=money):
    low, value, high = sorted(draw(st.tuples(values, values, values)))
    return Span(value=value, low=low, high=high)


@st.composite
def hostings(draw):
    return Hosting(
        usd_per_hour=draw(small),
        tokens_per_second=draw(st.integers(10, 5_000)),
        utilisation=draw(st.sampled_from(["0.1", "0.5", "1"])),
        min_replicas=draw(st.integers(0, 3)),
    )


@st.composite
def specs(draw, key="a", sure=False):
    one = st.builds(lambda v: Span(value=v, low=v, high=v), money) if sure else spans()
    prices = st.builds(lambda v: Span(value=v, low=v, high=v), small) if sure else spans(small)
    whole = st.builds(Decimal, count)
    tokens = st.builds(lambda v: Span(value=v, low=v, high=v), whole) if sure else spans(whole)
    return CandidateSpec(
        key=key,
        technique="prompting",
        tokens=Tokens(input=draw(tokens), output=draw(tokens), context=draw(tokens)),
        prices=TokenPrices(input=draw(prices), output=draw(prices)),
        hosting=draw(st.one_of(st.none(), hostings())),
        stated=Stated(usd_once=draw(one), usd_per_month=draw(one)),
    )


def priced(spec, requests=1_000, months=12):
    return model_of(spec, Workload.of(requests, months), BOOK)


def cheaper(span: Span, by: Decimal) -> Span:
    return Span(value=span.value * by, low=span.low * by, high=span.high * by)


@pytest.mark.lengthy
@given(specs(), st.decimals(0, 1, places=3), volume)
def test_a_lower_price_never_raises_a_cost(spec, by, requests):
    dear = cost_of(priced(spec, requests))
    prices = TokenPrices(
        input=cheaper(spec.prices.input, by), output=cheaper(spec.prices.output, by)
    )
    low = cost_of(priced(spec.model_copy(update={"prices": prices}), requests))
    for figure in ("monthly", "running", "total", "per_request"):
        one, other = getattr(low, figure), getattr(dear, figure)
        assert one.value <= other.value
        assert one.low <= other.low and one.high <= other.high


@pytest.mark.lengthy
@given(specs(sure=True), specs(sure=True), volume)
def test_cost_is_additive_in_usage(a, b, requests):
    """Tokens of two requests cost what the two cost apart (list prices without tiers)."""

    def running(tokens):
        found = a.model_copy(update={"tokens": tokens, "hosting": None, "stated": Stated()})
        return cost_of(priced(found, requests)).running.value

    def plus(x, y):
        whole = x.value + y.value
        return Span(value=whole, low=whole, high=whole)

    both = Tokens(
        input=plus(a.tokens.input, b.tokens.input),
        output=plus(a.tokens.output, b.tokens.output),
        context=plus(a.tokens.context, b.tokens.context),
    )
    assert abs(running(a.tokens) + running(b.tokens) - running(both)) < Decimal("1e-12")


@pytest.mark.lengthy
@given(specs("a"), specs("b"), volume)
def test_break_even_is_symmetric(a, b, requests):
    one, other = priced(a, requests), priced(b, requests)
    assert break_even(one, other, count=10) == break_even(other, one, count=10)


@pytest.mark.lengthy
@given(specs("a", sure=True), specs("b", sure=True), volume)
def test_at_the_break_even_the_two_costs_agree_to_a_cent(a, b, requests):
    one, other = priced(a, requests), priced(b, requests)
    found = break_even(one, other, count=1)
    crossed = crossings(one.monthly, other.monthly, VOLUME, {})
    assert (found.exact is None) == (not crossed)
    for at in crossed:
        gap = abs(at_volume(one, at) - at_volume(other, at))
        assert gap <= max(Decimal("0.01"), at_volume(one, at) * Decimal("1e-12"))


@pytest.mark.lengthy
@given(specs("a", sure=True), specs("b", sure=True), volume)
def test_below_and_above_the_break_even_the_named_one_is_cheaper(a, b, requests):
    one, other = priced(a, requests), priced(b, requests)
    found = break_even(one, other, count=1)
    if found.exact is None:
        return
    at = {"a": one, "b": other}
    until = found.further[0] if found.further else found.exact * 2
    for volume, cheap in (
        (found.exact / 2, found.cheaper_below),
        ((found.exact + until) / 2, found.cheaper_above),
    ):
        dear = "b" if cheap == "a" else "a"
        assert at_volume(at[cheap], volume) <= at_volume(at[dear], volume)


@pytest.mark.lengthy
@given(specs("a", sure=True), specs("b", sure=True))
def test_never_means_that_no_volume_changes_the_order(a, b):
    one, other = priced(a), priced(b)
    if break_even(one, other, count=1).exact is not None:
        return
    signs = set()
    for exponent in range(0, 9):
        gap = at_volume(one, Decimal(10) ** exponent) - at_volume(other, Decimal(10) ** exponent)
        if abs(gap) > Decimal("1e-9"):
            signs.add(gap > 0)
    assert len(signs) <= 1


@given(specs(), st.decimals(1, 5, places=2), volume)
def test_more_uncertainty_never_narrows_an_interval(spec, by, requests):
    def wider(span: Span) -> Span:
        return Span(
            value=span.value,
            low=max(Decimal(0), span.value - (span.value - span.low) * by),
            high=span.value + (span.high - span.value) * by,
        )

    before = cost_of(priced(spec, requests))
    vague = spec.model_copy(
        update={
            "tokens": Tokens(
                input=wider(spec.tokens.input),
                output=wider(spec.tokens.output),
                context=wider(spec.tokens.context),
            ),
            "stated": Stated(
                usd_once=wider(spec.stated.usd_once),
                usd_per_month=wider(spec.stated.usd_per_month),
            ),
        }
    )
    after = cost_of(priced(vague, requests))
    for figure in ("monthly", "running", "once", "total", "per_request"):
        one, other = getattr(before, figure), getattr(after, figure)
        assert other.low <= one.low <= one.value <= one.high <= other.high


@pytest.mark.lengthy
@given(st.integers(1, 400), st.integers(1, 400))
def test_a_vaguer_input_never_narrows_a_break_evens_interval(near, further):
    narrow, wide = sorted((near, further))

    def interval(spread):
        fixed = Span(value=Decimal(500), low=Decimal(500 - spread), high=Decimal(500 + spread))
        own = CandidateSpec(key="own", technique="fine-tuning", stated=Stated(usd_per_month=fixed))
        api = CandidateSpec(key="api", technique="prompting", stated=Stated(usd_per_request="0.01"))
        found = break_even(priced(own), priced(api), count=200)
        return found.low, found.high

    (low, high), (lower, higher) = interval(narrow), interval(wide)
    assert lower <= low and high <= higher


@pytest.mark.lengthy
@given(specs("a", sure=True), specs("b", sure=True), volume)
def test_the_choice_changes_exactly_where_the_sensitivity_says(a, b, requests):
    models = [priced(a, requests), priced(b, requests)]
    chosen = choose(models, None)
    assert chosen is not None
    rival = next(model for model in models if model is not chosen)
    for flip in flips(models):
        aside = Decimal("1.0000001") if flip.rises else 1 / Decimal("1.0000001")
        beyond, short = {flip.input: flip.at * aside}, {flip.input: flip.at / aside}
        tiny = Decimal("1e-9") * (1 + total(chosen.monthly, {}))
        assert total(rival.monthly, beyond) <= total(chosen.monthly, beyond) + tiny
        assert total(chosen.monthly, short) <= total(rival.monthly, short) + tiny


@pytest.mark.lengthy
@given(specs("a"), specs("b"))
def test_no_amount_is_a_float(a, b):
    one, other = priced(a), priced(b)
    for amount in amounts([*one.monthly, *other.monthly]).values():
        assert isinstance(amount.span.value, Decimal)
    cost = cost_of(one)
    assert isinstance(cost.monthly.value, Decimal) and isinstance(cost.total.high, Decimal)


@given(money, money, money, money)
def test_payback_is_the_first_month_that_is_cheaper_in_total(once_a, month_a, once_b, month_b):
    def fixed(key, once, month):
        stated = Stated(usd_once=once, usd_per_month=month)
        return priced(CandidateSpec(key=key, technique="rag", stated=stated))

    later, now = fixed("a", once_a, month_a), fixed("b", once_b, month_b)
    month = payback_month(later, now)

    def ahead(m):
        return once_a + m * month_a <= once_b + m * month_b

    if month is None:
        assert not ahead(Decimal(10) ** 9) or month_a > month_b
    elif month > 0:
        assert ahead(month) and not ahead(month - 1)
    assert cents(Decimal("0.005")) == Decimal("0.01")
