"""A measured (or expected) candidate as a specification: usage with what `[costs]` states."""

import math
from decimal import Decimal
from typing import Any

from rung.candidate import NO_LLM
from rung.economics import tables
from rung.economics.amounts import Span, span
from rung.economics.pricing import PriceBook, runs_here
from rung.economics.settings import CostSettings
from rung.economics.setup import READS, TUNED, UNSTORED, assumed_setup
from rung.economics.spec import (
    Also,
    AlsoAsked,
    CandidateSpec,
    CandidateUsage,
    Hosting,
    Labour,
    Recurring,
    Retrieval,
    Score,
    Stated,
    Tokens,
    Training,
)
from rung.errors import UserError
from rung.models.vendors import vendor_of
from rung.money import dec


def spec_of(usage: CandidateUsage, book: PriceBook) -> CandidateSpec:
    """A measured (or expected) candidate with the one-time and recurring figures of `[costs]`."""
    n, settings = usage.requests, book.settings
    tuned, reads = usage.technique in TUNED, usage.technique in READS
    hosting = _hosting(usage, book, tuned=tuned)
    built = usage.technique if usage.stored else UNSTORED.get(usage.technique, usage.technique)
    assumed = min(dec(usage.setup_usd), assumed_setup(built, settings))
    return CandidateSpec(
        key=usage.key,
        technique=usage.technique,
        model=usage.model,
        tokens=_tokens(usage),
        seconds=_mean(usage.usage.seconds, n, usage.seconds_sd),
        gpu_seconds=_mean(usage.usage.gpu_seconds, n, None),
        also=tuple(_also(usage, other, book, beside=hosting) for other in usage.also),
        hosting=hosting,
        retrieval=(_retrieval(usage, settings) if reads else Retrieval()).model_copy(
            update={
                "tools_usd_per_1k": span(1000 * usage.tools_usd) if usage.tools_usd else None,
                "embedding": usage.embedding,
                "query_tokens": span(usage.query_tokens) if usage.query_tokens else None,
                "corpus_tokens": span(usage.corpus_tokens) if usage.corpus_tokens else None,
            }
        ),
        training=_training(usage, settings, tuned=tuned),
        labour=_labour(usage, settings, tuned=tuned, reads=built in READS),
        recurring=Recurring(
            infrastructure_usd_per_month=settings.infrastructure_usd_per_month,
            retrains_per_month=settings.retrains_per_month if tuned else None,
            evaluations_per_month=settings.evaluations_per_month,
            evaluation_size=settings.evaluation_size,
        ),
        stated=Stated(
            usd_assumed=assumed or None,
            usd_prepared=dec(usage.prepared_usd) if usage.prepared_usd else None,
        ),
        score=_score(usage),
        latency_p95_s=usage.latency_p95_s,
        too_slow=usage.too_slow,
        measured=f"measured over {n} answers" if n > 1 else "measured",
    )


def _tokens(usage: CandidateUsage) -> Tokens:
    n = usage.requests
    context = _mean(usage.context_tokens * n, n, None)
    input_tokens = _mean(usage.usage.input_tokens, n, usage.input_tokens_sd)
    own = min(context.value, input_tokens.low)
    return Tokens(
        input=Span(
            value=input_tokens.value - own,
            low=input_tokens.low - own,
            high=input_tokens.high - own,
        ),
        context=Span(value=own, low=own, high=own) if own else None,
        output=_mean(usage.usage.output_tokens, n, usage.output_tokens_sd),
        cache_read=_mean(usage.usage.cache_read_tokens, n, None),
        cache_write=_mean(usage.usage.cache_write_tokens, n, None),
        fixed_prompt=_mean(usage.fixed_prompt_tokens, 1, None),
    )


def _also(
    first: CandidateUsage, other: AlsoAsked, book: PriceBook, *, beside: Hosting | None
) -> Also:
    """A further model; one of one's own answers on the machine that is there already."""
    n, share = other.requests, other.requests / first.requests
    alone = CandidateUsage(
        key=first.key,
        technique=first.technique,
        model=other.model,
        usage=other.usage,
        requests=n,
    )
    return Also(
        model=other.model,
        share=_mean(n, first.requests, math.sqrt(share * (1 - share))),
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


def _score(usage: CandidateUsage) -> Score | None:
    if usage.score is None:
        return None
    return Score(
        value=usage.score,
        low=usage.score_low,
        high=usage.score_high,
        n=usage.n,
        graded=usage.graded,
        certified=usage.certified,
    )


def _mean(total: float, n: int, sd: float | None) -> Span:
    """The mean with its 95 % normal interval where the spread between requests is known."""
    mean = dec(total) / n
    margin = dec(1.96 * sd / math.sqrt(n)) if sd else Decimal(0)
    return Span(value=mean, low=max(Decimal(0), mean - margin), high=mean + margin)


def standing(model: str, settings: CostSettings, **more: Any) -> Hosting:
    """The machines that must stand there for a model, as `[costs]` says."""
    replicas, busy = settings.min_replicas, settings.utilisation
    return Hosting(
        utilisation=Decimal(1) if busy is None else busy,
        min_replicas=Decimal(1) if replicas is None else replicas,
        tokens_per_second=settings.of(model, "tokens_per_second"),
        **more,
    )


def _deployed(model: str, book: PriceBook) -> Hosting | None:
    """What a provider serves a model on that it tuned, where its hours are paid and no tokens."""
    usd, vendor = book.settings.of(model, "deployment_usd_per_hour"), vendor_of(model)
    if usd is not None:
        return standing(model, book.settings, usd_per_hour=usd)
    if vendor is None or not vendor[0].dedicated:
        return None
    gpu = book.settings.gpu or tables.dearest_gpu(book.on).id
    return standing(model, book.settings, gpu=gpu)


def _hosting(
    usage: CandidateUsage, book: PriceBook, *, tuned: bool, shares: bool = False
) -> Hosting | None:
    """The machine that must stand there for a language model of one's own, or that was tuned.

    None where tokens are bought, where no language model is asked (its seconds are those of the
    machine that asks), and where `[costs] min_replicas = 0` says that only seconds are paid.
    """
    settings, model = book.settings, usage.model
    if model.startswith(NO_LLM):
        return None
    rates = book.of_model(model)
    own = standing(model, settings) if rates.by_the_hour else None
    if own is None:
        own = _deployed(model, book) if tuned else None
    if own is None:
        return None
    timed = bool(usage.usage.seconds or usage.usage.gpu_seconds) or runs_here(model)
    if timed and rates.by_the_hour:
        own = own.model_copy(update={"tokens_per_second": None})
    if own.min_replicas == 0 and own.tokens_per_second is None:
        if not timed:
            raise UserError(
                f"[costs] min_replicas = 0 leaves nothing to pay for {model}: how long it computes "
                "cannot be seen from here; set [costs] tokens_per_second, measured there, too."
            )
        if settings.utilisation is None:
            return None
    slowdown, shared = usage.unmerged_slowdown, settings.adapters_per_machine
    apart = tuned and slowdown is not None and shared is not None
    return own.model_copy(
        update={
            "min_replicas": Decimal(0) if shares else own.min_replicas,
            "adapter": ("unmerged" if apart else "merged") if tuned else "none",
            "unmerged_slowdown": None if slowdown is None else span(slowdown),
            "shared_by": Decimal(1) if shared is None else shared,
        }
    )


def _retrieval(usage: CandidateUsage, settings: CostSettings) -> Retrieval:
    return Retrieval(
        store_usd_per_month=settings.store_usd_per_month if usage.stored else None,
        # What it is reranked by and pays for each call is counted as a tool already.
        rerank_usd_per_1k=settings.rerank_usd_per_1k
        if usage.stored and not usage.tools_usd
        else None,
        retrieval_ms=usage.retrieval_ms,
        rerank_ms=usage.rerank_ms,
    )


def _training(usage: CandidateUsage, settings: CostSettings, *, tuned: bool) -> Training:
    if not tuned:  # of an embedder at most, by this machine
        hours = dec(usage.train_seconds) / 3600
        return Training(machine_hours=hours or None)
    if usage.train_usd is not None:
        return Training(usd=dec(usage.train_usd))
    hosted = settings.training_usd_per_mtok
    return Training(
        tokens=usage.train_tokens if hosted is not None else None,
        usd_per_mtok=hosted,
        machine_hours=dec(usage.train_seconds) / 3600 if hosted is None else None,
        gpu_hours=dec(usage.train_gpu_seconds) / 3600 if usage.train_gpu_seconds else None,
        gpu=settings.gpu,
    )


def _labour(usage: CandidateUsage, settings: CostSettings, *, tuned: bool, reads: bool) -> Labour:
    return Labour(
        usd_per_hour=settings.labour_usd_per_hour,
        curation_hours=settings.curation_hours if tuned else None,
        setup_hours=settings.setup_hours,
        integration_hours=settings.rag_setup_hours if reads else None,
        examples=usage.train_examples if tuned and settings.labelling_usd_per_example else None,
        usd_per_example=settings.labelling_usd_per_example if tuned else None,
        maintenance_hours_per_month=settings.maintenance_hours_per_month,
        retrain_hours=settings.retrain_hours if tuned else None,
    )
