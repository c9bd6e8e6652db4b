"""Plain climbs on recorded scores, through the climb's own decisions. No model is asked.

The rung that a climb walks (`climber._Rung`: pilot, share of the error, certification) is walked as
it stands; only its runner answers from the table, and its ledger and prices are kept in memory.
Not walked, since a table holds scores and no answers: the audit, and the gate that skips a rung by
the failures of another.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from rung.climbing.climber import _Rung
from rung.climbing.ledger import TestLedger
from rung.climbing.observer import Observer
from rung.climbing.reconsider import reconsider
from rung.climbing.rows import RunRecord
from rung.climbing.tools import ClimbOptions
from rung.decide.ladder import Planned
from rung.decide.verdict import decide, within_limits
from rung.evidence.ledger import AlphaLedger
from rung.records import Answer, Attempt, Usage
from rung.records.results import CandidateResult
from rung.task.types import ClimbSettings, Example, SplitName, Target, Task, TextOutput
from truth_parts.tables import Table

PILOT = 40
"""Dev examples of a pilot: the default of `[climb] dev_size`."""
CONFIDENCE = 0.95
MONTHLY_REQUESTS = 10_000
"""The default of `[workload]`; a table's months are at its own volume, only reasons show this."""


@dataclass(frozen=True)
class Draw:
    """Rows of a table as one team would hold them: independent draws from its rows."""

    pilot: np.ndarray
    """Shape (candidates, PILOT)."""
    test: np.ndarray
    """Shape (candidates, n)."""


@dataclass(frozen=True)
class Said:
    """What a climb or an adviser says."""

    status: str
    """sufficient, insufficient or undecided, as a verdict's."""
    choice: int | None = None
    """Place of the candidate in the table."""
    calls: int = 0
    """Answers that it took."""


def draw(table: Table, examples: int, seed: int) -> Draw:
    """With replacement, so that the table's own mean is exactly what is true of every draw.

    Rows are drawn whole: what the candidates have in common stays.
    """
    rng = np.random.default_rng([seed, examples, *table.name.encode()])
    rows = rng.integers(0, table.scores.shape[1], PILOT + examples)
    return Draw(table.scores[:, rows[:PILOT]], table.scores[:, rows[PILOT:]])


def climbed(table: Table, drawn: Draw, target: float) -> Said:
    """The verdict of a plain climb on these rows."""
    return asyncio.run(_climb(table, drawn, target))


async def _climb(table: Table, drawn: Draw, target: float) -> Said:
    task = _task(drawn, target)
    store = Kept()
    rungs = [_planned(table, place) for place in range(len(table.candidates))]
    monthly = {c.key: usd for c, usd in zip(table.candidates, table.monthly_usd, strict=True)}
    ladder = Rows(task, SimpleNamespace(), "replay", rungs, store)  # type: ignore[arg-type]
    ladder.monthly = monthly
    runner = FromTable(table, drawn, store)
    ledger = InMemory(Path(), task, list(monthly))
    climber = SimpleNamespace(
        task=task,
        observer=Observer(),
        options=ClimbOptions(),
        scorer=SimpleNamespace(graded=table.graded, version="1"),
        tools=SimpleNamespace(
            cache=SimpleNamespace(draw=""),
            known_endpoints=SimpleNamespace(of=lambda model: None),
            raw=lambda name: None,
        ),
    )
    walked = {}
    for planned in rungs:
        rung: Any = _Rung(climber, planned, ladder, runner, ledger)  # type: ignore[arg-type]
        ladder.current = rung.key
        solver = SimpleNamespace(candidate=planned.candidate, parts=SimpleNamespace(chat=None))
        walked[rung.key] = partial(rung._certify, solver)
        row = await rung._pilot(solver)
        if row.state != "hopeless":
            row = await rung._certify(solver)
        if row.state == "pass" and within_limits(row, task.target) is None:
            break
    await reconsider(walked, ladder, ledger)
    verdict = decide(list(ladder.rows.values()), task.target)
    keys = list(monthly)
    choice = None if verdict.choice is None else keys.index(verdict.choice)
    return Said(verdict.status, choice, len(store.attempts))


def _task(drawn: Draw, target: float) -> Task:
    task = _sized(drawn.pilot.shape[1], drawn.test.shape[1])
    return task.model_copy(update={"target": task.target.model_copy(update={"score": target})})


@lru_cache(maxsize=16)
def _sized(pilot: int, examples: int) -> Task:
    """One task for all draws of a size: the same examples need not be compared again."""
    return Replayed(
        name="replay",
        instruction="",
        output=TextOutput(),
        target=Target(metric="exact_match", score=0.5, confidence=CONFIDENCE),
        dev=_examples("dev", pilot),
        test=_examples("test", examples),
        climb=ClimbSettings(dev_size=pilot),
    )


class Replayed(Task):
    """A task that is hashed by nobody: each replay has a ledger of its own."""

    def fingerprint(self) -> str:
        return "replay"


def _examples(split: str, count: int) -> tuple[Example, ...]:
    """Examples that share no words: none is another's repeat."""
    return tuple(
        Example(
            id=f"{split}-{place}",
            input=hashlib.sha256(f"{split}-{place}".encode()).hexdigest(),
            expected="",
        )
        for place in range(count)
    )


def _planned(table: Table, place: int) -> Planned:
    return Planned(
        candidate=table.candidates[place],
        usage=Usage(),
        usd_per_request=Decimal(0),
        setup_usd=Decimal(0),
        usd_per_month=Decimal(str(table.monthly_usd[place])),
    )


@dataclass
class Kept:
    """What a run's store holds, in memory."""

    folder: Path = Path("never-written")
    attempts: dict[tuple[str, SplitName, str], Attempt] = field(default_factory=dict)


class Rows(RunRecord):
    """The climb's own rows, at the monthly costs of the table."""

    monthly: dict[str, float]

    def price(self, key: str) -> CandidateResult:
        usd = self.monthly[key]
        return self.update(key, monthly_usd=usd, cost_per_request_usd=usd / MONTHLY_REQUESTS)


class InMemory(TestLedger):
    """The climb's own ledger of error, written nowhere."""

    __test__ = False

    def _read(self) -> AlphaLedger:
        return self.__dict__.get("ledger", AlphaLedger())

    def _write(self, ledger: AlphaLedger) -> None:
        self.ledger = ledger


class FromTable:
    """Stands for the runner: attempts with the scores of a draw."""

    def __init__(self, table: Table, drawn: Draw, store: Kept) -> None:
        self.places = {c.key: place for place, c in enumerate(table.candidates)}
        self.scores = {"dev": drawn.pilot, "test": drawn.test}
        self.store = store

    async def attempts(
        self,
        solver: Any,
        examples: Sequence[Example],
        split: SplitName,
        on_attempt: Callable[[Attempt], None] | None = None,
        decided: asyncio.Event | None = None,
    ) -> list[Attempt]:
        key = solver.candidate.key
        found = []
        for example in examples:
            column = int(example.id.rpartition("-")[2])
            attempt = Attempt(
                candidate=key,
                split=split,
                example_id=example.id,
                answer=Answer(text=""),
                score=float(self.scores[split][self.places[key], column]),
            )
            self.store.attempts[key, split, example.id] = attempt
            if on_attempt is not None:  # it is here that a climb writes the error it spends
                on_attempt(attempt)
            found.append(attempt)
        return found
