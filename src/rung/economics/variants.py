"""The same candidate paid for in another way: prompt cache, batch, adapter apart or merged."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from rung.economics import tables
from rung.economics.amounts import ONE, ZERO, total
from rung.economics.model import CostModel, Workload, model_of
from rung.economics.pricing import PriceBook, TokenRates
from rung.economics.settings import ModelPrices
from rung.economics.spec import CandidateSpec
from rung.money import HOURS_PER_MONTH, SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Variant:
    """Another way to pay: what it costs all in, against the same month as it stands."""

    candidate: str
    way: str
    monthly_usd: Decimal
    now_usd: Decimal
    saves_usd: Decimal
    """Negative where it costs more."""
    note: str


def hit_rate(workload: Workload, lifetime_s: int) -> Decimal:
    """Share of requests that find the prefix cached: 1 - exp(-arrivals per lifetime).

    Arrivals are taken as even over the month and independent (Poisson); a prefix lives `lifetime_s`
    after its last use. Peaks hit more often, nights less.
    """
    per_second = workload.requests_per_month.value / (HOURS_PER_MONTH * SECONDS_PER_HOUR)
    return ONE - (-per_second * lifetime_s).exp()


def variants(model: CostModel, book: PriceBook) -> list[Variant]:
    """All the other ways that apply to this candidate."""
    ways = [
        _cached(model, book.on),
        _batched(model, book),
        *_adapters(model, book),
        _by_the_second(model),
    ]
    return [variant for variant in ways if variant is not None]


def _variant(model: CostModel, way: str, monthly: Decimal, note: str) -> Variant:
    now = total(model.monthly, {})
    return Variant(
        candidate=model.key,
        way=way,
        monthly_usd=monthly,
        now_usd=now,
        saves_usd=now - monthly,
        note=note,
    )


def _cached(model: CostModel, on: date) -> Variant | None:
    """The fixed prompt read from the provider's cache as often as the volume allows."""
    rates, already = model.rates, model.spec.tokens.cache_read
    given = model.spec.tokens.fixed_prompt
    if given is None or not given.value or rates is None or not rates.tokens:
        return None
    fixed = given.value
    if already is not None and already.value:
        return None  # What was read from the cache is in the bill as it stands.
    provider = model.spec.model.partition("/")[0]
    known = [row for row in tables.rows("caching") if row.id == provider]
    read = rates.tokens[0].cache_read
    if not known or read is None:
        return None
    rule = tables.find("caching", provider, on)
    way = "prompt cache"
    if fixed < rule.min_tokens:
        note = f"{fixed:f} fixed tokens are under the {rule.min_tokens} that are cached"
        return _variant(model, way, total(model.monthly, {}), note)
    rate = hit_rate(model.workload, rule.lifetime_s)
    saved = _saved_by_cache(fixed, rates.tokens[0], rate)
    volume = model.workload.requests_per_month.value
    share = f"{rate * 100:.1f} %"
    note = f"{share} of requests find the prefix within {rule.lifetime_s} s; {rule.as_source()}"
    return _variant(model, way, total(model.monthly, {}) - saved * volume, note)


def _saved_by_cache(fixed: Decimal, tier: TokenRates, rate: Decimal) -> Decimal:
    """USD per request: hits pay the read price, misses the write price where there is one."""
    read = tier.input if tier.cache_read is None else tier.cache_read
    write = tier.input if tier.cache_write is None else tier.cache_write
    paid = rate * read + (ONE - rate) * write
    return fixed * (tier.input - paid) / Decimal(1_000_000)


def _batched(model: CostModel, book: PriceBook) -> Variant | None:
    """All requests through the provider's batch interface, at its prices."""
    rates = model.rates
    if rates is None or not rates.batch or model.spec.also:  # a cascade waits for its answers
        return None
    spec = model.spec
    size = spec.tokens.input.value + (spec.tokens.context.value if spec.tokens.context else ZERO)
    tier = rates.tier(size, batch=True)
    prices = ModelPrices(
        input_usd_per_mtok=tier.input,
        output_usd_per_mtok=tier.output,
        cache_read_usd_per_mtok=tier.cache_read,
        cache_write_usd_per_mtok=tier.cache_write,
    )
    settings = book.settings
    settings = settings.model_copy(update={"models": {**settings.models, spec.model: prices}})
    batched = PriceBook(on=book.on, settings=settings, embedder=book.embedder)
    monthly = total(model_of(spec, model.workload, batched).monthly, {})
    return _variant(model, "batch", monthly, "answers within a day, not at once")


def _by_the_second(model: CostModel) -> Variant | None:
    """A machine that is paid while it computes, in place of one that stands there."""
    if model.spec.hosting is None or model.spec.hosting.tokens_per_second is not None:
        return None
    bare = replace(model, lines=tuple(replace(line, floor=None) for line in model.lines))
    if not any(line.floor and line.product.scale for line in model.lines):
        return None
    note = "machines that somebody else keeps busy meanwhile"
    return _variant(model, "by the second", total(bare.monthly, {}), note)


def _adapters(model: CostModel, book: PriceBook) -> list[Variant]:
    """An adapter merged into the weights, or apart on machines that others share."""
    own = model.spec.hosting
    if own is None or own.adapter == "none":
        return []
    other = "merged" if own.adapter == "unmerged" else "unmerged"
    if other == "unmerged" and own.unmerged_slowdown is None:
        return []
    spec = _with_adapter(model.spec, other)
    monthly = total(model_of(spec, model.workload, book).monthly, {})
    shared = f"shared by {own.shared_by:f}" if other == "unmerged" else "machines of its own"
    return [_variant(model, f"adapter {other}", monthly, shared)]


def _with_adapter(spec: CandidateSpec, adapter: str) -> CandidateSpec:
    assert spec.hosting is not None
    return spec.model_copy(update={"hosting": spec.hosting.model_copy(update={"adapter": adapter})})
