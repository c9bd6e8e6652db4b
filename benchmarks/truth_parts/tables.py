"""Tables of scores: every candidate on every test row of a task, and what a month of each costs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from decision_parts.ladders import paired_groups
from ladder import cut, home
from rung.candidate import Candidate, Technique
from rung.climbing.run import climb
from rung.climbing.summary import value_of
from rung.climbing.tools import ClimbOptions
from rung.decide.rules.answers import answers_of
from rung.decide.verdict import no_dearer
from rung.errors import UserError
from rung.measure.store import RunStore
from rung.records import Attempt
from rung.task.load import load_task

KEPT = Path(__file__).resolve().parents[1] / "truth_tables"
FEWEST_ITEMS = 300
"""Items of an MMLU subject that is a task of its own: fewer do not say what is true of it."""
PAIRED_USD = (1.0, 30.0)
"""A month of the cheap and of the dear model of the paired tables. Only their order matters."""


@dataclass(frozen=True)
class Table:
    """One task: candidates in the order of its ladder, and all their scores."""

    name: str
    source: str
    candidates: tuple[Candidate, ...]
    monthly_usd: tuple[float, ...]
    scores: np.ndarray
    """Shape (candidates, rows), in [0, 1]."""
    answers: dict[str, Any] = field(default_factory=dict)
    """What the task answers of `rung advise`'s questions by itself."""
    made: dict[str, str] = field(default_factory=dict)
    """When and how it was measured."""

    @property
    def truth(self) -> np.ndarray:
        """Mean of each candidate over all rows."""
        return np.asarray(self.scores.mean(axis=1))

    @property
    def graded(self) -> bool:
        return not bool(np.isin(self.scores, (0.0, 1.0)).all())

    def cheapest(self, target: float) -> tuple[int, ...]:
        """Places of the cheapest that suffice: all whose months cost alike (`no_dearer`)."""
        enough = [k for k, mean in enumerate(self.truth) if mean >= target]
        least = min((self.monthly_usd[k] for k in enough), default=0.0)
        return tuple(k for k in enough if no_dearer(self.monthly_usd[k], least))

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "source": self.source,
            "made": self.made,
            "answers": self.answers,
            "candidates": [
                c.model_dump(mode="json", exclude_defaults=True) for c in self.candidates
            ],
            "keys": [c.key for c in self.candidates],
            "monthly_usd": list(self.monthly_usd),
            "scores": [[round(float(s), 4) for s in row] for row in self.scores],
        }

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Table:
        return cls(
            name=kept["name"],
            source=kept["source"],
            candidates=tuple(Candidate.model_validate(c) for c in kept["candidates"]),
            monthly_usd=tuple(kept["monthly_usd"]),
            scores=np.array(kept["scores"], dtype=float),
            answers=kept["answers"],
            made=kept["made"],
        )


def paired() -> list[Table]:
    """The real tables of two models: both sets whole, and each large subject; none where absent."""
    found = []
    for name in ("gsm8k", "mmlu"):
        for group, (table, models) in paired_groups(name).items():
            if group != name and table.shape[1] < FEWEST_ITEMS:
                continue
            found.append(
                Table(
                    name=group if group == name else f"{name}: {group}",
                    source="paired-tables",
                    candidates=tuple(Candidate(model=f"table/{model}") for model in models),
                    monthly_usd=PAIRED_USD,
                    scores=table,
                    answers={"evals": True},
                )
            )
    return found


def recorded(folder: Path = KEPT) -> list[Table]:
    """Tables measured earlier by `collect`."""
    paths = sorted(folder.glob("*.json"))
    return [Table.from_dict(json.loads(path.read_text(encoding="utf-8"))) for path in paths]


def collect(name: str, only: Sequence[Technique] = (), folder: Path = KEPT) -> Table:
    """Ask every candidate of a task every test row, and keep the table. Goes on where it stopped.

    `name` is a set's, a shipped task's, or the folder of any rung.toml. All rows of its files are
    used, whatever `[climb]` leaves out. Raises `RungError`.
    """
    cut(name)
    place = Path(name).resolve() if (Path(name) / "rung.toml").exists() else home(name)
    # Without a root the count of used test rows stays beside the measurement, not the rung.toml.
    task = load_task(place, whole=True).model_copy(update={"root": None})
    work = place / ".rung" / "truth"
    options = ClimbOptions(everything=True, anyway=True, only=tuple(only), folder=work)
    result = climb(task, options)
    store = RunStore(work / "runs" / result.run)
    store.close()
    rows = [row for row in result.candidates if row.state != "probe"]
    got = {row.key: {e.id: store.get((row.key, "test", e.id)) for e in task.test} for row in rows}
    # The climb leaves repeats out of the test: nobody answers those.
    asked = [e.id for e in task.test if any(found[e.id] for found in got.values())]
    values = {key: [_value(found[i]) for i in asked] for key, found in got.items()}
    whole = [row for row in rows if asked and None not in values[row.key]]
    if not whole:
        raise UserError(
            f"{task.name}: no candidate answered all of its {len(task.test)} test examples; "
            "climb it with `--exhaustive` to see why"
        )
    table = Table(
        name=task.name,
        source="measured",
        candidates=tuple(row.candidate for row in whole),
        monthly_usd=tuple(float(row.monthly_usd or 0.0) for row in whole),
        scores=np.array([values[row.key] for row in whole], dtype=float),
        answers=answers_of(task).model_dump(mode="json", exclude_defaults=True),
        made={
            "date": datetime.now(UTC).date().isoformat(),
            "techniques": ", ".join(only) or "all",
            "left out": ", ".join(row.key for row in rows if row not in whole),
        },
    )
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(table.to_dict(), separators=(",", ":"))
    (folder / f"{task.name}.json").write_text(text + "\n", encoding="utf-8")
    return table


def _value(attempt: Attempt | None) -> float | None:
    return None if attempt is None else value_of(attempt)
