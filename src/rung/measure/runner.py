"""Attempts: one solver on some examples, in order, as many at once as the model takes.

An infrastructure failure is recorded as an error and never scored. An outage (every further call
would fail too) stops the run, which is then resumed by running it again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from statistics import fmean

from rung.errors import BudgetExceeded, ProviderError
from rung.knowledge.gold import gold_passages
from rung.measure.executors import EXECUTORS, Executor, Question
from rung.measure.store import AttemptKey, RunStore
from rung.records import Answer, Attempt, Passage, Usage
from rung.scorers import Scorer
from rung.solver import Solver
from rung.task.expected import answer_texts
from rung.task.types import Example, SplitName, Task

GIVEN_UP_AFTER = 3
"""Runs in which an example got no answer, and others did."""


class Runner:
    """Measures solvers on the examples of one task."""

    def __init__(
        self,
        task: Task,
        scorer: Scorer,
        store: RunStore,
        price: Callable[[Usage, str], Decimal],
        concurrency: int = 32,
        executor: Executor | None = None,
    ) -> None:
        self.task, self.scorer, self.store = task, scorer, store
        self._executor = executor or EXECUTORS["here"]()
        self._price = price
        self._slots = asyncio.Semaphore(concurrency)
        self.beginning: asyncio.Task[None] | None = None
        """Whatever calls `begin`."""
        self._begun: dict[AttemptKey, asyncio.Task[Attempt]] = {}

    async def begin(self, solver: Solver, examples: Sequence[Example], split: SplitName) -> None:
        """Ask ahead what `attempts` will be asked in any case. Nothing is kept before it is."""
        await solver.prepare([example.input for example in examples])
        for example in examples:
            key = (solver.candidate.key, split, example.id)
            if self.store.get(key) is None and key not in self._begun:
                asked = self._in_slot(solver, example, split, asyncio.Event())
                self._begun[key] = asyncio.create_task(asked)

    async def quiet(self) -> None:
        """Wait until nothing is being asked ahead: one request is to be timed by itself."""
        if self.beginning is not None:
            await asyncio.wait([self.beginning])
        if self._begun:
            await asyncio.wait(self._begun.values())

    async def leave(self) -> None:
        """Give up what was begun and is not asked for."""
        begun, self._begun = list(self._begun.values()), {}
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)

    async def attempts(
        self,
        solver: Solver,
        examples: Sequence[Example],
        split: SplitName,
        on_attempt: Callable[[Attempt], None] | None = None,
        decided: asyncio.Event | None = None,
    ) -> list[Attempt]:
        """One attempt an example, in the order of `examples`; those already kept are not repeated.

        Once `decided` is set, nothing more is begun (`asyncio.CancelledError`). Raises
        `ProviderError` on an outage and `BudgetExceeded`; what was answered is kept.
        """
        key, stop = solver.candidate.key, decided or asyncio.Event()
        missing = [e for e in examples if self.store.get((key, split, e.id)) is None]
        await solver.prepare([e.input for e in missing])
        tasks = [
            asyncio.create_task(self._attempt(solver, example, split, on_attempt, stop))
            for example in examples
        ]
        try:
            return list(await asyncio.gather(*tasks))
        except BaseException as error:
            if isinstance(error, BudgetExceeded):
                stop.set()  # what has begun is paid for: kept
            elif not stop.is_set():
                for task in tasks:
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _attempt(
        self,
        solver: Solver,
        example: Example,
        split: SplitName,
        on_attempt: Callable[[Attempt], None] | None,
        stop: asyncio.Event,
    ) -> Attempt:
        key: AttemptKey = (solver.candidate.key, split, example.id)
        attempt = self.store.get(key)
        if attempt is None:
            begun = self._begun.pop(key, None)
            attempt = self._kept(await (begun or self._in_slot(solver, example, split, stop)))
        if on_attempt is not None:
            on_attempt(attempt)
        return attempt

    async def _in_slot(
        self, solver: Solver, example: Example, split: SplitName, stop: asyncio.Event
    ) -> Attempt:
        async with self._slots:
            if stop.is_set():
                raise asyncio.CancelledError
            return await self._first(solver, example, split)

    async def probe(
        self,
        solver: Solver,
        example: Example,
        name: str,
        given: tuple[Passage, ...] | None = None,
        seed: int = 0,
    ) -> Attempt:
        """One dev example, asked under a name of its own: an intervention, kept as an attempt.

        `given` is what the solver is to know instead of what it would find. Raises
        `ProviderError` on an outage and `BudgetExceeded`.
        """
        attempt = self.store.get((name, "dev", example.id))
        if attempt is None:
            async with self._slots:
                base = Attempt(candidate=name, split="dev", example_id=example.id)
                attempt = await self._ask(base, solver, example, given, [seed])
            attempt = self._kept(attempt)
        return attempt

    def _kept(self, attempt: Attempt) -> Attempt:
        """The attempt, written down. One without an answer is asked again in the next run.

        Where it got none in run after run although others were answered, it is given up: it counts
        as an example that this candidate cannot answer, and is asked again all the same.
        """
        if attempt.state != "errored" or attempt.error_is_final:
            self.store.add(attempt)
            return attempt
        runs = self.store.note_failure(attempt)
        if runs < GIVEN_UP_AFTER or not self.store.has_answered(attempt.candidate):
            return attempt
        why = f"given up after {runs} runs: {attempt.error}"
        return attempt.model_copy(update={"error": why, "error_is_final": True})

    async def _first(self, solver: Solver, example: Example, split: SplitName) -> Attempt:
        base = Attempt(candidate=solver.candidate.key, split=split, example_id=example.id)
        repeats = self.task.climb.repeats if solver.parts.chat is not None else 1
        gold = self._gold(solver, example)
        return await self._ask(base, solver, example, gold, range(repeats))

    async def _ask(
        self,
        base: Attempt,
        solver: Solver,
        example: Example,
        given: tuple[Passage, ...] | None,
        seeds: Sequence[int],
    ) -> Attempt:
        try:
            questions = [Question(example.input, given, seed) for seed in seeds]
            answers = await self._executor.answers(solver, questions)
        except ProviderError as error:
            if error.asks_nothing_more:
                raise
            return base.model_copy(update={"error": str(error), "error_is_final": error.final})
        return await self._score(base, example, answers, solver)

    async def _score(
        self, base: Attempt, example: Example, answers: Sequence[Answer], solver: Solver
    ) -> Attempt:
        """One attempt of an example's answers: scores and costs averaged, the first one kept."""
        scores = [await self.scorer.score(example, answer) for answer in answers]
        values = [s.value for s in scores if s.value is not None]
        details = {
            name: fmean(s.details.get(name, 0.0) for s in scores) for name in scores[0].details
        }
        if len(answers) > 1:
            texts = Counter(answer.text for answer in answers)
            details["agreement"] = texts.most_common(1)[0][1] / len(answers)
        if solver.candidate.then is not None:
            details["fell_back"] = fmean(answer.passed_on is not None for answer in answers)
        return base.model_copy(
            update={
                "answer": answers[0],
                "score": fmean(values) if len(values) == len(scores) else None,
                "details": details,
                "cost_usd": fmean(float(a.usd(self._price, solver.model)) for a in answers),
            }
        )

    def _gold(self, solver: Solver, example: Example) -> tuple[Passage, ...] | None:
        if not solver.candidate.is_probe:
            return None
        expected = answer_texts(self.task.output, example)
        passages = solver.knowledge.passages
        gold = gold_passages(example, self.task.documents, passages, expected)
        return gold[: solver.candidate.context.k]
