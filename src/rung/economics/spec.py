"""What is known of a candidate's cost before it is priced, from a scenario file or from a run."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from rung.candidate import NO_LLM, Technique
from rung.economics.amounts import Span
from rung.economics.money import dec
from rung.economics.pricing import PriceBook
from rung.economics.settings import CostSettings
from rung.economics.setup import READS, TUNED, assumed_setup
from rung.records import Usage
from rung.task.types import Frozen

Figure = Annotated[Decimal, BeforeValidator(dec)]


class Score(Frozen):
    """A measured score in [0, 1] with its interval."""

    value: Figure
    low: Figure | None = None
    high: Figure | None = None
    n: int | None = None
    graded: bool = False
    """Partly right answers: "per correct answer" has no meaning."""
    certified: Figure | None = None
    """Highest target that a climb certified: where it is known it says what is good enough."""


class AlsoAsked(Frozen):
    """A further model of a cascade: a fallback, or a model before the candidate's own."""

    model: str
    usage: Usage
    """Sum over `requests`."""
    requests: int = Field(ge=1)
    """Requests in which it was asked."""


class CandidateUsage(Frozen):
    """One candidate of a run, as the economics needs it. Usage is the sum over `requests`."""

    key: str
    technique: Technique
    model: str
    usage: Usage
    """Sum over the answered requests (or a mean, with `requests = 1`); cached calls counted too."""
    requests: int = Field(default=1, ge=1)
    also: tuple[AlsoAsked, ...] = ()
    """Further models with their own usage, which is no part of `usage`."""
    input_tokens_sd: float | None = None
    """Standard deviation between requests: gives the mean its 95 % interval."""
    output_tokens_sd: float | None = None
    seconds_sd: float | None = None
    fixed_prompt_tokens: int = 0
    """Leading tokens that are the same in every request: what a prompt cache can keep."""
    context_tokens: float = 0
    """Mean tokens of retrieved or full context; part of the input tokens."""
    score: float | None = None
    score_low: float | None = None
    score_high: float | None = None
    certified: float | None = None
    graded: bool = False
    """Some answers are partly right."""
    n: int | None = None
    latency_p95_s: float | None = None
    retrieval_ms: float | None = None
    rerank_ms: float | None = None
    train_tokens: int = 0
    """Tokens of the training set times epochs."""
    train_seconds: float = 0
    """Compute seconds of training on this machine."""
    train_usd: float | None = None
    """What a provider's training cost, where it is known."""
    train_gpu_seconds: float = 0
    train_examples: int = 0
    unmerged_slowdown: float | None = None
    """Measured time of an answer with the adapter apart over one with it merged."""
    setup_usd: float = 0
    """Assumed once (`SETUP_USD`); what `[costs]` states takes its place."""
    corpus_tokens: int = 0
    query_tokens: float = 0
    """Mean tokens of a request that a hosted embedder reads for the search."""


class Tokens(Frozen):
    """Per request. `context` comes on top of `input`; cached tokens are part of the two."""

    input: Span = Span(value=Decimal(0), low=Decimal(0), high=Decimal(0))
    context: Span | None = None
    output: Span = Span(value=Decimal(0), low=Decimal(0), high=Decimal(0))
    cache_read: Span | None = None
    cache_write: Span | None = None
    fixed_prompt: Span | None = None
    """Part of `input` that every request repeats: priced with and without prompt caching."""


class TokenPrices(Frozen):
    """Stated prices, USD per 1M tokens, in place of list prices."""

    input: Span
    output: Span


class Retrieval(Frozen):
    """The parts of RAG beside its context tokens."""

    query_tokens: Span | None = None
    embedding: str | None = None
    """A listed embedding model, such as `openai/text-embedding-3-small`."""
    embedding_usd_per_mtok: Span | None = None
    store: str | None = None
    """A row of the vector store table."""
    store_usd_per_month: Span | None = None
    rerank: str | None = None
    """A row of the rerank table."""
    rerank_usd_per_1k: Span | None = None
    corpus_tokens: Span | None = None
    changed_per_month: Span | None = None
    """Share of the corpus that is embedded anew each month."""
    retrieval_ms: Span | None = None
    rerank_ms: Span | None = None


class Hosting(Frozen):
    """Machines of one's own. Replicas follow the load and never fall below `min_replicas`.

    Without `tokens_per_second` the load is the seconds measured, the hour that of the model.
    """

    usd_per_hour: Span | None = None
    gpu: str | None = None
    machine: str | None = None
    tokens_per_second: Span | None = None
    """Measured on the hardware named: input and output tokens of all requests together."""
    utilisation: Span = Span(value=Decimal("0.5"), low=Decimal("0.5"), high=Decimal("0.5"))
    """Share of the hours paid for that do work: peaks and nights are paid too."""
    min_replicas: Figure = Decimal(1)
    """2 where one machine may fail."""
    adapter: Literal["none", "merged", "unmerged"] = "none"
    unmerged_slowdown: Span | None = None
    """Measured time of a request with the adapter apart over merged, at least 1."""
    shared_by: Figure = Decimal(1)
    """Adapters that share the base model's machines; only unmerged ones can."""


class Training(Frozen):
    """One training run."""

    tokens: Span | None = None
    """Tokens of the set times epochs."""
    usd_per_mtok: Span | None = None
    table: str | None = None
    """A row of the hosted tuning table."""
    gpu_hours: Span | None = None
    gpu: str | None = None
    machine_hours: Span | None = None
    usd: Span | None = None
    """Stated price of a run."""


class Labour(Frozen):
    """Hours of people, once and every month."""

    usd_per_hour: Span | None = None
    curation_hours: Span | None = None
    setup_hours: Span | None = None
    integration_hours: Span | None = None
    examples: Span | None = None
    usd_per_example: Span | None = None
    labelling: str | None = None
    """A row of the labelling table."""
    maintenance_hours_per_month: Span | None = None
    retrain_hours: Span | None = None
    """Of people, for each retraining."""


class Recurring(Frozen):
    """What comes back every month."""

    infrastructure_usd_per_month: Span | None = None
    machine: str | None = None
    """A row of the machine table that is always on (an ingestion worker)."""
    retrains_per_month: Span | None = None
    evaluations_per_month: Span | None = None
    evaluation_size: Span | None = None


class Stated(Frozen):
    """Totals that a document gives without their parts."""

    usd_per_request: Span | None = None
    usd_per_month: Span | None = None
    usd_once: Span | None = None
    usd_assumed: Span | None = None
    """Once, where nobody states it."""


class Also(Frozen):
    """A further model of a candidate: what a request to it takes, and how often one is made."""

    model: str
    share: Span
    """Of the requests in which it is asked."""
    tokens: Tokens = Tokens()
    seconds: Span | None = None
    gpu_seconds: Span | None = None
    hosting: Hosting | None = None


class CandidateSpec(Frozen):
    """Everything known of one candidate's cost."""

    key: str
    technique: Technique
    model: str = ""
    tokens: Tokens = Tokens()
    seconds: Span | None = None
    gpu_seconds: Span | None = None
    prices: TokenPrices | None = None
    also: tuple[Also, ...] = ()
    """Further models of a cascade, each at its own price."""
    retrieval: Retrieval = Retrieval()
    hosting: Hosting | None = None
    training: Training = Training()
    labour: Labour = Labour()
    recurring: Recurring = Recurring()
    stated: Stated = Stated()
    score: Score | None = None
    latency_p95_s: Figure | None = None
    answer_ms: Span | None = None
    """Time of the bare answer, to which retrieval and reranking add."""
    build_weeks: Span | None = None
    measured: str = ""
    """How the figures were measured; empty: stated in a scenario."""


def spec_of(found: CandidateUsage, book: PriceBook) -> CandidateSpec:
    """A measured (or expected) candidate with the one-time and recurring figures of `[costs]`."""
    n, settings = found.requests, book.settings
    tuned, reads = found.technique in TUNED, found.technique in READS
    hosting = _hosting(found, book, tuned=tuned)
    assumed = min(dec(found.setup_usd), assumed_setup(found.technique, settings))
    context = _mean(found.context_tokens * n, n, None)
    input_tokens = _mean(found.usage.input_tokens, n, found.input_tokens_sd)
    own = min(context.value, input_tokens.low)
    tokens = Tokens(
        input=Span(
            value=input_tokens.value - own,
            low=input_tokens.low - own,
            high=input_tokens.high - own,
        ),
        context=Span(value=own, low=own, high=own) if own else None,
        output=_mean(found.usage.output_tokens, n, found.output_tokens_sd),
        cache_read=_mean(found.usage.cache_read_tokens, n, None),
        cache_write=_mean(found.usage.cache_write_tokens, n, None),
        fixed_prompt=_mean(found.fixed_prompt_tokens, 1, None),
    )
    return CandidateSpec(
        key=found.key,
        technique=found.technique,
        model=found.model,
        tokens=tokens,
        seconds=_mean(found.usage.seconds, n, found.seconds_sd),
        gpu_seconds=_mean(found.usage.gpu_seconds, n, None),
        also=tuple(_also(found, other, book, beside=hosting) for other in found.also),
        hosting=hosting,
        retrieval=_retrieval(found, settings) if reads else Retrieval(),
        training=_training(found, settings) if tuned else Training(),
        labour=_labour(found, settings, tuned=tuned, reads=reads),
        recurring=Recurring(
            infrastructure_usd_per_month=settings.infrastructure_usd_per_month,
            retrains_per_month=settings.retrains_per_month if tuned else None,
            evaluations_per_month=settings.evaluations_per_month,
            evaluation_size=settings.evaluation_size,
        ),
        stated=Stated(usd_assumed=assumed or None),
        score=_score(found),
        latency_p95_s=found.latency_p95_s,
        measured=f"measured over {n} answers" if n > 1 else "measured",
    )


def _also(
    found: CandidateUsage, other: AlsoAsked, book: PriceBook, *, beside: Hosting | None
) -> Also:
    """A further model; one of one's own answers on the machine that is there already."""
    n, share = other.requests, other.requests / found.requests
    alone = CandidateUsage(
        key=found.key,
        technique=found.technique,
        model=other.model,
        usage=other.usage,
        requests=n,
    )
    return Also(
        model=other.model,
        share=_mean(n, found.requests, math.sqrt(share * (1 - share))),
        tokens=Tokens(
            input=_mean(other.usage.input_tokens, n, None),
            output=_mean(other.usage.output_tokens, n, None),
            cache_read=_mean(other.usage.cache_read_tokens, n, None),
            cache_write=_mean(other.usage.cache_write_tokens, n, None),
        ),
        seconds=_mean(other.usage.seconds, n, None),
        gpu_seconds=_mean(other.usage.gpu_seconds, n, None),
        hosting=_hosting(alone, book, tuned=False, shares=beside is not None),
    )


def _score(found: CandidateUsage) -> Score | None:
    if found.score is None:
        return None
    return Score(
        value=found.score,
        low=found.score_low,
        high=found.score_high,
        n=found.n,
        graded=found.graded,
        certified=found.certified,
    )


def _mean(total: float, n: int, sd: float | None) -> Span:
    """The mean with its 95 % normal interval where the spread between requests is known."""
    mean = dec(total) / n
    margin = dec(1.96 * sd / math.sqrt(n)) if sd else Decimal(0)
    return Span(value=mean, low=max(Decimal(0), mean - margin), high=mean + margin)


def _hosting(
    found: CandidateUsage, book: PriceBook, *, tuned: bool, shares: bool = False
) -> Hosting | None:
    """The machine that must stand there for a language model of one's own.

    None where tokens are bought, where no language model is asked (its seconds are those of the
    machine that asks), and where `[costs] min_replicas = 0` says that only seconds are paid.
    """
    settings = book.settings
    if found.model.startswith(NO_LLM) or not book.of_model(found.model).by_the_hour:
        return None
    replicas = Decimal(1) if settings.min_replicas is None else settings.min_replicas
    if replicas == 0 and settings.utilisation is None:
        return None
    slowdown, shared = found.unmerged_slowdown, settings.adapters_per_machine
    apart = tuned and slowdown is not None and shared is not None
    return Hosting(
        utilisation=Decimal(1) if settings.utilisation is None else settings.utilisation,
        min_replicas=Decimal(0) if shares else replicas,
        adapter=("unmerged" if apart else "merged") if tuned else "none",
        unmerged_slowdown=slowdown,
        shared_by=Decimal(1) if shared is None else shared,
    )


def _retrieval(found: CandidateUsage, settings: CostSettings) -> Retrieval:
    return Retrieval(
        embedding_usd_per_mtok=settings.embedding_usd_per_mtok,
        query_tokens=found.query_tokens or None,
        store_usd_per_month=settings.store_usd_per_month,
        rerank_usd_per_1k=settings.rerank_usd_per_1k,
        corpus_tokens=found.corpus_tokens or None,
        retrieval_ms=found.retrieval_ms,
        rerank_ms=found.rerank_ms,
    )


def _training(found: CandidateUsage, settings: CostSettings) -> Training:
    if found.train_usd is not None:
        return Training(usd=dec(found.train_usd))
    hosted = settings.training_usd_per_mtok
    return Training(
        tokens=found.train_tokens if hosted is not None else None,
        usd_per_mtok=hosted,
        machine_hours=dec(found.train_seconds) / 3600 if hosted is None else None,
        gpu_hours=dec(found.train_gpu_seconds) / 3600 if found.train_gpu_seconds else None,
        gpu=settings.gpu,
    )


def _labour(found: CandidateUsage, settings: CostSettings, *, tuned: bool, reads: bool) -> Labour:
    return Labour(
        usd_per_hour=settings.labour_usd_per_hour,
        curation_hours=settings.curation_hours if tuned else None,
        setup_hours=settings.setup_hours,
        integration_hours=settings.rag_setup_hours if reads else None,
        examples=found.train_examples if tuned and settings.labelling_usd_per_example else None,
        usd_per_example=settings.labelling_usd_per_example if tuned else None,
        maintenance_hours_per_month=settings.maintenance_hours_per_month,
        retrain_hours=settings.retrain_hours if tuned else None,
    )
