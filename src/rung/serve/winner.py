"""The saved winner, opened for many requests at once, with the price of what it does."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property

from rung.climbing.winner import as_measured
from rung.economics.pricing import PriceBook
from rung.errors import UserError
from rung.loop.shipping.winners import Winners
from rung.models.base import ChatModel, ChatRequest, Message
from rung.models.gathering import GatheringEmbedder
from rung.models.hosted_embedder import HostedEmbedder
from rung.models.metered import Metered, MeteredEmbedder, is_hosted
from rung.models.openai_compatible import OpenAICompatible
from rung.models.registry import open_embedder
from rung.project import MANIFEST_FILE, ProjectFolder
from rung.records import Answer
from rung.serve.settings import Settings
from rung.solver import Solver, load
from rung.solver.store import digest_of


@dataclass
class Served:
    """The solver that answers, and what is told of it."""

    solver: Solver
    digest: str
    """sha256 of its manifest."""
    created: int
    """When it was saved, in seconds since 1970."""
    price: Callable[[Answer], float] | None
    """USD of one answer; None where one of its models has no price."""
    unpriced: str | None = None
    """Why it has none."""
    doubt: str | None = None
    """Why it is unproven; None where it is not."""

    @cached_property
    def key(self) -> str:
        """Its candidate's key."""
        return self.solver.candidate.key

    @property
    def task(self) -> str:
        """The name of its task."""
        return self.solver.spec.task

    def check_keys(self) -> None:
        """Raises `ProviderError` where an endpoint's key is not in the environment."""
        for chat in (self.solver.parts.chat, self.solver.parts.other):
            if isinstance(chat, OpenAICompatible):
                chat.endpoint.key()
        if (embedder := self._hosted_embedder) is not None:
            embedder.endpoint.key()

    async def warm_up(self) -> None:
        """Load what the first request would wait for. Asks no endpoint.

        An adapter is read here: its folder may be replaced while the server runs.
        """
        parts = self.solver.parts
        if self._hosted_embedder is None:
            for embedder in self.solver.embedders:
                await embedder.embed(["warm up"])
        for chat in (parts.chat, parts.other):
            if isinstance(chat, OpenAICompatible):
                chat.get_ready()
        turn = Message(role="user", content="warm up")
        for chat, adapter in ((parts.chat, parts.adapter), (parts.other, None)):
            if chat is not None and chat.trains:
                await chat.reply(ChatRequest(messages=(turn,), max_tokens=1, adapter=adapter))

    async def aclose(self) -> None:
        """Close the models."""
        for chat in (self.solver.parts.chat, self.solver.parts.other):
            if chat is not None:
                await chat.aclose()
        if (embedder := self._hosted_embedder) is not None:
            await embedder.aclose()

    @property
    def _hosted_embedder(self) -> HostedEmbedder | None:
        inner = getattr(self.solver.parts.embedder, "inner", None)
        return inner if isinstance(inner, HostedEmbedder) else None


def open_served(settings: Settings, today: date | None = None) -> Served:
    """Open and check the winner of a task. Raises `StoreError` where a file of it was changed."""
    root = settings.folder
    folder = ProjectFolder(root).winner

    opened = as_measured(folder, root)

    def chat(name: str) -> ChatModel:
        model = opened(name)
        if isinstance(model, OpenAICompatible) and not model.settings.in_flight_is_set:
            most = {"in_flight": settings.limits.most_at_once}
            model.settings = model.settings.model_copy(update=most)
        return model

    def embedder(name: str) -> MeteredEmbedder:
        metered = Metered(open_embedder(name, root))
        return metered if is_hosted(metered) else GatheringEmbedder(metered)

    digest = digest_of(folder)
    solver = load(folder, chat, embedder)
    if solver.candidate.is_probe:
        raise UserError(f"{solver.candidate.key} is a probe and cannot be served")
    price, unpriced = _price(solver, settings, today or datetime.now(UTC).date())
    return Served(
        solver=solver,
        digest=digest,
        created=int((folder / MANIFEST_FILE).stat().st_mtime),
        price=price,
        unpriced=unpriced,
        doubt=Winners(root).doubt(),
    )


def _price(
    solver: Solver, settings: Settings, today: date
) -> tuple[Callable[[Answer], float] | None, str | None]:
    try:
        embedder = solver.candidate.embedder
        paid = embedder if is_hosted(solver.parts.embedder) else None
        book = PriceBook.of(solver.models, settings.costs, today, embedder=paid)
    except UserError as error:
        return None, str(error)
    return lambda answer: float(answer.usd(book.price, solver.model)), None
