"""What is known of a candidate's cost before it is priced, from a scenario file or from a run."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from rung.candidate import Technique
from rung.economics.amounts import Span
from rung.money import given
from rung.records import Usage
from rung.task.types import Frozen

Figure = Annotated[Decimal, BeforeValidator(given)]


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
    """A further model of a cascade: one before or after the candidate's own."""

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
    too_slow: bool = False
    """Above the task's limit on latency, or not shown to keep it."""
    retrieval_ms: float | None = None
    rerank_ms: float | None = None
    stored: bool = True
    """What it reads lies in a store of one's own; False where a tool is asked instead."""
    tools_usd: float = 0
    """Mean USD of a request for the tools that it asks."""
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
    prepared_usd: float = 0
    """Paid once for answers of models that the candidate was made with."""
    embedding: str | None = None
    """The hosted embedder; None of one that runs here."""
    corpus_tokens: int = 0
    """Tokens that it reads once: passages, examples."""
    query_tokens: float = 0
    """Mean tokens of a request that it reads."""


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
    tools_usd_per_1k: Span | None = None
    """What tools cost that are asked, per 1,000 requests."""
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

    @property
    def names_its_hour(self) -> bool:
        """It says whose hour is paid; else it is that of the model."""
        return any(x is not None for x in (self.usd_per_hour, self.gpu, self.machine))


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
    usd_prepared: Span | None = None
    """Once, as a climb paid it: searching for a prompt, a teacher's answers."""
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
    seconds_from: str = ""
    """Where they come from, if not from what told the rest."""
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
    too_slow: bool = False
    """Above a limit on latency, or not shown to keep it: never the cheapest that is good enough."""
    answer_ms: Span | None = None
    """Time of the bare answer, to which retrieval and reranking add."""
    build_weeks: Span | None = None
    measured: str = ""
    """How the figures were measured; empty: stated in a scenario."""
