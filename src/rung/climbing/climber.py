"""`Climber`: grade the gold, audit, plan, climb from the cheapest rung, decide, save the winner.

Everything that costs is resumable: answered calls are in the cache, scored attempts in the run's
folder, trained adapters under their content hash. Running again goes on where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rung.audit.units import sentences
from rung.behaviour.trainers.hosted import provider_of
from rung.candidate import NO_LLM, Candidate, Context
from rung.climbing.ahead import asked_ahead
from rung.climbing.auditing import audit_of, refuse
from rung.climbing.certify import certify, in_order, is_graded, plan_design
from rung.climbing.draws import draw_of
from rung.climbing.gate import Gate
from rung.climbing.handshakes import heard_of, shake_hands
from rung.climbing.latency import timed
from rung.climbing.learning import learning_of, sentence
from rung.climbing.ledger import TestLedger
from rung.climbing.observer import Observer
from rung.climbing.people import people_of
from rung.climbing.reconsider import reconsider
from rung.climbing.refining import best_of, plain_of, what_serious_takes
from rung.climbing.retrieval import choose_context
from rung.climbing.rows import RunRecord
from rung.climbing.summary import measured, unit_scores, upper_bound, value_of
from rung.climbing.tools import ClimbOptions, Tools
from rung.climbing.winner import keep_winner
from rung.decide.ladder import Planned, candidates, plan
from rung.decide.verdict import keeps_limits, within_limits
from rung.errors import BudgetExceeded, ProviderError, SourceError, UserError
from rung.evidence import dev_weight
from rung.knowledge.stores import STORES
from rung.measure.runner import Runner
from rung.measure.store import RunStore
from rung.records import Attempt
from rung.records.results import CandidateResult, RunResult
from rung.scorers import Scorer, grade_gold, scorer_for
from rung.solver import Solver, Workshop, fit
from rung.task.types import Example, Task, digest

SLOTS = 64
"""Examples at once: the local engine sorts many into batches, an endpoint bounds itself by what it
is set to and has shown to bear."""
RECORDED = (
    "What tools say is recorded once and replayed to every candidate; this recording was begun "
    "{}. `rung climb --record` asks them anew."
)
NOT_PLAIN = "--mode {} is for right and wrong, and no judge's: what is certified is of traffic."


class Climber:
    """One task, one climb. Use `rung.climb` unless the pieces are wanted."""

    def __init__(self, task: Task, options: ClimbOptions, observer: Observer) -> None:
        self.task, self.options, self.observer = task, options, observer
        for name in task.models.tune:
            provider_of(name)
        self.tools = Tools(task, options)
        judge = task.models.judge
        self.scorer: Scorer = scorer_for(task, self.tools.chat(judge) if judge else None)
        self.workshop = Workshop(
            self.tools.chat,
            self.tools.raw,
            self.tools.embedder,
            self.tools.project.adapters,
            observer.tuning,
            till=self.tools.till,
            tool=self.tools.tool,
            price=self.tools.price,
        )
        self._solvers: dict[str, Solver] = {}
        self._unasked: dict[str, str] = {}
        """Models that cannot be asked, and why."""

    async def candidates(self) -> list[Candidate]:
        """Everything that is to be tried, unordered. Makes no call."""
        every = list(self.options.candidates)
        if not every:
            context = await choose_context(self.tools) if self.task.documents else Context()
            context = context.model_copy(update=self.task.knowledge.model_dump())
            every = candidates(self.task, self.tools.chat, context, self.tools.tunes_embedder)
        only = self.options.only
        kept = [c for c in every if not only or c.technique in only]
        if not kept:
            offered = sorted({c.technique for c in every})
            raise UserError(
                f"--only {', '.join(only)} leaves nothing to try: this task allows "
                f"{', '.join(offered)}"
            )
        return kept

    def _names(self) -> list[str]:
        """Every model that may be asked."""
        models, named = self.task.models, [m for c in self.options.candidates for m in c.models]
        tried = named or models.to_try
        asked = [name for name in tried if not name.startswith(NO_LLM)]
        return [*asked, *models.helpers]

    def heard(self, rungs: Sequence[Planned]) -> list[str]:
        """See `heard_of`."""
        return heard_of(self.tools, self._names(), rungs)

    async def plan(self) -> list[Planned]:
        """The ladder, cheapest first. Makes no call."""
        return plan(self.task, await self.candidates(), self.tools.chat, self.tools.prices)

    async def climb(self) -> RunResult:
        """Climb to a verdict.

        Raises `UserError` and `StoreError`. An outage of a model leaves its candidates incomplete
        and the verdict undecided, as does a budget that ran out (`Verdict.stopped`).
        """
        if self.task.climb.repeats > 1 and self.task.climb.temperature == 0:
            raise UserError(
                f"[climb] repeats = {self.task.climb.repeats} asks the same greedy question again: "
                "set [climb] temperature, such as 0.7"
            )
        await grade_gold(self.task, self.scorer)
        audited = await audit_of(self.tools)
        if not self.options.anyway:
            refuse(audited)
        if grave := [flag.id for flag in audited.flags if flag.severity != "info"]:
            self.observer.note(f"red flags: {', '.join(grave)} (`rung audit` says more)")
        self._unasked = await shake_hands(self.tools, self._names(), self.observer.note)
        rungs = await self.plan()
        if all(any(m in self._unasked for m in r.candidate.models) for r in rungs):
            raise UserError(f"nothing could be asked: {'; '.join(self._unasked.values())}")
        unasked = (f"{name} could not be asked: {why}" for name, why in self._unasked.items())
        where = STORES[self.task.knowledge.store].note()
        for note in (*unasked, *what_serious_takes(self.task, rungs), *([where] if where else [])):
            self.observer.note(note)
        self.observer.planned(rungs)
        keys = [r.candidate.key for r in rungs]
        people = people_of(self.tools, self.scorer.version)
        judged = [self.scorer.name, self.scorer.version, *people.names]
        # Attempts of other weights or another engine are another run.
        asked = sorted({self.tools.placed(m).identity for m in self.task.models.to_try})
        # What tools say was recorded anew: another run.
        recorded = [live] if self.task.tools and (live := self.tools.recorded()) else []
        name = digest([self.task.fingerprint(), judged, asked, sorted(keys), *recorded])[:12]
        store = RunStore(self.tools.project.runs / name)
        try:
            ladder = RunRecord(self.task, self.tools, name, rungs, store)
            ladder.flags, ladder.scorer_version = audited.flags, self.scorer.version
            ladder.people, ladder.plain = people, plain_of(self.task, rungs)
            ladder.notes += [*self.heard(rungs), *map(RECORDED.format, recorded)]
            return await self._run(rungs, ladder)
        finally:
            store.close()
            await self.tools.aclose()

    async def _run(self, rungs: Sequence[Planned], ladder: RunRecord) -> RunResult:
        try:
            await self._climb(rungs, ladder)
        except BaseException as error:
            self.workshop.stop.set()
            if isinstance(error, asyncio.CancelledError):
                self.observer.note("stopping; Ctrl-C again does not wait for the batch at work")
            ladder.stop("interrupted")
            ladder.write(finished=False)
            raise
        ladder.challenges = self.tools.project.is_served
        result = ladder.write(finished=True)
        keep_winner(self._solvers, result, self.tools)
        return result

    async def _climb(self, rungs: Sequence[Planned], ladder: RunRecord) -> None:
        slots = max([SLOTS, *(s.in_flight for s in self.task.models.settings.values())])
        runner = Runner(
            self.task, self.scorer, ladder.store, self.tools.price, slots, self.tools.executor
        )
        named = ladder.people.name
        tested = [named(r.candidate.key) for r in rungs if not r.candidate.is_probe]
        ledger = TestLedger(self.tools.project.folder, self.task, tested)
        ladder.notes += [*sentences(self.task), *ledger.sentences()]
        ladder.test_rows = ledger.rows
        if not is_graded(self.task, self.scorer.graded) and not ladder.people.names:
            ladder.mode = self.options.mode
        elif self.options.mode != "traffic":
            ladder.notes.append(NOT_PLAIN.format(self.options.mode))
        gate = Gate(self.task, self.scorer, ladder, self.workshop, self.observer)
        down = dict(self._unasked)
        # Probes first: they cost little and say what the rungs above can hope for.
        first = sorted(rungs, key=lambda r: not r.candidate.is_probe)
        every = [_Rung(self, r, ladder, runner, ledger) for r in first]
        reached = [rung for rung in every if not down.keys() & rung.candidate.models]
        async with asked_ahead(self.task, self.tools, runner, ledger, reached):
            await self._rise(list(every), gate, down, ledger)
        await reconsider({r.key: r.again for r in every}, ladder, ledger)
        ladder.look_ahead(ledger.left)

    async def _rise(
        self, waiting: list[_Rung], gate: Gate, down: dict[str, str], ledger: TestLedger
    ) -> None:
        """From the cheapest rung up, until one is enough."""
        ladder = gate.ladder
        while waiting:
            rung = waiting.pop(0)
            row = await self._one(rung, gate, down)
            if row.state == "planned" and not ladder.stopped:  # a cheaper one goes first
                waiting.append(rung)
                waiting.sort(key=lambda r: (not r.candidate.is_probe, ladder.likely_usd(r.key)))
                continue
            self.observer.result(row)
            ladder.ledger_summary = ledger.summary()
            enough = row.state == "pass" and keeps_limits(row, self.task.target)
            if ladder.stopped or (enough and not self.options.everything):
                break

    async def _one(self, rung: _Rung, gate: Gate, down: dict[str, str]) -> CandidateResult:
        """What became of one candidate.

        `down` holds the models that cannot be reached: other candidates need not find out again.
        """
        candidate, ladder = rung.candidate, rung.ladder
        ladder.current = rung.key
        try:
            for model in candidate.models:
                if model in down:
                    raise ProviderError(down[model])
            may_skip = self.options.diagnose and not self.options.everything
            beyond = await gate.skip(candidate) if may_skip else None
            if beyond is not None:
                return ladder.update(rung.key, state="skipped", reason=beyond)
            row = await rung.climb()
            gate.failed(self._solvers[rung.key])
        except UserError as error:
            return ladder.update(rung.key, state="skipped", reason=str(error))
        except ProviderError as error:
            own = candidate.then is None and not isinstance(error, SourceError)
            if error.outage and own:  # else: which of them?
                down[candidate.model] = str(error)
            return ladder.update(rung.key, state="incomplete", reason=str(error))
        except BudgetExceeded:
            return ladder.stop("budget")
        return row

    def remember(self, solver: Solver) -> None:
        """Keep a fitted solver until the verdict names one of them."""
        self._solvers[solver.candidate.key] = solver


class _Rung:
    """One candidate on its way: fit, pilot on dev, certify on test, time."""

    def __init__(
        self,
        climber: Climber,
        rung: Planned,
        ladder: RunRecord,
        runner: Runner,
        ledger: TestLedger,
    ) -> None:
        self.climber, self.candidate, self.key = climber, rung.candidate, rung.candidate.key
        self.ladder, self.runner, self.ledger = ladder, runner, ledger
        self.task, self.observer = climber.task, climber.observer
        self._solver: Solver | None = None
        self._fitting = asyncio.Lock()
        self._piloted = False
        self._scores: list[float] = []
        """Of the pilot, one a unit."""

    async def climb(self) -> CandidateResult:
        """The row when it is done with; "planned" where one that waits is likely to cost less."""
        solver = await self.fitted()
        row = self.ladder.rows[self.key]
        if not self._piloted:
            row = await self._pilot(solver)
            self._piloted = True
            if row.state == "planned" and self.ladder.cheaper_waits(self.key):
                return row
        if row.state == "probe":
            return row
        if row.state != "hopeless":
            row = await self._certify(solver)
        if row.state == "pass":
            return await self._time(solver)
        if self.climber.options.learning_curve and row.state != "incomplete":
            return await self._learn(solver)
        return row

    async def fitted(self) -> Solver:
        """Its solver, fitted once. Raises `UserError` where it cannot be."""
        async with self._fitting:
            self._solver = self._solver or await self._fit()
        return self._solver

    async def _fit(self) -> Solver:
        workshop, scorer = self.climber.workshop, self.climber.scorer
        self.candidate = await best_of(self.candidate, self.ladder, workshop, scorer, self.observer)
        self.key = self.candidate.key
        self.observer.phase(self.key, "fit", 0)
        solver = await fit(self.candidate, self.task, workshop)
        self.climber.remember(solver)
        if (tuned := workshop.tuned.get(self.key)) is not None:
            self.ladder.update(self.key, training=tuned.took)
        if tokens := workshop.embedded.get(self.key):
            self.ladder.update(self.key, embedded_tokens=tokens)
        return solver

    async def _learn(self, solver: Solver) -> CandidateResult:
        """What more training examples would do, where the candidate is tuned."""
        curve = await learning_of(
            solver.candidate, self.task, self.climber.workshop, self.runner, self.observer
        )
        row = self.ladder.rows[self.key]
        if curve is None:
            return row
        reason = "; ".join(part for part in (row.reason, sentence(curve)) if part)
        return self.ladder.update(self.key, learning=curve, reason=reason)

    async def _pilot(self, solver: Solver) -> CandidateResult:
        pilot = self.task.dev if self._free else self.task.dev[: self.task.climb.dev_size]
        self.observer.phase(self.key, "dev", len(pilot))
        attempts = await self.runner.attempts(solver, pilot, "dev", self.observer.attempt)
        self.ladder.price(self.key)
        scores = self._scores = unit_scores(self.task, pilot, attempts)
        if scores:
            self.ledger.learnt(self.task.dev)
            self.ledger.taught(self.task.train if self.candidate.weights.bought else ())
        row = self.ladder.piloted(self.key, measured(self.task, "dev", pilot, attempts), scores)
        if self.candidate.is_probe:
            return self.ladder.update(self.key, state="probe", reason="gold passages, dev only")
        most, sure = self.ladder.people.at_most(upper_bound(scores))
        if most < self.task.target.score and not self.climber.options.everything:
            why = f"at most {most:.2f} with {sure} confidence"
            self.ladder.update(self.key, state="hopeless", reason=why)
            return self.ladder.leave(self.key, scores)
        return row

    def _weight(self) -> float | None:
        """Share of the error left that its dev answers earn it; an equal one where all are asked,
        or where no dev answer is scored."""
        scores = self._scores
        if not scores or self.climber.options.everything:
            return None
        return dev_weight(
            scores,
            self.ladder.people.likely_target(self.task.target.score),
            waiting=self.ladder.waiting(self.key),
            left=self.ledger.left / self.ledger.total,
        )

    @property
    def _free(self) -> bool:
        """It asks no language model, so nothing is saved by stopping early."""
        return all(model.startswith(NO_LLM) for model in self.candidate.models)

    async def again(self, freed: float) -> CandidateResult:
        """Certify anew, with error that a dearer candidate left to this one."""
        solver = await self.fitted()
        row = await self._certify(solver, freed)
        row = await self._time(solver) if row.state == "pass" else row
        self.observer.result(row)
        return row

    async def _certify(self, solver: Solver, freed: float = 0.0) -> CandidateResult:
        ladder, target = self.ladder, self.task.target.score
        people, named = ladder.people, ladder.people.name(self.key)
        self.ledger.marks[named] = draw_of(self.candidate, self.climber.tools, self.climber.scorer)
        try:
            alpha = self.ledger.offer(named, self._weight())
            lacking = people.lacking(target, alpha, upper_bound(self._scores))
        except UserError as error:  # the split is used up: nothing more can be told on it
            lacking = str(error)
        if lacking is not None:
            ladder.update(self.key, state="undecided", reason=lacking)
            return ladder.leave(self.key, self._scores)
        graded, mode = self.climber.scorer.graded, ladder.mode
        units = in_order(self.task, self.ledger.rows)
        asked, half = people.asked(target, alpha)
        design = plan_design(self.task, len(units), half, graded, mode, asked, freed=freed)
        self.observer.phase(self.key, "test", sum(map(len, units)))
        chat = solver.parts.chat

        async def ask(rows: Sequence[Example], decided: asyncio.Event) -> list[Attempt]:
            return await self.runner.attempts(solver, rows, "test", seen, decided)

        def seen(attempt: Attempt) -> None:
            if value_of(attempt) is not None:  # the first one spends the error; none, none
                self.ledger.grant(named, alpha, ladder.on_test())
            self.observer.attempt(attempt)

        whole = self.climber.options.everything or self._free
        ahead = chat is not None and not chat.trains
        outcome = await certify(self.task, design, units, ask, everything=whole, ahead=ahead)
        return ladder.tested(self.key, outcome, design, whole=whole or mode == "suite")

    async def _time(self, solver: Solver) -> CandidateResult:
        await self.runner.quiet()
        row = await timed(solver, self.ladder, self.climber.tools, self.observer)
        broken = within_limits(row, self.task.target)
        return self.ladder.update(self.key, reason=broken) if broken else row
