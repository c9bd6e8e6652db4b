"""What one answer costs: usage times the prices of a day.

Hosted models are priced by genai-prices, whose prices are dated; local models and no-llm by the
time they compute, at a machine's hourly price; a user's own endpoint by `[costs]`. A model without
a price is an error that names the key to set: a silent zero would decide money.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache, partial
from importlib.metadata import version
from typing import Any

from pydantic import Field

from rung.candidate import NO_LLM
from rung.economics import tables
from rung.economics.settings import (
    HOUR_PRICES,
    TOKEN_PRICES,
    CostSettings,
    ModelPrices,
)
from rung.economics.tables import Source
from rung.errors import UserError
from rung.models.vendors import vendor_of
from rung.money import MTOK, SECONDS_PER_HOUR, dec
from rung.records import Usage
from rung.task.types import Frozen

LOCAL = ("local/", NO_LLM)
PATHS = ("/", "./", "../", "~")
ENDPOINT = ("http://", "https://")
DEFAULT_MACHINE = "aws-m7g.large"
YOURS = "your [costs]"
NOT_PRICED = "not priced"
ZERO = Decimal(0)


class TokenRates(Frozen):
    """USD per 1M tokens, from so many input tokens of one request on (cliff tiers)."""

    over_input_tokens: int = 0
    input: Decimal = ZERO
    output: Decimal = ZERO
    cache_read: Decimal | None = None
    """None: read from the cache at the input price."""
    cache_write: Decimal | None = None

    def price(self, usage: Usage) -> Decimal:
        """USD. Cached tokens are part of `input_tokens` (genai-prices counts them so)."""
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        fresh = usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens
        return (
            self.input * fresh
            + read * usage.cache_read_tokens
            + write * usage.cache_write_tokens
            + self.output * usage.output_tokens
        ) / MTOK


class Rates(Frozen):
    """Everything that one model's answers are priced with, and where it comes from.

    Without tokens it is a model of one's own: a machine's hour is paid.
    """

    model: str
    tokens: tuple[TokenRates, ...] = ()
    """Ascending tiers; empty for models priced by machine time."""
    batch: tuple[TokenRates, ...] = ()
    """The provider's batch prices; empty where it has none."""
    machine_usd_per_hour: Decimal | None = None
    gpu_usd_per_hour: Decimal | None = None
    gpu_source: Source | None = None
    on_gpu: bool = False
    """A server of one's own whose hour is a GPU's; elsewhere the measured seconds tell."""
    source: Source

    @property
    def by_the_hour(self) -> bool:
        """A machine is paid, not tokens."""
        return not self.tokens

    def tier(self, input_tokens: Decimal, *, batch: bool = False) -> TokenRates:
        """The tier that a request with so many input tokens falls into."""
        tiers = self.batch if batch else self.tokens
        return [t for t in tiers if t.over_input_tokens == 0 or input_tokens > t.over_input_tokens][
            -1
        ]

    def price(self, usage: Usage) -> Decimal:
        """USD of one answer: tokens, plus compute time where the model is priced by it."""
        if usage.cache_read_tokens + usage.cache_write_tokens > usage.input_tokens:
            raise UserError(
                f"{self.model}: cached tokens exceed the {usage.input_tokens} input tokens; "
                "count cached tokens as part of the input."
            )
        total = ZERO
        if self.tokens:
            total += self.tier(Decimal(usage.input_tokens)).price(usage)
        elif self.machine_usd_per_hour is not None:
            total += self.machine_usd_per_hour * dec(usage.seconds) / SECONDS_PER_HOUR
        if usage.gpu_seconds and self.gpu_usd_per_hour is not None:
            total += self.gpu_usd_per_hour * dec(usage.gpu_seconds) / SECONDS_PER_HOUR
        return total


def runs_here(model: str) -> bool:
    """By its name: an embedded model, none at all, or the path of a folder or `.gguf` file."""
    return model.startswith((*LOCAL, *PATHS)) or model.lower().endswith(".gguf")


def rates_from(
    model: str, settings: CostSettings, on: date, machines: Collection[str] = ()
) -> Rates:
    """The rates of one model on one day; `machines` are further models of one's own.

    Raises `UserError` naming the key to set.
    """
    own = settings.models.get(model, ModelPrices())
    if runs_here(model) or model in machines:
        _refuse_idle(model, own, TOKEN_PRICES, "runs on a machine of your own: its hour is paid")
        return _local(model, settings, on)
    listed = None if model.startswith(ENDPOINT) else _listed(model, on)
    if listed is None:
        return _unlisted(model, settings, own, on)
    _refuse_idle(model, own, HOUR_PRICES, "is paid by the token")
    if all(getattr(own, name) is None for name in TOKEN_PRICES):
        return listed
    return listed.model_copy(
        update={
            "tokens": tuple(_overridden(tier, own) for tier in listed.tokens),
            "batch": (),
            "source": Source(what=f"{YOURS} over {listed.source}"),
        }
    )


def embedder_rates(name: str, settings: CostSettings, on: date) -> Rates:
    """What a hosted embedder's tokens cost: `[costs] embedding_usd_per_mtok`, the model's own
    price, or the list's. Raises `UserError` naming the key to set."""
    stated = settings.embedding_usd_per_mtok
    if stated is None:
        stated = settings.models.get(name, ModelPrices()).input_usd_per_mtok
    if stated is not None:
        return Rates(model=name, tokens=(TokenRates(input=stated),), source=Source(what=YOURS))
    listed = None if name.startswith(ENDPOINT) else _listed(name, on)
    if listed is None:
        raise UserError(
            f"{name} has no known price: look whether it is spelled right, else set [costs] "
            "embedding_usd_per_mtok, what it takes for 1M tokens (0 where nobody bills them)."
        )
    return listed


def _refuse_idle(model: str, own: ModelPrices, names: Iterable[str], why: str) -> None:
    """A price of one model that it is never billed by is told, not swallowed."""
    for name in names:
        if getattr(own, name) is not None:
            raise UserError(
                f'[costs.models."{model}"] {name} = {getattr(own, name):f} changes nothing: '
                f"{model} {why}; take it out."
            )


def _overridden(tier: TokenRates, own: ModelPrices) -> TokenRates:
    given = {
        "input": own.input_usd_per_mtok,
        "output": own.output_usd_per_mtok,
        "cache_read": own.cache_read_usd_per_mtok,
        "cache_write": own.cache_write_usd_per_mtok,
    }
    return tier.model_copy(update={k: v for k, v in given.items() if v is not None})


def _local(model: str, settings: CostSettings, on: date) -> Rates:
    hourly = settings.of(model, "machine_usd_per_hour")
    row = tables.find("machines", settings.machine or DEFAULT_MACHINE, on)
    source = row.as_source() if hourly is None else Source(what=f"{YOURS} machine_usd_per_hour")
    gpu_hourly = settings.of(model, "gpu_usd_per_hour")
    gpu_source = Source(what=f"{YOURS} gpu_usd_per_hour")
    if gpu_hourly is None:
        card = tables.gpu(settings.gpu, on) if settings.gpu else tables.dearest_gpu(on)
        gpu_hourly, gpu_source = card.usd, card.as_source()
    return Rates(
        model=model,
        machine_usd_per_hour=row.usd if hourly is None else hourly,
        gpu_usd_per_hour=gpu_hourly,
        gpu_source=gpu_source,
        source=source,
    )


def _unlisted(model: str, settings: CostSettings, own: ModelPrices, on: date) -> Rates:
    """An endpoint, or a model that the price library does not know: only `[costs]` can tell."""

    given = partial(settings.of, model)
    source = Source(what=YOURS)
    tokens_in, tokens_out = given("input_usd_per_mtok"), given("output_usd_per_mtok")
    if tokens_in is not None and tokens_out is not None:
        tier = TokenRates(
            input=tokens_in,
            output=tokens_out,
            cache_read=given("cache_read_usd_per_mtok"),
            cache_write=given("cache_write_usd_per_mtok"),
        )
        return Rates(model=model, tokens=(tier,), source=source)
    if model.startswith(ENDPOINT) or own != ModelPrices():
        gpu = given("gpu_usd_per_hour") is not None or settings.gpu is not None
        if gpu or given("machine_usd_per_hour") is not None or settings.machine is not None:
            rates = _local(model, settings, on)
            return rates.model_copy(update={"on_gpu": gpu})
    raise UserError(
        f"{model} has no known price: look whether it is spelled right, else set [costs] "
        f'input_usd_per_mtok and output_usd_per_mtok (or [costs.models."{model}"]); for a server '
        "of your own, machine_usd_per_hour or gpu_usd_per_hour, what its hour costs."
    )


@lru_cache(maxsize=256)
def _listed(model: str, on: date) -> Rates | None:
    """List prices of a hosted model from genai-prices on that day; None when it is unknown."""
    standard = _tiers(model, on, None)
    if standard is None:
        return None
    batch = _tiers(model, on, {"processing": "batch"})
    return Rates(
        model=model,
        tokens=standard,
        batch=batch if batch and batch != standard else (),
        source=_source_on(model, on),
    )


def _source_on(model: str, on: date) -> Source:
    """The price library; where it knows one price only, released long after `on`, it says so."""
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    source = library_source()
    if source.checked is None or source.checked - on <= tables.STALE_AFTER:
        return source
    provider, _, name = model.partition("/")
    known = calc_price(Counted(), name, provider_id=provider).model.prices
    if isinstance(known, list):
        return source
    what = f"{source.what}, in place of a price of {on}: no history is known for {model}"
    return source.model_copy(update={"what": what, "stands_in": True})


def _tiers(model: str, on: date, context: dict[str, str] | None) -> tuple[TokenRates, ...] | None:
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    vendor = vendor_of(model)
    listed = model.partition("/")[::2] if vendor is None else vendor[0].listed(vendor[1])
    if listed is None:
        return None
    provider, name = listed
    noon = datetime.combine(on, time(12), tzinfo=UTC)
    try:
        listed_price = calc_price(
            Counted(input_tokens=0, output_tokens=0),
            name,
            provider_id=provider,
            genai_request_timestamp=noon,
            price_context=context,
        ).model_price
    except LookupError:
        return None
    fields = ("input", "output", "cache_read", "cache_write")
    prices = {f: getattr(listed_price, f"{f}_mtok", None) for f in fields}
    if prices["input"] is None:
        return None
    starts = {t.start for p in prices.values() for t in getattr(p, "tiers", ())}
    return tuple(
        TokenRates(
            over_input_tokens=start,
            **{f: _at(p, start) for f, p in prices.items() if p is not None},
        )
        for start in sorted({0} | starts)
    )


def _at(price: Any, start: int) -> Decimal:
    """A price of the library (flat or tiered) for requests of more than `start` input tokens."""
    if isinstance(price, Decimal):
        return price
    chosen: Decimal = price.base
    for tier in price.tiers:
        if start >= tier.start and start > 0:
            chosen = tier.price
    return chosen


@lru_cache(maxsize=1)
def library_source() -> Source:
    """The price library that is installed, with the day of its release where we know it."""
    installed = version("genai-prices")
    known = [row for row in tables.rows("library") if row.id == installed]
    if known:
        return Source(
            what="list price, " + known[0].what, url=known[0].source, checked=known[0].checked
        )
    return Source(
        what=f"list price, genai-prices {installed}", url="https://github.com/pydantic/genai-prices"
    )


class PriceBook(Frozen):
    """The prices that a run used, kept with it: re-pricing makes a new book, never edits a run."""

    on: date
    rates: dict[str, Rates] = Field(default_factory=dict)
    """Of the models that were priced; others are looked up as of `on`."""
    settings: CostSettings = CostSettings()
    machines: tuple[str, ...] = ()
    """Models that run on a machine of one's own though their names do not tell."""
    embedder: str | None = None
    """The hosted embedder, which is paid by the tokens that it reads."""

    @classmethod
    def of(
        cls,
        models: Iterable[str],
        costs: Mapping[str, Any],
        on: date,
        *,
        machines: Collection[str] = (),
        free: Iterable[str] = (),
        embedder: str | None = None,
    ) -> PriceBook:
        """The rates of all `models` on one day, `free` ones at no price.

        Raises `UserError` for one without a price.
        """
        settings, own = CostSettings.read(costs), tuple(sorted(machines))
        rates = {m: rates_from(m, settings, on, own) for m in sorted(set(models))}
        if embedder is not None:
            rates[embedder] = embedder_rates(embedder, settings, on)
        nothing, source = (TokenRates(),), Source(what=NOT_PRICED)
        rates |= {m: Rates(model=m, tokens=nothing, source=source) for m in free}
        return cls(on=on, rates=rates, settings=settings, machines=own, embedder=embedder)

    def anew(self, costs: Mapping[str, Any], on: date) -> PriceBook:
        """A book for other `[costs]` or of another day: nothing that was kept is used again."""
        return PriceBook(
            on=on,
            settings=CostSettings.read(costs),
            machines=self.machines,
            embedder=self.embedder,
        )

    def of_model(self, model: str) -> Rates:
        """The rates that were kept, or those of the book's day."""
        kept = self.rates.get(model)
        if kept is None and model == self.embedder:
            return embedder_rates(model, self.settings, self.on)
        return kept or rates_from(model, self.settings, self.on, self.machines)

    def price(self, usage: Usage, model: str) -> Decimal:
        """USD of one answer at the prices of this book."""
        if model not in self.rates:
            raise UserError(f"{model!r} is not in the price book of {self.on}; price it anew.")
        return self.rates[model].price(usage)

    def sources(self) -> tuple[Source, ...]:
        """Where the prices come from, without repeats."""
        seen: dict[str, Source] = {}
        for rates in self.rates.values():
            for source in (rates.source, rates.gpu_source if rates.gpu_usd_per_hour else None):
                if source is not None:
                    seen.setdefault(str(source), source)
        return tuple(seen.values())

    def stale(self) -> tuple[Source, ...]:
        """Sources older than 90 days on the day of the book."""
        return tuple(source for source in self.sources() if source.stale(self.on))
