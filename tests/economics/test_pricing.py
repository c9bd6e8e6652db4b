from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage as Counted
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from rung.economics.pricing import PriceBook, rates_from
from rung.economics.settings import CostSettings
from rung.errors import UserError
from rung.money import dec
from rung.records import Usage

ON = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
counts = st.integers(0, 400_000)


def price_of(usage, model, costs, on):
    return rates_from(model, CostSettings.read(costs), on).price(usage)


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("openai/gpt-4o-mini", "openai", "gpt-4o-mini"),
        ("openai/gpt-4o", "openai", "gpt-4o"),
        ("anthropic/claude-haiku-4-5", "anthropic", "claude-haiku-4-5"),
        ("gemini/gemini-2.5-flash", "google", "gemini-2.5-flash"),
        ("gemini/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("openai/ft:gpt-4o-mini-2024-07-18:us", "openai", "ft:gpt-4o-mini-2024-07-18:us"),
    ],
)
@given(fresh=counts, read=counts, out=counts)
def test_hosted_models_cost_what_the_price_library_says(model, provider, name, fresh, read, out):
    usage = Usage(input_tokens=fresh + read, output_tokens=out, cache_read_tokens=read)
    theirs = calc_price(
        Counted(input_tokens=fresh + read, output_tokens=out, cache_read_tokens=read),
        name,
        provider_id=provider,
        genai_request_timestamp=NOON,
    ).total_price
    assert price_of(usage, model, {}, ON) == theirs


def test_local_models_cost_their_seconds_on_the_machine():
    usage = Usage(input_tokens=900, output_tokens=30, seconds=1.5)
    for model in ("local/smollm2-135m-instruct", "no-llm/nearest"):
        assert price_of(usage, model, {}, ON) == Decimal("0.0816") * Decimal("1.5") / 3600
        own = {"machine_usd_per_hour": 0.36}
        assert price_of(usage, model, own, ON) == Decimal("0.00015")


def test_gpu_seconds_are_never_free():
    usage = Usage(gpu_seconds=3600)
    assert price_of(usage, "local/x", {}, ON) == Decimal("6.98")
    assert price_of(usage, "local/x", {"gpu": "h100"}, ON) == Decimal("3.99")
    assert price_of(usage, "local/x", {"gpu": "runpod-h200"}, ON) == Decimal("4.59")
    assert price_of(usage, "local/x", {"gpu_usd_per_hour": "1.25"}, ON) == Decimal("1.25")


def test_an_endpoint_is_priced_by_the_users_own_figures_or_not_at_all():
    model = "http://localhost:8000/v1#llama"
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    costs = {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.2}
    assert price_of(usage, model, costs, ON) == Decimal("0.3")
    with pytest.raises(UserError, match="input_usd_per_mtok"):
        price_of(usage, model, {}, ON)
    # The hour of a server of one's own is paid whatever it answers: no price an answer.
    assert price_of(usage, model, {"machine_usd_per_hour": 2}, ON) == 0
    assert rates_from(model, CostSettings.read({"gpu": "l40s"}), ON).on_gpu


def test_flat_token_prices_do_not_touch_a_listed_model():
    usage = Usage(input_tokens=1_000_000)
    assert price_of(usage, "openai/gpt-4o", {"input_usd_per_mtok": 9}, ON) == Decimal("2.5")
    mine = {"models": {"openai/gpt-4o": {"input_usd_per_mtok": 2}}}
    assert price_of(usage, "openai/gpt-4o", mine, ON) == Decimal(2)


def test_a_model_without_a_price_names_the_key_to_set():
    with pytest.raises(UserError, match=r'\[costs.models."openai/gpt-nine"\]'):
        price_of(Usage(), "openai/gpt-nine", {}, ON)


@pytest.mark.parametrize(
    ("costs", "says"),
    [
        ({"machine_usd_per_hours": 1}, "did you mean 'machine_usd_per_hour'"),
        ({"machine_usd_per_hour": -1}, "machine_usd_per_hour = -1"),
        ({"machine_usd_per_hour": "dear"}, "'dear'"),
        ({"machine_usd_per_hour": True}, "True"),
        ({"gpu": "h101"}, "No row 'h101'"),
        ({"machine": "aws-m7g.larg"}, "did you mean 'aws-m7g.large'"),
    ],
)
def test_wrong_costs_are_refused_with_the_value_seen(costs, says):
    with pytest.raises(UserError, match=says):
        rates_from("local/x", CostSettings.read(costs), ON)


def test_cached_tokens_beyond_the_input_are_impossible():
    with pytest.raises(UserError, match="exceed"):
        price_of(Usage(input_tokens=1, cache_read_tokens=2), "openai/gpt-4o", {}, ON)


def test_a_float_enters_as_it_was_written():
    assert dec(0.1) == Decimal("0.1")
    assert dec(1e-7) == Decimal("0.0000001")


def test_a_price_book_keeps_its_prices_through_json():
    models = ["openai/gpt-4o-mini", "local/smollm2-135m-instruct"]
    book = PriceBook.of(models, {"machine_usd_per_hour": 0.1}, ON)
    again = PriceBook.model_validate_json(book.model_dump_json())
    assert again == book
    usage = Usage(input_tokens=100, output_tokens=7, seconds=0.3)
    for model in models:
        assert again.price(usage, model) == book.price(usage, model)
    with pytest.raises(UserError, match="not in the price book"):
        book.price(usage, "openai/gpt-4o")
    assert any("genai-prices" in str(source) for source in book.sources())


def test_a_price_older_than_ninety_days_is_said_so():
    book = PriceBook.of(["local/x"], {"gpu": "runpod-h200"}, ON)
    assert [source.what for source in book.stale()] == [
        "AWS EC2 m7g.large, 2 vCPU, 8 GB, Linux, us-east-1, on demand"
    ]
    assert PriceBook.of(["local/x"], {"machine_usd_per_hour": 1, "gpu": "h100"}, ON).stale() == ()


@given(
    a=st.builds(Usage, input_tokens=counts, output_tokens=counts, seconds=st.floats(0, 1e4)),
    b=st.builds(Usage, input_tokens=counts, output_tokens=counts, seconds=st.floats(0, 1e4)),
)
def test_cost_is_additive_in_usage(a, b):
    tokens = rates_from("openai/gpt-4o-mini", CostSettings.read({}), ON)
    assert tokens.price(a) + tokens.price(b) == tokens.price(a + b)
    hours = rates_from("local/x", CostSettings.read({}), ON)
    apart, together = hours.price(a) + hours.price(b), hours.price(a + b)
    assert abs(apart - together) <= Decimal("1e-12")
