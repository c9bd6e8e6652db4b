"""Skips rungs that cannot get there: what a failed prompt's failures prove to be missing.

A cheap closed-book prompt that failed is asked again with the right passage. Failures which that
mends, and an irrelevant passage does not, lack knowledge, and no prompt or weights without
documents will supply it (`rung.diagnose.causes.mendable`).
"""

from collections.abc import Sequence
from functools import cached_property

from scipy.stats import betabinom

from rung.candidate import Candidate
from rung.climbing.explaining import AT_ONCE, DIAGNOSIS_FILE, PROBES
from rung.climbing.observer import Observer
from rung.climbing.rows import RunRecord
from rung.diagnose import Bench, Diagnosis, Finding, diagnose
from rung.diagnose.probes import KNOWLEDGE
from rung.diagnose.shares import bounds
from rung.measure.runner import Runner
from rung.measure.store import RunStore
from rung.records import Attempt
from rung.scorers import Scorer
from rung.solver import Solver, Workshop
from rung.task.types import Example, Task, digest

FAILED = ("hopeless", "drop", "undecided")
WORTH = 0.2
"""Chance of ruling a rung out below which no further failure is probed."""


class Gate:
    """Says which rungs of one climb need not be tried."""

    def __init__(
        self,
        task: Task,
        scorer: Scorer,
        ladder: RunRecord,
        workshop: Workshop,
        observer: Observer,
    ) -> None:
        self.task, self.scorer, self.ladder, self.workshop = task, scorer, ladder, workshop
        self.observer = observer
        self._failed: Solver | None = None
        self._found: Diagnosis | None = None

    def failed(self, solver: Solver) -> None:
        """A candidate did not make it; the first closed-book prompt is the one to diagnose.

        However it failed: what is skipped may depend on dev, never on which test answers came.
        """
        row = self.ladder.rows[solver.candidate.key]
        if self._failed is None and row.state in FAILED and _closed(row.candidate):
            self._failed = solver

    async def skip(self, candidate: Candidate) -> str | None:
        """Why a rung cannot reach the target; None where it may. Asks dev examples, at most once.

        Raises `ProviderError` on an outage and `BudgetExceeded`.
        """
        if self._may_know(candidate) or self._failed is None or not self.task.documents:
            return None
        if self._found is None:
            self._found = await self._diagnose(self._failed, candidate)
        bound = bounds(
            list(self._found.examples.values()), self._found.n, [candidate], self._target
        )
        return bound[0].text if bound and bound[0].high < self._target else None

    def _may_know(self, candidate: Candidate) -> bool:
        """Whether an answer may come out of passages, or out of training examples.

        Nearest examples are never ruled out: where questions recur, as in an FAQ, they hold the
        answer that the closed-book prompt lacked, in other words perhaps. Fixed examples and tuned
        weights are, unless answers recur.
        """
        if not candidate.uses_llm or candidate.first is not None:
            return True
        informed = candidate.context.informs or candidate.way == "tools"
        if informed or candidate.prompt.shots.chosen_by_input:
            return True
        return candidate.learns and self._answers_recur

    @cached_property
    def _answers_recur(self) -> bool:
        """Whether an expected answer on dev stands among those of the training examples."""
        seen = {digest(example.expected) for example in self.task.train}
        return any(digest(example.expected) in seen for example in self.task.dev)

    @property
    def _target(self) -> float:
        return self.task.target.score

    async def _diagnose(self, solver: Solver, candidate: Candidate) -> Diagnosis:
        self.observer.phase(solver.candidate.key, "why", 0)
        attempts = self._attempts(solver.candidate)
        store = RunStore(self.ladder.store.folder / PROBES)
        try:
            runner = Runner(self.task, self.scorer, store, self.ladder.tools.price, AT_ONCE)
            bench = Bench(self.task, solver, runner, self.workshop, self._target or 1.0)
            diagnosis = await diagnose(
                bench,
                attempts,
                [row.candidate for row in self.ladder.rows.values() if row.state != "probe"],
                probes=KNOWLEDGE,
                enough=lambda seen: not self._worth(seen, attempts, candidate),
            )
        finally:
            store.close()
        self.ladder.probe_answers = diagnosis.calls
        note = "Asked only whether knowledge is missing; `rung explain` asks the rest."
        diagnosis = diagnosis.model_copy(update={"note": f"{note} {diagnosis.note}".strip()})
        self.ladder.store.write(DIAGNOSIS_FILE, diagnosis.model_dump_json(indent=1) + "\n")
        return diagnosis

    def _attempts(self, candidate: Candidate) -> list[tuple[Example, Attempt]]:
        kept = {e.id: e for e in self.task.dev}
        mine = [a for a in self.ladder.attempts(candidate.key) if a.split == "dev"]
        return [(kept[a.example_id], a) for a in mine if a.example_id in kept]

    def _worth(
        self,
        seen: Sequence[Finding],
        attempts: Sequence[tuple[Example, Attempt]],
        candidate: Candidate,
    ) -> bool:
        """Whether probing on is likely to rule the candidate out, and it is not yet."""
        n = len(attempts)
        failures = sum((a.score or 0.0) < self._target for _, a in attempts)
        left = failures - len(seen)
        proven = [f for f in seen if f.cause == "missing_knowledge"]
        if self._ruled_out(proven, n, candidate) or left == 0:
            return False
        needed = next(
            (
                more
                for more in range(1, left + 1)
                if self._ruled_out([*proven, *_like(more)], n, candidate)
            ),
            None,
        )
        if needed is None:
            return False
        hits = len(proven)
        chance = betabinom.sf(needed - 1, left, hits + 0.5, len(seen) - hits + 0.5)
        return bool(chance >= WORTH)

    def _ruled_out(self, findings: Sequence[Finding], n: int, candidate: Candidate) -> bool:
        return bool(bounds(findings, n, [candidate], self._target)[0].high < self._target)


def _like(more: int) -> list[Finding]:
    """As many further failures as would be found, each without any credit."""
    return [Finding(id=f"+{i}", score=0.0, cause="missing_knowledge") for i in range(more)]


def _closed(candidate: Candidate) -> bool:
    """A prompt on base weights that is told nothing."""
    return candidate.technique == "prompting" and not candidate.prompt.shots.shown
