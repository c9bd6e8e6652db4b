"""What one benchmark hands back: rows to print, goals with what was reached, seed and sizes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Goal:
    """A number to reach; `met` is None where it could not be measured."""

    text: str
    limit: float
    value: float | None
    met: bool | None

    @staticmethod
    def at_most(text: str, value: float, limit: float) -> Goal:
        return Goal(text, limit, value, bool(value <= limit + 1e-9))

    @staticmethod
    def at_least(text: str, value: float, limit: float) -> Goal:
        return Goal(text, limit, value, bool(value >= limit - 1e-9))


@dataclass
class Report:
    name: str
    title: str
    seed: int
    sizes: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def show(self) -> None:
        sizes = ", ".join(f"{key} {value}" for key, value in self.sizes.items())
        print(f"\n{self.name}: {self.title}\n  seed {self.seed}; {sizes}; {self.seconds:.1f} s")
        _table(self.rows)
        for note in self.notes:
            print(f"  note: {note}")
        for goal in self.goals:
            verdict = {True: "met", False: "NOT MET", None: "not measured"}[goal.met]
            value = "-" if goal.value is None else f"{goal.value:.4g}"
            print(f"  goal {verdict}: {goal.text}: {value} (limit {goal.limit:g})")


def _table(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for line in [columns, *cells]:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
