"""Explaining a finished run: which candidate, which failures, where the probes' answers stay."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rung.audit import noise
from rung.candidate import NO_LLM, Weights, full_key
from rung.climbing.grounding import Grounding, grounding
from rung.climbing.several import KindOfQuestion, kinds_of_questions
from rung.climbing.tools import ClimbOptions, Tools
from rung.diagnose import Bench, Diagnosis, Finding, diagnose
from rung.errors import ProviderError, UserError
from rung.measure.runner import Runner
from rung.measure.store import RunStore
from rung.models.base import Message
from rung.records import Attempt
from rung.records.results import CandidateResult, RunResult
from rung.scorers import scorer_for
from rung.solver import Workshop, fit
from rung.task.types import Example, LabelsOutput, Task

PROBES = "probes"
"""Folder of the arms' attempts, in the run's folder."""
DIAGNOSIS_FILE = "diagnosis.json"
WIDTH = 0.25
"""Shares are known well enough when their intervals are this narrow."""
AT_ONCE = 64
DOUBTED = 0.25
"""How much likelier, out of sample, another label must be before two techniques that say so are
believed. Lower than what makes a suspect of the audit, which has no other witness; chosen on two
public sets that the benchmark does not break."""


@dataclass
class Explained:
    """A diagnosis, and the bench it was made on."""

    diagnosis: Diagnosis
    bench: Bench
    attempts: list[tuple[Example, Attempt]]
    grounding: Grounding | None = None
    """What the answers rest on; None where they had no passages, or one example is looked at."""
    kinds: tuple[KindOfQuestion, ...] = ()
    """Questions that no single document answers, apart from the others; as `grounding`."""


class Explainer:
    """Diagnoses one candidate of one finished run."""

    def __init__(self, task: Task, run: RunResult, folder: Path, options: ClimbOptions) -> None:
        self.task, self.run, self.folder = task, run, folder
        if run.fingerprint != task.fingerprint():
            raise UserError(
                f"the task was changed after run {run.run}: run `rung climb` again, then explain"
            )
        self.tools = Tools(task, options)
        judge = task.models.judge
        self._scorer = scorer_for(task, self.tools.chat(judge) if judge else None)

    def subject(self, key: str | None) -> CandidateResult:
        """The candidate to diagnose: the one named, else the choice, else the best on dev."""
        rows = [r for r in self.run.candidates if r.state != "probe" and r.dev is not None]
        if key is not None:
            whole = full_key(key, [r.key for r in rows])
            return next(r for r in rows if r.key == whole)
        if not rows:
            raise UserError("no candidate of this run was asked a dev example: climb first")
        chosen = [r for r in rows if r.key == self.run.verdict.choice]
        return chosen[0] if chosen else max(rows, key=_dev_score)

    async def explain(
        self,
        key: str | None = None,
        only: str | None = None,
        width: float | None = WIDTH,
        on_step: Callable[[Finding], None] | None = None,
    ) -> Explained:
        """Diagnose; `only` is the id of the one example to look at."""
        row = self.subject(key)
        workshop = Workshop(
            self.tools.chat,
            self.tools.raw,
            self.tools.embedder,
            self.tools.project.adapters,
            tool=self.tools.tool,
        )
        measured = RunStore(self.folder)
        store = RunStore(self.folder / PROBES)
        try:
            solver = await fit(row.candidate, self.task, workshop)
            runner = Runner(self.task, self._scorer, store, self.tools.price, AT_ONCE)
            bench = Bench(
                task=self.task,
                subject=solver,
                runner=runner,
                workshop=workshop,
                cut=self.task.target.score or 1.0,
                peers=_peers(measured.attempts.values()),
                doubts=await doubts_of(self.task, self.tools),
                techniques={r.key: r.technique for r in self.run.candidates},
            )
            attempts = await self._attempts(bench, measured, only)
            tried = [r.candidate for r in self.run.candidates if r.state != "probe"]
            diagnosis = await diagnose(bench, attempts, tried, width=width, on_step=on_step)
            grounds: Grounding | None = None
            by_kind: tuple[KindOfQuestion, ...] = ()
            if only is None:
                name = self.task.models.judge
                judge = self.tools.chat(name) if name else None
                grounds = await grounding(self.task, attempts, judge)
                by_kind = kinds_of_questions(self.task, attempts, bench.cut)
                text = diagnosis.model_dump_json(indent=1) + "\n"
                measured.write(DIAGNOSIS_FILE, text)
            return Explained(diagnosis, bench, attempts, grounds, by_kind)
        finally:
            measured.close()
            store.close()

    async def sent(self, bench: Bench, key: str, example: Example) -> tuple[Message, ...]:
        """What another candidate of the run was sent; weights change no prompt, so none is tuned.

        Empty where no chat model was asked, or its prompt cannot be put together again.
        """
        candidate = next(r.candidate for r in self.run.candidates if r.key == key)
        answer = bench.peers[key][example.id].answer
        if answer is None or answer.calls == 0 or candidate.model.startswith(NO_LLM):
            return ()
        plain = candidate.chained_to(None).model_copy(update={"weights": Weights(), "first": None})
        read = answer.passages if plain.context.traits.searches else None
        try:
            solver = await fit(plain, self.task, bench.workshop)
            messages, _, _ = await solver.messages(example.input, read)
        except (UserError, ProviderError):
            return ()
        return messages

    async def aclose(self) -> None:
        """Close models and cache."""
        await self.tools.aclose()

    async def _attempts(
        self, bench: Bench, measured: RunStore, only: str | None
    ) -> list[tuple[Example, Attempt]]:
        """The candidate's attempts at every dev example: those of the climb, the rest asked now."""
        key = bench.subject.candidate.key
        wanted = [e for e in self.task.dev if only is None or e.id == only]
        if not wanted:
            tests = {e.id for e in self.task.test}
            why = "it is a test example, and no probe ever touches test" if only in tests else ""
            raise UserError(
                f"no dev example has the id {only!r}{': ' + why if why else ''}; "
                "`rung explain DIR` lists failures by cause with their ids"
            )
        await bench.subject.prepare([e.input for e in wanted])

        async def attempt(example: Example) -> tuple[Example, Attempt]:
            known = measured.get((key, "dev", example.id))
            return example, known or await bench.runner.probe(bench.subject, example, key)

        return list(await asyncio.gather(*[attempt(example) for example in wanted]))


def _peers(attempts: Iterable[Attempt]) -> dict[str, dict[str, Attempt]]:
    peers: dict[str, dict[str, Attempt]] = {}
    for one in attempts:
        if one.split == "dev":
            peers.setdefault(one.candidate, {})[one.example_id] = one
    return peers


def _dev_score(row: CandidateResult) -> float:
    return row.dev.value or 0.0 if row.dev is not None else 0.0


async def doubts_of(task: Task, tools: Tools) -> dict[str, str] | None:
    """The likelier label of each dev example whose own one looks wrong beside train and dev.

    None where the output is no label, or the vectors tell too little of the labels.
    """
    if not isinstance(task.output, LabelsOutput):
        return None
    rows = [*task.train, *task.dev]
    embedder = tools.embedder(task.models.embedder)
    vectors = await embedder.embed([e.input_text() for e in rows])
    labels = np.array([str(e.expected) for e in rows])
    suspected = noise.find(vectors, labels, task.climb.seed)
    if suspected is None or not suspected.informed:
        return None
    doubted = {
        rows[i].id: str(suspected.better[i]) for i in np.flatnonzero(suspected.margin >= DOUBTED)
    }
    return {e.id: doubted[e.id] for e in task.dev if e.id in doubted}
