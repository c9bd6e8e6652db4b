"""A scenario with some of its inputs changed: what the sliders of a cost page turn. Pure."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

from rung.economics.pricing import PriceBook, Rates, TokenRates
from rung.economics.scenario import Scenario
from rung.economics.spec import CandidateSpec
from rung.money import given
from rung.task.types import Frozen

Factor = Annotated[Decimal, BeforeValidator(given), Field(ge=Decimal("0.001"), le=1000)]
ONE = Decimal(1)


class WhatIf(Frozen):
    """What is changed; None and a factor of 1 leave the scenario as it is."""

    requests_per_month: (
        Annotated[Decimal, BeforeValidator(given), Field(ge=1, le=10**10)] | None
    ) = None
    months: Annotated[Decimal, BeforeValidator(given), Field(ge=1, le=600)] | None = None
    target: Annotated[Decimal, BeforeValidator(given), Field(ge=0, le=1)] | None = None
    call_price: Factor = ONE
    """Times what every call costs: tokens, and hours of machines."""
    setup: Factor = ONE
    """Times what is stated, or assumed, as paid once."""


def what_if(scenario: Scenario, changed: WhatIf, book: PriceBook) -> Scenario:
    """The scenario with other inputs, priced from `book`."""
    volume = dict(scenario.workload)
    if changed.requests_per_month is not None:
        volume |= {"requests_per_month": changed.requests_per_month, "requests_per_day": None}
    if changed.months is not None:
        volume["months"] = changed.months
    target = scenario.target_score if changed.target is None else changed.target
    candidates = tuple(_spec(spec, changed.setup) for spec in scenario.candidates)
    return Scenario.model_validate(
        {
            **dict(scenario),
            "workload": volume,
            "target_score": target,
            "candidates": candidates,
            "prices": _book(book, _models(candidates), changed.call_price),
        }
    )


def _models(candidates: Iterable[CandidateSpec]) -> set[str]:
    return {m for spec in candidates for m in (spec.model, *(other.model for other in spec.also))}


def _spec(spec: CandidateSpec, factor: Decimal) -> CandidateSpec:
    once = {
        name: part.scaled(factor)
        for name in ("usd_once", "usd_assumed")
        if (part := getattr(spec.stated, name)) is not None
    }
    if not once or factor == ONE:
        return spec
    return spec.model_copy(update={"stated": spec.stated.model_copy(update=once)})


def _book(book: PriceBook, models: set[str], factor: Decimal) -> PriceBook:
    if factor == ONE:
        return book
    rates = {model: _rates(book.of_model(model), factor) for model in models if model}
    return book.model_copy(update={"rates": {**book.rates, **rates}})


def _rates(rates: Rates, factor: Decimal) -> Rates:
    machine, gpu = rates.machine_usd_per_hour, rates.gpu_usd_per_hour
    return rates.model_copy(
        update={
            "tokens": tuple(_tier(tier, factor) for tier in rates.tokens),
            "batch": tuple(_tier(tier, factor) for tier in rates.batch),
            "machine_usd_per_hour": None if machine is None else machine * factor,
            "gpu_usd_per_hour": None if gpu is None else gpu * factor,
        }
    )


def _tier(tier: TokenRates, factor: Decimal) -> TokenRates:
    read, write = tier.cache_read, tier.cache_write
    return tier.model_copy(
        update={
            "input": tier.input * factor,
            "output": tier.output * factor,
            "cache_read": None if read is None else read * factor,
            "cache_write": None if write is None else write * factor,
        }
    )
