"""What a climb works with: the cache, and models and embedders opened once each behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from rung.candidate import Candidate, Technique
from rung.climbing.till import ClimbTill
from rung.economics.pricing import PriceBook
from rung.economics.speed import MEASURED, answer_seconds
from rung.errors import UserError
from rung.knowledge.tools import Tool, open_tool
from rung.measure.cache import CachedEmbedder, PaidEmbedder
from rung.measure.executors import Placing, executor_of
from rung.measure.metered_model import Counter, MeteredModel
from rung.measure.recorded import RecordedTool
from rung.measure.shared import open_cache
from rung.models.base import ChatModel, Embedder, parameters
from rung.models.handshake import KnownEndpoints
from rung.models.hosted_embedder import HostedEmbedder
from rung.models.metered import Metered, is_hosted
from rung.models.no_llm_choice import ENCODER
from rung.models.registry import is_endpoint, is_path, open_embedder, open_model
from rung.models.span_fields import SPANS
from rung.project import ProjectFolder
from rung.records import Usage
from rung.task.tools import ToolSettings
from rung.task.types import Task, digest

NO_LLM_MODELS = ("no-llm/nearest", "no-llm/linear", ENCODER, SPANS)


@dataclass(frozen=True)
class ClimbOptions:
    """How to climb."""

    budget_usd: float | None = None
    only: tuple[Technique, ...] = ()
    """Keep these techniques; all when empty."""
    everything: bool = False
    """Ask every candidate every example, whatever is already known."""
    diagnose: bool = True
    """Skip rungs that the failures so far prove to be out of reach; costs a few dev calls."""
    learning_curve: bool = False
    """Where a tuned candidate falls short, train on 1/8, 1/4 and 1/2 of the examples too, and say
    whether more of them would help."""
    record: bool = False
    """Ask tools anew, and keep what they say from now on."""
    anyway: bool = False
    """Climb although the audit says that the data cannot carry a decision."""
    mode: str = "traffic"
    """What a PASS speaks of: see `rung.evidence.sequential`."""
    candidates: tuple[Candidate, ...] = ()
    """Candidates of one's own, instead of the ladder that the task suggests."""
    models: Mapping[str, ChatModel] = field(default_factory=dict)
    """Open models by name, instead of what the registry opens. They are not priced."""
    embedders: Mapping[str, Embedder] = field(default_factory=dict)
    folder: Path | None = None
    """Where to keep the cache and the runs; `.rung` beside `rung.toml` when left out."""
    executor: str = "here"
    """Where solvers answer: `here`, `ray`, `auto`, `ray://HOST:PORT` (`rung.measure.executors`)."""
    today: date | None = None
    """Date of the prices; the present day when left out."""

    def __post_init__(self) -> None:
        if self.budget_usd is not None and not self.budget_usd >= 0:
            raise UserError(
                f"the budget is {self.budget_usd:g} USD: give 0 or more, or none at all"
            )
        executor_of(self.executor)

    @property
    def arguments(self) -> tuple[str, ...]:
        """These options as `rung climb` takes them; what only code can give has no flag."""
        words = [] if self.budget_usd is None else ["--budget", f"{self.budget_usd:g}"]
        for technique in self.only:
            words += ["--only", technique]
        words += ["--exhaustive"] if self.everything else []
        words += ["--learning-curve"] if self.learning_curve else []
        words += [] if self.diagnose else ["--no-diagnose"]
        return (*words, *(["--mode", self.mode] if self.mode != "traffic" else []))


class Tools:
    """Opens lazily: a climb whose answers are all cached loads no weights."""

    def __init__(self, task: Task, options: ClimbOptions, *, priced: bool = True) -> None:
        """Without `priced` no price is looked up: for what asks no chat model."""
        self.task, self.options = task, options
        self.spends = True
        """Whether a hosted embedder may be asked; a plan asks nobody."""
        self.project = ProjectFolder(task.root or Path(), options.folder)
        self.executor = executor_of(options.executor)()
        self.cache = open_cache(self.project.cache, task.fingerprint())
        beside = (task.root,) if task.root is not None else ()
        self.known_endpoints = KnownEndpoints(
            self.project.folder, *(ProjectFolder(root).folder for root in beside)
        )
        self.counter = Counter()
        limit = options.budget_usd if options.budget_usd is not None else task.climb.budget_usd
        self.budget = self.cache.budget(None if limit is None else Decimal(str(limit)))
        self._raw: dict[str, ChatModel] = {}
        self._placed: dict[str, ChatModel] = {}
        self._chat: dict[str, MeteredModel] = {}
        self._embedders: dict[str, CachedEmbedder] = {}
        self._tools: dict[str, Tool] = {}
        today = options.today or datetime.now(UTC).date()
        named = (*task.models.to_try, *task.models.tune, *NO_LLM_MODELS)
        names = {*named, *(m for c in options.candidates for m in c.models)}
        names |= set(task.models.helpers)
        if not priced:
            names = set()
        free = set(options.models)  # handed in from code: nobody bills them
        here = {name for name in names - free if is_path(name, task.root)}
        try:
            self.prices = PriceBook.of(
                names - free,
                task.costs,
                today,
                machines=here,
                free=free,
                embedder=self.hosted_embedder if priced else None,
            )
        except UserError:
            for name in set(task.models.to_try) - here:
                self.raw(name)  # a name that no provider knows has no price either: say that first
            raise
        if options.record:
            for tool in ("", *(tool.name for tool in task.tools)):
                self.cache.forget_said(tool)
        self.till = ClimbTill(self.prices, self.budget)

    @property
    def opened(self) -> tuple[ChatModel, ...]:
        """Every model that was opened."""
        return tuple(self._raw.values())

    def raw(self, name: str) -> ChatModel:
        """The model itself."""
        if name not in self._raw:
            given = self.options.models.get(name)
            settings = self.task.models.settings
            self._raw[name] = given or open_model(name, self.task.root, settings)
            self.known_endpoints.adopt(self._raw[name])
        return self._raw[name]

    def placed(self, name: str) -> ChatModel:
        """The model where it computes."""
        if name not in self._placed:
            model, there = self.raw(name), self.executor
            self._placed[name] = there.placed(model) if isinstance(there, Placing) else model
        return self._placed[name]

    def chat(self, name: str) -> MeteredModel:
        """The model behind cache, budget and counter."""
        if name not in self._chat:
            self._chat[name] = MeteredModel(
                self.placed(name),
                self.cache,
                self.budget,
                lambda usage: self.price(usage, name),
                self.counter,
                answer_seconds(1, 0, parameters(self.raw(name)) or MEASURED),
            )
        return self._chat[name]

    def embedder(self, name: str) -> CachedEmbedder:
        """The embedder behind the cache."""
        if name not in self._embedders:
            given = self.options.embedders.get(name)
            opened = given or open_embedder(name, self.task.root, self.task.models.settings)
            inner = Metered(opened)
            if is_hosted(opened):
                inner = PaidEmbedder(opened, self.budget, lambda usage: self.price(usage, name))
            self._embedders[name] = CachedEmbedder(inner, self.cache)
        return self._embedders[name]

    @property
    def hosted_embedder(self) -> str | None:
        """The task's embedder, where it answers at an endpoint and is not handed in from code."""
        name = self.task.models.embedder
        given = name in self.options.embedders
        return name if is_endpoint(name) and not given else None

    @property
    def tunes_embedder(self) -> bool:
        """Whether the weights of the task's embedder are on this machine."""
        name = self.task.models.embedder
        return not is_endpoint(name) and name not in self.options.embedders

    def tool(self, settings: ToolSettings) -> Tool:
        """A tool behind the cache and the budget."""
        if settings.name not in self._tools:
            self._tools[settings.name] = RecordedTool(
                open_tool(settings, self.task.root), self.cache, self.budget
            )
        return self._tools[settings.name]

    def recorded(self) -> str:
        """When the recording of what the task's tools say was begun (ISO 8601, UTC)."""
        key = digest(["begun", [tool.name for tool in self.task.tools]])
        self.cache.keep_said(key, "", datetime.now(UTC).isoformat(timespec="seconds"))
        return self.cache.said(key) or ""

    def price(self, usage: Usage, model: str) -> Decimal:
        """USD of one answer at the prices of this climb."""
        return self.prices.of_model(self.billed(model)).price(usage)

    def billed(self, model: str) -> str:
        """The model at whose prices that one's answers are paid."""
        return self.till.priced_as.get(model, model)

    async def aclose(self) -> None:
        """Close what was opened."""
        for model in self._raw.values():
            self.known_endpoints.keep_dialect(model)
            await model.aclose()
        for embedder in self._embedders.values():
            if isinstance(embedder.inner, HostedEmbedder):
                await embedder.inner.aclose()
        if isinstance(self.executor, Placing):
            await self.executor.aclose()
        self.cache.close()
