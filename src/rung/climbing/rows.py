"""The rows of the ladder while it is climbed, and the run's file that holds them."""

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from statistics import fmean
from typing import Any

from rung.audit.units import units_of
from rung.candidate import Candidate
from rung.climbing.certify import Outcome, in_order
from rung.climbing.economics import economics_of, priced_attempts, usage_of
from rung.climbing.forecasting import look_ahead
from rung.climbing.found_notes import found_notes
from rung.climbing.people import People
from rung.climbing.summary import left_out_of_test, mean_usage, measured, value_of, versions
from rung.climbing.tools import Tools
from rung.decide.claims import claim_of
from rung.decide.ladder import Planned
from rung.decide.verdict import decide, standing_of
from rung.economics.amounts import total
from rung.economics.model import Workload, model_of_usage
from rung.evidence import (
    Design,
    chance_to_reach,
    paired_comparison,
)
from rung.evidence.weights import MOST
from rung.measure.store import RunStore
from rung.money import dec, usd
from rung.project import RUN_FILE
from rung.records import Attempt, Flag
from rung.records.results import (
    Calls,
    CandidateResult,
    Comparison,
    Measured,
    Reason,
    RunResult,
    Stopped,
    Verdict,
)
from rung.state import read_model
from rung.task.types import Task

PROMOTE = (
    "The winner that is served stays, and the choice waits in .rung/challenger: `rung promote` "
    "tests it against that one."
)
TIMED = ("p95", "low", "high")
CLEARLY = 1.25
"""A rung whose pilot costs this much more than one that waits is expected to gives way to it. Our
own threshold: expectations are seldom closer, and each change of order asks a pilot more."""


class RunRecord:
    """Results by candidate, in the order of the plan."""

    def __init__(
        self, task: Task, tools: Tools, name: str, rungs: Sequence[Planned], store: RunStore
    ) -> None:
        self.task, self.tools, self.name, self.store = task, tools, name, store
        self.planned = {r.candidate.key: r for r in rungs}
        self.rows = {r.candidate.key: unmeasured(r) for r in rungs}
        self._scores: dict[str, Sequence[float]] = {}
        """On test, one a unit, of those whose answers all came."""
        self.unused = left_out_of_test(task)
        """Test examples that `[climb] test_size` leaves out."""
        self.scorer_name = task.target.metric if task.scorer is None else "function"
        self.ledger_summary = ""
        self.probe_answers = 0
        """Answers that deciding what to skip took."""
        self.notes: list[str] = list(task.notes)
        self.scorer_version = ""
        self.mode = "traffic"
        """What a PASS speaks of (`rung.evidence.sequential`)."""
        self.test_rows: frozenset[str] | None = None
        """Names of the test examples that certify; all when None."""
        self.challenges = False
        """What is chosen waits beside a winner that is served."""
        self.plain: frozenset[str] = frozenset()
        """Candidates that a serious climb would look for something better than."""
        self.people = People()
        """Whose marks the scores are."""
        self.flags: tuple[Flag, ...] = ()
        self.current = rungs[0].candidate.key if rungs else ""
        """Key of the candidate that is being climbed."""
        self.stopped: Stopped | None = None
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._clock = time.perf_counter()
        self._before = {row.key: row for row in self._earlier()}
        self.rows = {key: self._timed(key) for key in list(self.rows)}

    def _earlier(self) -> Sequence[CandidateResult]:
        """The rows of the same run when it was last written."""
        path = self.store.folder / RUN_FILE
        if not path.exists():
            return ()
        cure = "delete it and run again; attempts and answered calls are kept elsewhere"
        return read_model(path, RunResult, cure).candidates

    def _timed(self, key: str) -> CandidateResult:
        """The row with what was timed before: that is not asked twice."""
        row = self._before.get(key, self.rows[key])
        return self.update(key, **{f"latency_{n}_s": getattr(row, f"latency_{n}_s") for n in TIMED})

    def update(self, key: str, **changes: Any) -> CandidateResult:
        """Change a row."""
        self.rows[key] = self.rows[key].model_copy(update=changes)
        return self.rows[key]

    def refined(self, key: str, best: Candidate) -> CandidateResult:
        """Put what a rung is climbed with into the place of its plain start.

        What it is expected to cost stays: the order was made by it.
        """
        rung = self.planned[key].model_copy(update={"candidate": best})
        row, now = unmeasured(rung), best.key
        self.planned = dict((now, rung) if k == key else (k, r) for k, r in self.planned.items())
        self.rows = dict((now, row) if k == key else (k, r) for k, r in self.rows.items())
        self.current = now
        return self._timed(now)

    def stop(self, why: Stopped) -> CandidateResult:
        """The climb ends here: the candidate it was at stays open, unless it was settled already.

        One that passed but could not be timed any more keeps its place where no latency is asked.
        """
        self.stopped = why
        row = self.rows[self.current]
        timed = row.latency_p95_s is not None or self.task.target.max_latency_p95_s is None
        if row.state not in ("planned", "pass") or (row.state == "pass" and timed):
            return row
        kept = len(self.attempts(row.key))
        why_stopped = "the budget ran out" if why == "budget" else "interrupted"
        reason = f"{why_stopped}; {kept} answers are kept" if kept else why_stopped
        return self.update(row.key, state="incomplete", reason=reason)

    def likely_usd(self, key: str) -> float:
        """USD a month as measured; before that as expected, times what the same models' pilots
        cost beside what was expected of them."""
        row, expected = self.rows[key], self.planned[key]
        if row.monthly_usd is not None:
            return row.monthly_usd
        seen = [
            mean / r.expected_cost_per_request_usd
            for r in self.rows.values()
            if r.model == row.model
            and r.expected_cost_per_request_usd
            and (mean := self._pilot_usd(r.key))
        ]
        more = float(expected.usd_per_request) * (fmean(seen) - 1.0) if seen else 0.0
        return float(expected.usd_per_month) + more * self.task.workload.requests_per_month

    def _pilot_usd(self, key: str) -> float | None:
        """Mean cost of an answer on dev: no order may depend on what was answered on test."""
        pilot = [a for a in self.attempts(key) if a.split == "dev"]
        return mean_usage(priced_attempts(pilot))[2]

    def on_test(self) -> list[str]:
        """The ledger's names of candidates that were granted error so far."""
        return [self.people.name(k) for k, row in self.rows.items() if row.alpha is not None]

    def cheaper_waits(self, key: str) -> bool:
        """Whether a rung that was not reached is likely to cost clearly less than this one does."""
        likely = [self.likely_usd(k) for k, r in self.rows.items() if r.state == "planned"]
        return self.likely_usd(key) > CLEARLY * min(likely, default=math.inf)

    def waiting(self, key: str) -> int:
        """Other candidates that were not reached yet."""
        return sum(r.state == "planned" for k, r in self.rows.items() if k != key)

    def attempts(self, key: str) -> list[Attempt]:
        """What was recorded of a candidate, dev and test."""
        return [a for a in self.store.attempts.values() if a.candidate == key]

    def price(self, key: str) -> CandidateResult:
        """Put mean usage and cost into a row."""
        answered = priced_attempts(self.attempts(key))
        usage, spread, mean = mean_usage(answered)
        used = usage_of(self.rows[key], answered, self.task, self.tools.billed)
        if used is None or mean is None:
            return self.rows[key]
        work = self.task.workload
        workload = Workload.of(work.requests_per_month, work.months)
        cost = model_of_usage(used, workload, self.tools.prices)
        return self.update(
            key,
            usage=usage,
            usage_sd=spread,
            cost_per_request_usd=mean,
            setup_usd=float(total(cost.once, {})),
            assumed_monthly_usd=float(total(cost.assumed, {})),
            monthly_usd=float(total(cost.monthly, {})),
        )

    def piloted(self, key: str, seen: Measured, scores: Sequence[float]) -> CandidateResult:
        """Put what was measured on dev into a row; `scores` are one a unit."""
        seen = self.people.fixed(seen, scores, self.task.target.confidence)
        return self.update(key, dev=seen)

    def tested(self, key: str, outcome: Outcome, design: Design, *, whole: bool) -> CandidateResult:
        """Put the outcome of the test phase into a row; `whole` where it could not stop early."""
        alpha = self.people.alpha(design) + design.freed
        self.price(key)
        seen = measured(self.task, "test", outcome.examples, outcome.attempts)
        if outcome.decision is None:
            reason = f"{seen.errors + seen.unscored} answers are missing: run again"
            return self.update(key, state="incomplete", test=seen, alpha=alpha, reason=reason)
        seen = self.people.tested(seen, outcome, design, self.task.target, whole=whole)
        self.update(key, state=outcome.decision.state, test=seen, alpha=alpha)
        self._scores[key] = outcome.scores
        return self.leave(key, outcome.scores)

    def leave(self, key: str, scores: Sequence[float]) -> CandidateResult:
        """Put what is known of one that was left, by these scores, into its row."""
        goal = self.people.likely_target(self.task.target.score)
        chance = chance_to_reach(scores, goal) if scores else None
        row = self.update(key, chance=chance)
        return self.update(key, standing=standing_of(row, self.task.target.score))

    def look_ahead(self, left: float) -> None:
        """What more examples would do for those left open, at the error that would be there.

        The next climb deals what is `left` as this one did: most of it to each in turn.
        """
        for key, scores in self._scores.items():
            if self.rows[key].standing != "open":
                continue
            alpha = MOST * left
            left -= alpha
            ahead = look_ahead(scores, self.people, self.task, self.rows[key].alpha, alpha)
            self.update(key, forecast=ahead)

    def result(self, *, finished: bool) -> RunResult:
        """The run as it stands."""
        stopped = self.stopped if finished else "interrupted"
        mode, unit = self.mode, units_of(self.task).field
        for key in self.rows:  # a stop comes between answers and their price
            self.price(key)
        verdict = self._decided(stopped, mode, unit)
        if verdict.choice is not None:
            compared = tuple(self._comparisons(verdict.choice))
            verdict = verdict.model_copy(update={"comparisons": compared})
            if self.challenges:
                verdict = verdict.model_copy(
                    update={"next_step": Reason(kind="said", figures={"text": PROMOTE})}
                )
        return RunResult(
            run=self.name,
            task=self.task.name,
            fingerprint=self.task.fingerprint(),
            metric=self.scorer_name,
            target=self.task.target.score,
            confidence=self.task.target.confidence,
            mode=mode,
            unit=unit,
            marked=self.people.marked,
            verdict=verdict,
            candidates=tuple(self.rows.values()),
            calls=self._calls(),
            sizes={s: len(self.task.split(s)) for s in ("train", "dev", "test")},
            spent_usd=float(self.tools.budget.spent),
            seconds=time.perf_counter() - self._clock,
            seed=self.task.climb.seed,
            notes=(*self.notes, *found_notes(list(self.rows.values()), self.attempts)),
            flags=self.flags,
            ledger=self.ledger_summary,
            workload=self.task.workload.model_dump(),
            economics=economics_of(
                list(self.rows.values()), self.attempts, self.task, self.tools.billed
            ),
            prices=self.tools.prices.model_dump(mode="json"),
            versions={**versions(), "scorer": self.scorer_version},
            arguments=self.tools.options.arguments,
            started=self._started,
            finished=finished,
        )

    def _decided(self, stopped: Stopped | None, mode: str, unit: str | None) -> Verdict:
        return decide(
            list(self.rows.values()),
            self.task.target,
            stopped=stopped,
            go_on=self._go_on(stopped),
            unused=self.unused,
            claim=claim_of(mode, unit, self.task.target.confidence, self.people.marked),
            plain=self.plain,
        )

    def write(self, *, finished: bool) -> RunResult:
        """Write `run.json` and return what it says."""
        result = self.result(finished=finished)
        self.store.write(RUN_FILE, result.model_dump_json(indent=1) + "\n")
        return result

    def _go_on(self, stopped: Stopped | None) -> str:
        if stopped != "budget":
            return "Run the same command again: it goes on where it was, nothing is paid twice."
        budget = self.tools.budget
        return (
            f"Raise the budget and run again: {usd(budget.spent)} of {usd(budget.limit or dec(0))} "
            f"is spent, and the answers that are left cost about {usd(self._left())} at most. "
            "Those that came are kept and not paid twice."
        )

    def _left(self) -> Decimal:
        """USD of every answer that the open candidates still lack, as measured or expected."""
        asked = min(len(self.task.dev), self.task.climb.dev_size) + len(self.task.test)
        open_rows = [r for r in self.rows.values() if r.state in ("planned", "incomplete")]
        return sum(
            (
                dec(r.cost_per_request_usd or r.expected_cost_per_request_usd)
                * max(0, asked - len(self.attempts(r.key)))
                for r in open_rows
            ),
            dec(0),
        )

    def _calls(self) -> Calls:
        counter = self.tools.counter
        asked = [k for k, r in self.rows.items() if r.technique != "no-llm"]
        pilot = min(len(self.task.dev), self.task.climb.dev_size)
        tested = sum(len(unit) for unit in in_order(self.task, self.test_rows))
        exhaustive = sum(pilot + (0 if self.rows[k].candidate.is_probe else tested) for k in asked)
        used, tokens, forecast = self.probe_answers, 0, 0
        for key in asked:
            answers = [a.answer for a in self.attempts(key) if a.answer and a.answer.calls]
            expected = self.planned[key].usage
            used += len(answers)
            tokens += sum(a.usage.input_tokens + a.usage.output_tokens for a in answers)
            forecast += len(answers) * (expected.input_tokens + expected.output_tokens)
        return Calls(
            made=counter.made,
            cached=counter.cached,
            used=used,
            exhaustive=exhaustive,
            tokens=tokens,
            tokens_forecast=forecast,
        )

    def _comparisons(self, choice: str) -> list[Comparison]:
        """The choice beside every other candidate on the test examples both answered."""
        ours = self._test_values(choice)
        compared = []
        for key in self.rows:
            theirs = self._test_values(key)
            both = set(ours) & set(theirs) if key != choice else set()
            common = sorted(both)
            if not common:
                continue
            pair = paired_comparison(
                [ours[i] for i in common],
                [theirs[i] for i in common],
                confidence=self.task.target.confidence,
            )
            compared.append(
                Comparison(
                    other=key,
                    difference=pair.difference,
                    low=pair.low,
                    high=pair.high,
                    p_value=pair.p_value,
                    n=pair.n,
                    method=pair.method,
                )
            )
        return compared

    def _test_values(self, key: str) -> dict[str, float]:
        values = {a.example_id: value_of(a) for a in self.attempts(key) if a.split == "test"}
        return {i: v for i, v in values.items() if v is not None}


def unmeasured(rung: Planned) -> CandidateResult:
    """The row of a candidate before anything is known of it."""
    candidate = rung.candidate
    return CandidateResult(
        key=candidate.key,
        technique=candidate.technique,
        model=candidate.model,
        candidate=candidate,
        expected_cost_per_request_usd=float(rung.usd_per_request),
        expected_monthly_usd=float(rung.usd_per_month),
        assumed_monthly_usd=float(rung.assumed_usd_per_month),
        setup_usd=float(rung.setup_usd),
    )
