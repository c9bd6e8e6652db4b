"""Keys of `[costs]` that nothing is paid by: each is told with when it counts, not swallowed."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from rung.candidate import NO_LLM
from rung.economics import tables
from rung.economics.model import Workload, model_of_usage
from rung.economics.pricing import NOT_PRICED, PriceBook
from rung.economics.settings import TOKEN_PRICES, CostSettings
from rung.economics.setup import TUNED
from rung.economics.spec import CandidateUsage
from rung.errors import UserError
from rung.records import Usage
from rung.task.wording import did_you_mean

COUNTS_WHERE: dict[str, tuple[str, ...]] = {
    'a model has no list price ([costs.models."NAME"] overrides one)': TOKEN_PRICES,
    "a CPU of your own computes, at no machine_usd_per_hour": ("machine",),
    "a CPU of your own computes": ("machine_usd_per_hour",),
    "a GPU of your own answers or trains, at no gpu_usd_per_hour": ("gpu",),
    "a GPU of your own answers or trains": ("gpu_usd_per_hour",),
    "a language model runs on a machine of your own": ("min_replicas", "utilisation"),
    "a tuned model's adapter was measured apart": ("adapters_per_machine",),
    "a server of your own answers, or a deployment": ("tokens_per_second",),
    "a provider serves a model that it tuned": ("deployment_usd_per_hour",),
    "a model is tuned": ("training_usd_per_mtok", "curation_hours", "labelling_usd_per_example",
                         "retrains_per_month"),
    "a model is tuned anew (retrains_per_month)": ("retrain_hours",),
    "documents are searched": ("store_usd_per_month", "rerank_usd_per_1k", "rag_setup_hours"),
    "an embedder of an endpoint is paid by the token": ("embedding_usd_per_mtok",),
    "evaluations_per_month is set": ("evaluation_size",),
    "hours of people are paid": ("labour_usd_per_hour",),
}  # fmt: skip
"""By when they count: all keys but those that every candidate pays."""
_WHEN = {key: when for when, keys in COUNTS_WHERE.items() for key in keys}
_ONE = Workload.of(1, 1)
_TOKENS = {"input_tokens": 9, "output_tokens": 9, "cache_read_tokens": 1, "cache_write_tokens": 1}


def idle(usages: Sequence[CandidateUsage], book: PriceBook) -> list[str]:
    """What `[costs]` says that changes no bill of these candidates, whatever they will use."""
    asked = [name for name in book.rates if not name.startswith(NO_LLM)]
    sentences = [
        f'[costs.models."{name}"] changes nothing: no such model is asked; '
        f"{did_you_mean(name, asked)}"
        for name in book.settings.models
        if name not in book.rates
    ]
    if not usages or any(rates.source.what == NOT_PRICED for rates in book.rates.values()):
        return sentences
    paid = _bills(usages, book, book.settings)
    by_reason: dict[tuple[str, str], list[str]] = {}
    for section, key, others in _each_otherwise(book):
        if all(_bills(usages, book, other) == paid for other in others):
            by_reason.setdefault((section, _WHEN[key]), []).append(key)
    return [*sentences, *(
        f"[{section}] {', '.join(keys)}: no candidate here is paid by this; it counts where {when}."
        for (section, when), keys in by_reason.items()
    )]  # fmt: skip


def _each_otherwise(book: PriceBook) -> Iterator[tuple[str, str, list[CostSettings]]]:
    """Every key that is set and may do nothing, its section first: settings with another value of
    it, and without it."""
    settings = book.settings
    for key in (name for name in _WHEN if name in settings.model_fields_set):
        yield "costs", key, _otherwise(settings, key)
    for name, prices in settings.models.items():
        for key in (key for key in _WHEN if key in prices.model_fields_set and name in book.rates):
            others = [{**settings.models, name: other} for other in _otherwise(prices, key)]
            section = f'costs.models."{name}"'
            yield section, key, [settings.model_copy(update={"models": o}) for o in others]


def _otherwise(prices: Any, key: str) -> list[Any]:
    value = getattr(prices, key)
    if key in ("machine", "gpu"):
        other: Any = next(row.id for row in tables.rows(f"{key}s") if row.id != value)
    else:
        other = value / 2 if value else Decimal(1)
    left_out = type(prices).model_fields[key].default
    return [prices.model_copy(update={key: changed}) for changed in (other, left_out)]


def _bills(
    usages: Sequence[CandidateUsage], priced: PriceBook, settings: CostSettings
) -> list[Any]:
    """The lines of every bill; and the rates of what is asked beside candidates, as a judge is."""
    book = priced.model_copy(update={"rates": {}, "settings": settings})
    mine = {u.model for u in usages} | {other.model for u in usages for other in u.also}
    beside = [name for name in priced.rates if name not in mine and not name.startswith(NO_LLM)]
    bills = [partial(_lines, one, book) for usage in usages for one in _whatever_it_uses(usage)]
    return [_or_why_not(bill) for bill in (*bills, *(partial(book.of_model, m) for m in beside))]


def _lines(usage: CandidateUsage, book: PriceBook) -> Any:
    return model_of_usage(usage, _ONE, book).lines


def _or_why_not(bill: Callable[[], Any]) -> Any:
    """What is missing without a key is a difference, too."""
    try:
        return bill()
    except UserError as error:
        return str(error)


def _whatever_it_uses(usage: CandidateUsage) -> Iterator[CandidateUsage]:
    """A request of every kind of token and, of what may run here, on a CPU and on a GPU."""
    kinds = [{"seconds": 1.0}]
    if not usage.model.startswith(NO_LLM):
        kinds = [{**_TOKENS, **kind} for kind in ({}, *kinds, {"seconds": 1.0, "gpu_seconds": 1.0})]
    tuned, here = usage.technique in TUNED, usage.train_seconds > 0
    for kind in kinds:
        asked = {"usage": Usage(**kind), "requests": 1}
        yield usage.model_copy(
            update={
                **asked,
                "also": tuple(other.model_copy(update=asked) for other in usage.also),
                "train_tokens": 9 * tuned,
                "train_seconds": 1 * here,
                "train_gpu_seconds": 1 * (here and "gpu_seconds" in kind),
                "train_examples": 1 * tuned,
                "train_usd": None,
            }
        )
