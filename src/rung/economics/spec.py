"""What is known of a candidate's cost before it is priced: usage, hosting, labour, as plain data.

The same shape comes from a scenario file (figures that somebody states) and from a run (figures
that were measured): `CandidateUsage` is what a run knows.
"""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from rung.candidate import Technique
from rung.economics import tables
from rung.economics.amounts import Span
from rung.economics.money import dec
from rung.economics.pricing import DEFAULT_MACHINE, LOCAL
from rung.economics.settings import CostSettings
from rung.records import Usage
from rung.task.types import Frozen

Figure = Annotated[Decimal, BeforeValidator(dec)]


class Score(Frozen):
    """A measured score in [0, 1] with its interval."""

    value: Figure
    low: Figure | None = None
    high: Figure | None = None
    n: int | None = None
    certified: Figure | None = None
    """Highest target that a climb certified. Where it is known it says what is good enough, as it
    does in the verdict: the interval holds for one candidate, looked at once."""


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
    n: int | None = None
    latency_p95_s: float | None = None
    retrieval_ms: float | None = None
    rerank_ms: float | None = None
    train_tokens: int = 0
    """Tokens of the training set times epochs."""
    train_seconds: float = 0
    train_usd: float | None = None
    """What a provider's training cost, where it is known."""
    """Compute seconds of training on this machine."""
    train_gpu_seconds: float = 0
    train_examples: int = 0
    unmerged_slowdown: float | None = None
    """Measured time of an answer with the adapter apart over one with it merged."""
    setup_usd: float = 0
    """Assumed once, where `[costs]` states no hours: the ladder's prior by technique."""
    corpus_tokens: int = 0
    query_tokens: float = 0
    """Mean tokens of a request that a hosted embedder reads for the search."""


class Tokens(Frozen):
    """Per request. `context` comes on top of `input`; `cache_read` is part of `input`."""

    input: Span = Span(value=Decimal(0), low=Decimal(0), high=Decimal(0))
    context: Span | None = None
    output: Span = Span(value=Decimal(0), low=Decimal(0), high=Decimal(0))
    cache_read: Span | None = None
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
    """Machines of one's own. Replicas follow the load and never fall below `min_replicas`."""

    usd_per_hour: Span | None = None
    gpu: str | None = None
    machine: str | None = None
    tokens_per_second: Span
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


def spec_of(found: CandidateUsage, settings: CostSettings) -> CandidateSpec:
    """A measured candidate with the one-time and recurring figures of `[costs]`."""
    n = found.requests
    tuned = found.technique in ("fine-tuning", "hybrid")
    reads = found.technique in ("rag", "hybrid")
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
        fixed_prompt=_mean(found.fixed_prompt_tokens, 1, None),
    )
    return CandidateSpec(
        key=found.key,
        technique=found.technique,
        model=found.model,
        tokens=tokens,
        seconds=_mean(found.usage.seconds, n, found.seconds_sd),
        gpu_seconds=_mean(found.usage.gpu_seconds, n, None),
        also=tuple(_also(found, other, settings) for other in found.also),
        hosting=_hosting(found, settings, tuned=tuned),
        retrieval=_retrieval(found, settings) if reads else Retrieval(),
        training=_training(found, settings) if tuned else Training(),
        labour=_labour(found, settings, tuned=tuned, reads=reads),
        recurring=Recurring(
            infrastructure_usd_per_month=settings.infrastructure_usd_per_month,
            retrains_per_month=settings.retrains_per_month if tuned else None,
            evaluations_per_month=settings.evaluations_per_month,
            evaluation_size=settings.evaluation_size,
        ),
        stated=Stated(usd_once=dec(found.setup_usd) if found.setup_usd else None),
        score=_score(found),
        latency_p95_s=found.latency_p95_s,
        measured=f"measured over {n} answers" if n > 1 else "measured",
    )


def _also(found: CandidateUsage, other: AlsoAsked, settings: CostSettings) -> Also:
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
        ),
        seconds=_mean(other.usage.seconds, n, None),
        gpu_seconds=_mean(other.usage.gpu_seconds, n, None),
        hosting=_hosting(alone, settings, tuned=False),
    )


def _score(found: CandidateUsage) -> Score | None:
    if found.score is None:
        return None
    return Score(
        value=found.score,
        low=found.score_low,
        high=found.score_high,
        n=found.n,
        certified=found.certified,
    )


def _mean(total: float, n: int, sd: float | None) -> Span:
    """The mean with its 95 % normal interval where the spread between requests is known."""
    mean = dec(total) / n
    margin = dec(1.96 * sd / math.sqrt(n)) if sd else Decimal(0)
    return Span(value=mean, low=max(Decimal(0), mean - margin), high=mean + margin)


def _hosting(found: CandidateUsage, settings: CostSettings, *, tuned: bool) -> Hosting | None:
    """Machines of one's own at the throughput that was measured, where `[costs]` asks for it."""
    seconds = dec(found.usage.gpu_seconds or found.usage.seconds)
    asked = settings.utilisation is not None or settings.min_replicas is not None
    tokens = found.usage.input_tokens + found.usage.output_tokens
    # Without tokens (no language model) there is no throughput: priced by its seconds.
    if not asked or not seconds or not tokens or not found.model.startswith(LOCAL):
        return None
    on_gpu = bool(found.usage.gpu_seconds)
    slowdown, shared = found.unmerged_slowdown, settings.adapters_per_machine
    apart = tuned and slowdown is not None and shared is not None
    return Hosting(
        usd_per_hour=settings.gpu_usd_per_hour if on_gpu else settings.machine_usd_per_hour,
        gpu=(settings.gpu or tables.dearest_gpu(date.max).id) if on_gpu else None,
        machine=settings.machine or DEFAULT_MACHINE,
        tokens_per_second=tokens / seconds,
        utilisation=Decimal(1) if settings.utilisation is None else settings.utilisation,
        min_replicas=Decimal(1) if settings.min_replicas is None else settings.min_replicas,
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
    )
