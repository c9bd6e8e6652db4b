"""The search of a rung for its best, on train and dev: asked, scored, kept, paid as a climb."""

from collections.abc import Sequence
from decimal import Decimal

from rung.behaviour.label_head import MOST_ROWS
from rung.behaviour.refiners import REFINERS, Refined, refine
from rung.behaviour.refiners.racing import parted
from rung.candidate import NO_LLM, Candidate
from rung.climbing.observer import Observer
from rung.climbing.rows import RunRecord
from rung.climbing.tools import Tools
from rung.decide.ladder import Planned
from rung.errors import ProviderError
from rung.knowledge.contexts.searched import Retrieved
from rung.knowledge.finding import Looked, look
from rung.knowledge.stages.reranks import JUDGED
from rung.measure.runner import Runner
from rung.measure.store import RunStore
from rung.models.base import ChatRequest, Message, parameters, thinks
from rung.money import usd
from rung.records import Attempt, Usage
from rung.records.results import Search
from rung.scorers import Scorer
from rung.solver import Workshop, fit
from rung.solver.room import FOR_THOUGHTS
from rung.solver.ways.vote import VOTES
from rung.task.types import Example, SplitName, Task, digest

REFINING = "refining"
"""Folder of the attempts of searches, in the run's: apart from those that are judged."""


class DevTrial:
    """A `Trial` on one task: at most `calls` answers.

    What was answered in an earlier climb counts as well, so that a search that was interrupted
    goes the same way.
    """

    def __init__(self, tools: Tools, workshop: Workshop, runner: Runner, calls: int) -> None:
        self.task = tools.task.model_copy(update={"test": ()})
        self.left, self.asked, self.usd = calls, 0, 0.0
        self._tools, self._workshop, self._runner = tools, workshop, runner
        self._known: set[tuple[str, str]] = set()
        self._choosing = parted(self.task)[0]
        self._writer = strongest(tools)

    def cost(self, candidate: Candidate, examples: Sequence[Example]) -> int:
        """See `Trial`."""
        key = candidate.digest
        fresh = sum((key, e.id) not in self._known for e in examples)
        fresh *= VOTES if candidate.way == "vote" else 1
        context = candidate.context
        fresh *= 1 + bool(context.rewrite) + JUDGED * (context.rerank == "model")
        train, fit_on = self._fitted_without(examples)
        fitting = candidate.prompt.head and (key, fit_on) not in self._known
        return fresh + (min(len(train), MOST_ROWS) if fitting else 0)

    async def ask(self, candidate: Candidate, examples: Sequence[Example]) -> Sequence[Attempt]:
        """See `Trial`."""
        self._count(self.cost(candidate, examples))
        fresh = {e.id for e in examples if (candidate.digest, e.id) not in self._known}
        train, fit_on = self._fitted_without(examples)
        self._known |= {(candidate.digest, name) for name in (fit_on, *fresh)}
        split: SplitName = "dev" if len(train) == len(self.task.train) else "train"
        task = self.task.model_copy(update={"train": train})
        solver = await fit(candidate, task, self._workshop)
        attempts = await self._runner.attempts(solver, examples, split)
        self.usd += sum(a.cost_usd for a in attempts if a.example_id in fresh)
        return attempts

    def _fitted_without(self, examples: Sequence[Example]) -> tuple[tuple[Example, ...], str]:
        """The train rows that are fitted on where these are asked, and a name of that lot."""
        aside, choosing = {e.id for e in examples}, {e.id for e in self._choosing}
        aside |= choosing if aside <= choosing else set()
        train = tuple(e for e in self.task.train if e.id not in aside)
        return train, f"fitted on {digest([e.id for e in train])}"

    async def look(self, candidate: Candidate) -> Sequence[Looked]:
        """See `Trial`."""
        knowledge = await self._workshop.knowledge(candidate, self.task)
        assert isinstance(knowledge, Retrieved)
        rows = {e.id: e for e in (*self.task.train, *self._choosing)}
        return await look(knowledge.retriever, self.task, list(rows.values()))

    @property
    def can_write(self) -> bool:
        """See `Trial`."""
        return self._writer is not None

    async def write(self, messages: tuple[Message, ...]) -> str:
        """See `Trial`."""
        assert self._writer is not None
        self._count(1)
        text, usd = await written(self._tools, self._writer, messages)
        self.usd += float(usd)
        return text

    def _count(self, calls: int) -> None:
        self.left, self.asked = self.left - calls, self.asked + calls

    async def record(self, start: Candidate, refined: Refined) -> Search:
        """What a search was, as the run keeps it; its prompts are those of the first dev row."""
        scores = {v.candidate.digest: v for v in refined.tried if v.confirmed}
        before, after = scores.get(start.digest), scores.get(refined.best.digest)
        return Search(
            start=start.key,
            best=refined.best.key,
            calls=self.asked,
            usd=self.usd,
            variants=len({v.candidate.digest for v in refined.tried}),
            before=before.score if before else None,
            after=after.score if after else None,
            n=after.n if after else 0,
            searched=refined.searched,
            untried=tuple(s for s in REFINERS if s not in refined.searched),
            prompts=tuple([await self._sent(c) for c in dict.fromkeys((start, refined.best))]),
            tried=tuple((v.candidate.key, v.score, v.n) for v in refined.tried),
        )

    async def _sent(self, candidate: Candidate) -> str:
        solver = await fit(candidate, self.task, self._workshop)
        messages, _, _ = await solver.messages(self.task.dev[0].input)
        return "\n\n".join(f"{m.role}: {m.content}" for m in messages)


async def best_of(
    start: Candidate, ladder: RunRecord, workshop: Workshop, scorer: Scorer, observer: Observer
) -> Candidate:
    """What a rung is climbed with: the best of its technique that the refiners find.

    Its row is that candidate's from then on. A candidate that is on the ladder already is climbed
    there.
    """
    task = ladder.task
    if start.is_probe or not any(r.serves(start, task) for r in REFINERS.values()):
        return start
    observer.phase(start.key, "refine", 0)
    store = RunStore(ladder.store.folder / REFINING)
    try:
        runner = Runner(task, scorer, store, ladder.tools.price)
        trial = DevTrial(ladder.tools, workshop, runner, task.climb.search_calls)
        refined = await refine(start, trial)
        search = await trial.record(start, refined)
    finally:
        store.close()
    best = refined.best
    elsewhere = best != start and best.key in ladder.rows
    ladder.notes.append(said_of_search(search, elsewhere))
    if best != start and not elsewhere:
        observer.refined(start.key, ladder.refined(start.key, best))
    ladder.update(start.key if elsewhere else best.key, search=search)
    return start if elsewhere else best


def said_of_search(search: Search, elsewhere: bool) -> str:
    """How hard a rung was tried: variants, answers, what was found, what was not tried."""
    slots = ", ".join(search.searched) or "nothing else fitted the budget"
    text = (
        f"{search.start} was searched on train and dev: {search.variants} prompts, "
        f"{search.calls} answers ({slots}). "
    )
    if search.best == search.start:
        text += "None did better on rows that had no part in choosing it"
    else:
        text += f"{search.best} won"
        if search.after is not None and search.before is not None:
            text += (
                f": {search.after:.2f} against {search.before:.2f} on {search.n} rows that had no "
                "part in choosing it"
            )
        text += ", and is on the ladder already" if elsewhere else ""
    left = ", ".join(search.untried)
    return f"{text}; not tried: {left}." if left else f"{text}."


def plain_of(task: Task, rungs: Sequence[Planned]) -> frozenset[str]:
    """Keys of those that a serious climb would look for a better prompt, search or recipe of."""
    if task.climb.effort == "serious":
        return frozenset()
    tuned = {r.candidate.key for r in rungs if r.candidate.weights.recipe == "sized"}
    return frozenset(tuned | {r.candidate.key for r in _searched(task, rungs)})


def _searched(task: Task, rungs: Sequence[Planned]) -> list[Planned]:
    asked = task.model_copy(update={"climb": task.climb.model_copy(update={"effort": "serious"})})
    return [r for r in rungs if any(one.serves(r.candidate, asked) for one in REFINERS.values())]


def what_serious_takes(task: Task, rungs: Sequence[Planned]) -> list[str]:
    """What looking for each prompt's best takes at most, whether it is asked for or not."""
    searched = _searched(task, rungs)
    if not searched:
        return []
    calls = task.climb.search_calls
    usd_all = sum(float(r.usd_per_request) for r in searched) * calls
    minutes = sum(r.usage.computed for r in searched) * calls / 60
    now = task.climb.effort == "serious"
    head = "A serious climb" if not now else "This climb"
    tail = "" if now else ' ([climb] effort = "serious"; this one is quick)'
    return [
        f"{head} looks on train and dev for the best of {len(searched)} prompts first: at most "
        f"{calls * len(searched):,} answers more, about {usd(usd_all)} and {minutes:.0f} minutes "
        f"of this machine{tail}."
    ]


FEWEST_WEIGHTS = 1_000_000_000
"""Of a local model that is asked without being named: smaller ones write nonsense (measured with
half a billion)."""
ROOM = 1536
"""Tokens of what it writes, beside its thoughts."""
_WORK = Usage(input_tokens=2000, output_tokens=500)


def strongest(tools: Tools) -> str | None:
    """`[models] writer`; else the dearest by the token of those named, the largest of local ones.

    None where all of them are small.
    """
    models = tools.task.models
    if models.writer is not None:
        return models.writer
    named = [m for m in (*models.to_try, *models.helpers) if not m.startswith(NO_LLM)]
    sizes = {name: parameters(tools.raw(name)) for name in dict.fromkeys(named)}
    able = [name for name, size in sizes.items() if size is None or size >= FEWEST_WEIGHTS]
    return max(able, key=lambda m: (tools.price(_WORK, m), sizes[m] or 0), default=None)


async def written(tools: Tools, name: str, messages: tuple[Message, ...]) -> tuple[str, Decimal]:
    """What the writer says, and what that cost; nothing where it will not answer this.

    Raises `ProviderError` (never as an outage: it says nothing of the rung's own model) and
    `BudgetExceeded`.
    """
    chat = tools.chat(name)
    room = ROOM + (FOR_THOUGHTS[0] if thinks(chat) else 0)
    request = ChatRequest(messages=messages, max_tokens=min(room, chat.context_window // 2))
    try:
        reply = await chat.reply(request)
    except ProviderError as error:
        if error.final:
            return "", Decimal(0)
        raise ProviderError(f"{error} (it words prompts here: [models] writer)") from error
    return reply.text, tools.price(reply.usage, name)
