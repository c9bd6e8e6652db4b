"""The measured part of a Markdown file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from decision_parts.report import Report
from ladder_table import markdown
from truth_parts.tables import Table

BEGIN, END = "<!-- measured: written by truth.py --write -->", "<!-- end of what was measured -->"


def written(text: str, tables: Sequence[Table], reports: Sequence[Report]) -> str:
    """The text with what stands between its two marks made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [BEGIN, "", f"Measured {datetime.now(UTC).date().isoformat()}.", "", *_tasks(tables)]
    for report in reports:
        sizes = ", ".join(f"{key} {value}" for key, value in report.sizes.items())
        lines += ["", f"### {report.name}: {report.title}", "", f"Seed {report.seed}; {sizes}.", ""]
        lines += _table(report.rows)
        lines += ["", *[f"- {note}" for note in report.notes]] if report.notes else []
        missed = [goal for goal in report.goals if goal.met is False]
        lines += [
            "",
            *[f"- **Missed**: {g.text} ({g.value:.3f}, limit {g.limit:.3f})" for g in missed],
        ]
    return before + "\n".join([*lines, "", END]) + after


def _tasks(tables: Sequence[Table]) -> list[str]:
    header = ("task", "rows", "candidates, cheapest first, with what is true of each")
    return markdown(
        header,
        [
            (
                table.name,
                str(table.scores.shape[1]),
                "; ".join(
                    f"{c.model.removeprefix('table/')} ({c.technique}) {mean:.3f}"
                    for c, mean in zip(table.candidates, table.truth, strict=True)
                ),
            )
            for table in tables
        ],
    )


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    columns = tuple(dict.fromkeys(key for row in rows for key in row))
    return markdown(columns, [tuple(_cell(row.get(c)) for c in columns) for row in rows])


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
