"""The climb while it runs: a live ladder on a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from rung.climbing.observer import Observer
from rung.climbing.rows import unmeasured
from rung.decide.ladder import Planned
from rung.evidence import interval
from rung.records import Attempt
from rung.records.results import CandidateResult
from rung.report.terminal import ladder_table
from rung.report.words import PHASES, describe, score_text, state_text, usd

REFRESH_PER_S = 4


class LiveLadder(Observer):
    """Shows rung, technique, calls done of planned, score so far, cost and time left."""

    def __init__(self, console: Console, target: float | None = None) -> None:
        self.console, self.target = console, target
        self.rows: dict[str, CandidateResult] = {}
        self.spent = 0.0
        self._scores: list[float] = []
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[score]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=console,
        )
        self._bar: TaskID | None = None
        self._live: Live | None = None
        self._said = 0.0

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self._picture,
                console=self.console,
                refresh_per_second=REFRESH_PER_S,
                transient=True,
            )
            self._live.__enter__()
        return self

    def __exit__(self, *ended: Any) -> None:
        if self._live is not None:
            self._live.__exit__(*ended)

    def _picture(self) -> Group:
        table = ladder_table(list(self.rows.values()), None, self.console.width, self.target)
        return Group(table, "", self._progress)

    def planned(self, rungs: Sequence[Planned]) -> None:
        """Show the whole ladder, nothing tried yet."""
        self.rows = {r.candidate.key: unmeasured(r) for r in rungs}
        probes = sum(rung.candidate.is_probe for rung in rungs)
        before = f"; before them {probes} with passages known to be right" if probes else ""
        self._line(f"{len(rungs) - probes} candidates, cheapest first{before}")

    def refined(self, key: str, row: CandidateResult) -> None:
        """Its row, where the start's was."""
        self.rows = {r.key: r for r in (row if k == key else r for k, r in self.rows.items())}

    def phase(self, key: str, name: str, total: int) -> None:
        """Start a new bar."""
        self._scores = []
        what = f"{PHASES.get(name, name)} · {describe(self.rows[key])}"
        if self._bar is not None:
            self._progress.remove_task(self._bar)
        self._bar = self._progress.add_task(what, total=total or None, score="")
        self._line(what)

    def attempt(self, attempt: Attempt) -> None:
        """Count an answer and show the score so far with its interval."""
        self.spent += attempt.cost_usd
        if attempt.score is not None:
            self._scores.append(attempt.score)
        if self._bar is not None:
            self._progress.update(self._bar, advance=1, score=self._so_far())

    def _so_far(self) -> str:
        if not self._scores:
            return ""
        if len(self._scores) % 5 and self._live is not None:  # intervals of graded scores take ms
            return str(self._progress.tasks[-1].fields.get("score", ""))
        ends = interval(self._scores, 0.95)
        return f"{ends.estimate:.2f} [{ends.low:.2f}–{ends.high:.2f}] {usd(self.spent)}"

    def tuning(self, key: str, stage: str, share: float) -> None:
        """Show how far training is."""
        if self._bar is not None:
            self._progress.update(self._bar, total=100, completed=round(share * 100), score=stage)
        if time.monotonic() - self._said > 20:
            self._line(f"  training {share:.0%} ({stage})")

    def result(self, row: CandidateResult) -> None:
        """Put what is known into the ladder."""
        self.rows[row.key] = row
        reason = f" · {row.reason}" if row.reason else ""
        self._line(f"  {state_text(row)}: {score_text(row.score)}{reason}")

    def note(self, text: str) -> None:
        """Print a line above the ladder."""
        self.console.print(text, markup=False)

    def _line(self, text: str) -> None:
        self._said = time.monotonic()
        if self._live is None:
            self.console.print(text, markup=False, highlight=False)
