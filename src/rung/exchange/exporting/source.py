"""What is exported: a task, and the solver whose messages are sent.

Everything is told by one solver, so that a model trained or measured elsewhere reads exactly what
it would read here.
"""

from dataclasses import dataclass, field
from pathlib import Path

from rung.behaviour.trainers.base import TuningExample, sized
from rung.behaviour.trainers.lora import finished_result
from rung.candidate import Candidate, Weights, full_key
from rung.climbing.ledger import TestLedger
from rung.decide.room import plain_prompt
from rung.errors import UserError
from rung.measure.cache import CachedEmbedder
from rung.measure.shared import open_cache
from rung.models.base import ChatModel, parameters
from rung.models.metered import Metered
from rung.models.registry import open_embedder, open_model
from rung.project import ProjectFolder
from rung.records.results import RunResult
from rung.solver import Solver, Workshop, fit, load
from rung.solver.tuning import lessons, with_rejected
from rung.state import RUN_CURE, read_model
from rung.task.load import load_task
from rung.task.types import SplitName, Task
from rung.task.wording import listed

HARVESTED = "harvest"
"""In `meta` of examples that came from traffic: their provenance."""


@dataclass
class Source:
    """A task's folder, opened for export. `aclose` when done."""

    root: Path
    key: str | None = None
    """The candidate asked for; the winner, or the tuned rung, when None."""
    base: str | None = None
    """The base model to name to trainers and servers."""
    split: SplitName = "dev"
    """What is measured elsewhere."""
    harvested: bool = False
    """Teach only examples that came from judged traffic (`rung harvest --build`)."""
    with_data: bool = True
    """A bundle holds examples, documents and answers."""
    task: Task = field(init=False)
    _models: dict[str, ChatModel] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.task = load_task(self.root)
        self.root = self.task.root or self.root
        self._cache = open_cache(ProjectFolder(self.root).cache, self.task.fingerprint())

    @property
    def winner_folder(self) -> Path:
        """Where a climb keeps its winner."""
        return ProjectFolder(self.root).winner

    async def asked(self) -> Solver:
        """The solver that asks a model: the candidate named, else the winner."""
        solver = await self._named() if self.key else self._winner()
        if solver is None:
            raise UserError(
                f"{ProjectFolder(self.root).folder} holds no winner to export: run `rung climb`, "
                "or name a candidate of a run with --candidate"
            )
        if solver.candidate.technique == "no-llm":
            asking = [
                k for k, c in self._known().items() if c.technique != "no-llm" and not c.is_probe
            ]
            raise UserError(
                f"{solver.candidate.key} asks no model, so it has no prompt to export: name "
                f"another with --candidate, {listed(asking)}"
            )
        return solver

    async def taught(self) -> Solver:
        """The solver whose messages a model is trained on.

        The candidate named; else the winner where it is tuned; else the ladder's tuned rung: no
        shots, the answer's form in the weights, the winner's passages where it retrieves.
        """
        if self.key:
            return await self.asked()
        winner = self._winner()
        if winner is not None and winner.candidate.weights.tuned:
            return winner
        return await fit(self._tuned_rung(winner), self.task, self.workshop())

    def _tuned_rung(self, winner: Solver | None) -> Candidate:
        name = (*self.task.models.to_try, *self.task.models.tune)[0]
        prompt = plain_prompt(self.task, name, self.chat(name))
        candidate = Candidate(model=name, prompt=prompt.model_copy(update={"contract": False}))
        if winner is None or not winner.candidate.context.traits.searches:
            return candidate
        context = winner.candidate.context
        searching = self.task.models.embedder if context.search != "lexical" else None
        return candidate.model_copy(update={"context": context, "embedder": searching})

    async def lessons(self, solver: Solver) -> tuple[list[TuningExample], list[TuningExample]]:
        """Conversations and answers of train and dev; the ledger notes that they leave."""
        train = self.task.train
        if self.harvested:
            train = tuple(e for e in train if HARVESTED in e.meta)
        if not train:
            what = "came from judged traffic" if self.harvested else "are there"
            raise UserError(f"no training examples to export {what}: `rung harvest` finds some")
        of_train = with_rejected(self.task.output, await lessons(solver, train), train)
        made = of_train, await lessons(solver, self.task.dev)
        ledger = TestLedger(ProjectFolder(self.root).folder, self.task, ())
        ledger.taught((*train, *self.task.dev))
        return made

    def recipe(self, solver: Solver) -> Weights:
        """How it is trained: as the winner was, else as the candidate says or the ladder would."""
        weights, adapter = solver.candidate.weights, solver.parts.adapter
        if not weights.tuned:
            climb = self.task.climb
            weights = Weights(kind="lora", epochs=climb.epochs, seed=climb.seed, recipe="sized")
        if weights.recipe == "stated":
            return weights
        done = finished_result(Path(adapter.path)) if adapter is not None else None
        if done is not None and not done.weights.prefers:
            return done.weights
        size = parameters(self.chat(solver.candidate.model))
        return sized(weights, size, len(self.task.train))

    def workshop(self) -> Workshop:
        """For fitting without a budget: nothing here asks a chat model."""
        return Workshop(self.chat, self.chat, self.embedder, ProjectFolder(self.root).adapters)

    def chat(self, name: str) -> ChatModel:
        """A model, opened once; loads nothing until it is asked."""
        if name not in self._models:
            self._models[name] = open_model(name, self.root)
        return self._models[name]

    def embedder(self, name: str) -> CachedEmbedder:
        """The embedder behind the task's cache."""
        return CachedEmbedder(Metered(open_embedder(name, self.root)), self._cache)

    async def aclose(self) -> None:
        """Close what was opened."""
        for model in self._models.values():
            await model.aclose()
        self._cache.close()

    def _winner(self) -> Solver | None:
        if not self.winner_folder.exists():
            return None
        return load(self.winner_folder, self.chat, self.embedder)

    async def _named(self) -> Solver:
        """A candidate of some run, fitted without its trained weights: messages need none."""
        winner = self._winner()
        known = self._known()
        served = [winner.candidate.key] if winner is not None else []
        if not known and not served:
            raise UserError(f"there is no run to take {self.key!r} from: run `rung climb` first")
        key = full_key(str(self.key), [*served, *known])
        if winner is not None and key in served:
            return winner
        candidate = known[key]
        if candidate.is_probe:
            raise UserError(f"{key} is a probe, which only reads gold passages: name another")
        untrained = candidate.weights.model_copy(update={"kind": "base"})
        # Choosing when another model is asked would ask it; the messages are the same without.
        plain = candidate.chained_to(None).model_copy(update={"weights": untrained})
        solver = await fit(plain, self.task, self.workshop())
        named = solver.candidate.chained_to(candidate.then)
        return Solver(solver.spec.model_copy(update={"candidate": named}), solver.parts)

    def _known(self) -> dict[str, Candidate]:
        """What the runs had on their ladders, by key."""
        runs = (read_model(p, RunResult, RUN_CURE) for p in ProjectFolder(self.root).run_files())
        return {row.key: row.candidate for run in runs for row in run.candidates}
