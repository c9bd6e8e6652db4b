"""A run as Markdown for a pull request: the verdict, the ladder, what would change it."""

import re
from collections.abc import Sequence

from rung.decide.claims import holds_for
from rung.records.results import CandidateResult, RunResult
from rung.report.part_rows import part_rows, watched
from rung.report.reasons import next_text, reason_texts
from rung.report.red_flags import flag_lines
from rung.report.terminal import calls_text
from rung.report.texts import one_line
from rung.report.words import (
    COUNTS,
    assumed_note,
    bound,
    counts,
    headline,
    labels,
    month_cell,
    per_thousand,
    score_text,
    state_text,
)

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~])")
BADGES = {"sufficient": "✅", "insufficient": "❌", "undecided": "❔"}
HEAD = ("", "candidate", "technique", "score", "on", "at least", *COUNTS)
MONEY = ("$/1k", "$/month", "p95", "verdict")


def escape(text: str, limit: int = 400) -> str:
    """Text as Markdown shows it: one line, no mark-up of its own."""
    return _SPECIAL.sub(r"\\\1", one_line(text, limit))


def markdown(result: RunResult, changes: Sequence[str] = ()) -> str:
    """The whole comment; `changes` says what would change the verdict."""
    lines = [
        f"### {BADGES[result.verdict.status]} {escape(result.task)}: {result.verdict.status}",
        "",
        f"**{escape(headline(result))}**",
        "",
        f"Target: {escape(result.metric)} ≥ {result.target:g} {escape(holds_for(result, None))}.",
        "",
        *_table(result),
        "",
        *(f"- {escape(r)}" for r in reason_texts(result)),
        "",
        *(
            ["**What would change it**", "", *(f"- {escape(c)}" for c in changes), ""]
            if changes
            else []
        ),
        *_parts(result),
        f"**Next:** {escape(next_text(result))}",
        "",
        *(f"> {escape(note)}" for note in (*result.notes, assumed_note(result.candidates)) if note),
        *(f"> Red flag: {escape(line)}" for line in flag_lines(result.flags)),
        f"<sub>{escape(calls_text(result))} · run `{result.run}` · seed {result.seed}</sub>",
    ]
    return "\n".join(lines) + "\n"


def _parts(result: RunResult) -> list[str]:
    """Recall and precision on dev by label or field, of the choice, else of the best."""
    row = watched(result)
    shown = part_rows(row.dev) if row else ()
    if row is None or not shown:
        return []
    head = f"<details><summary>By part, on dev, of {escape(labels(result.candidates)[row.key])}"
    cells = [
        [escape(p.name, 60), f"{p.right} of {p.expected}", *map(escape, (p.recall, p.precision))]
        for p in shown
    ]
    table = [["part", "right", "recall", "precision"], [":--", "--:", "--:", "--:"], *cells]
    lines = ["| " + " | ".join(line) + " |" for line in table]
    return [f"{head}</summary>", "", *lines, "", "</details>", ""]


def _table(result: RunResult) -> list[str]:
    head = [*HEAD, *MONEY]
    right = {"on", "at least", *COUNTS, "$/1k", "$/month", "p95"}
    rule = ["--:" if name in right else ":--" for name in head]
    names = labels(result.candidates)
    rows = [_cells(row, names[row.key], result.verdict.choice) for row in result.candidates]
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *rows)]


def _cells(row: CandidateResult, label: str, choice: str | None) -> list[str]:
    score = row.score
    late = "–" if row.latency_p95_s is None else f"{row.latency_p95_s:.2g} s"
    certified = score.certified if score else None
    return [
        "▶" if row.key == choice else "",
        escape(label),
        row.technique,
        score_text(score).replace("[", "\\[").replace("]", "\\]"),
        "–" if score is None else f"{score.n} {score.split}",
        bound(certified),
        *counts(score),
        per_thousand(row),
        month_cell(row).replace("*", "\\*"),
        late,
        state_text(row) + (f" ({escape(row.reason, 120)})" if row.reason else ""),
    ]
