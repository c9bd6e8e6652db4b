"""Writes docs/economics.md: every figure of the founding documents against what comes out here.

    python docs/economics_page.py [--check] [SCENARIOS] [OUTPUT]

The text is made by `markdown`, which is pure; reading and writing files is the command's.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import get_args

from founding_figures import Figure, agrees, figures_of, value_of

from rung.economics import tables
from rung.economics.amounts import Span
from rung.economics.analysis import analyse
from rung.economics.breakeven import CONFIDENCE, DRAWS
from rung.economics.scenario import Scenario, parse
from rung.economics.show import number
from rung.money import rate, usd

ANSWERS = {"exact": "to the cent", "inside": "inside the range", "differs": "erratum"}
TITLES = {
    "machines": "CPU machines",
    "gpus": "GPUs",
    "tuning": "Hosted tuning",
    "stores": "Vector stores",
    "labelling": "Labelling",
    "rerank": "Reranking",
    "caching": "Prompt caches",
    "library": "Price library",
}


def markdown(scenarios: Sequence[tuple[str, Scenario]], on: date) -> str:
    """The whole document, prices judged as of `on`."""
    intro = Path(__file__).with_name("economics_intro.md").read_text(encoding="utf-8")
    parts = [intro.format(confidence=f"{CONFIDENCE * 100:.0f}", draws=f"{DRAWS:,}")]
    for name, scenario in scenarios:
        parts.append(_scenario(name, scenario))
    parts.append(_prices(on))
    return "\n".join(parts)


def _scenario(name: str, scenario: Scenario) -> str:
    day = scenario.on or date.min
    found = analyse(
        scenario.candidates,
        scenario.workload.workload(),
        scenario.book(day),
        target=scenario.target_score,
        draws=10,
    )
    lines = [f"### {scenario.title}", "", f"`{name}`, prices of {day}. {scenario.about}", ""]
    if scenario.figures:
        lines += ["| document | says | comes out as | |", "| --- | --- | --- | --- |"]
    for figure in figures_of(scenario):
        value = value_of(figure, scenario, found)
        verdict = ANSWERS[figure.match] if agrees(figure, value) else "DOES NOT COME OUT"
        verdict += f": {figure.erratum}" if figure.erratum else ""
        lines.append(f"| {figure.document} | {figure.says} | {_shown(figure, value)} | {verdict} |")
    gap = [""] if scenario.figures and scenario.notes else []
    lines += [*gap, *(f"- {note}" for note in scenario.notes)]
    return "\n".join([*lines, ""])


def _shown(figure: Figure, value: Span) -> str:
    if figure.kind == "break-even":
        return f"{number(value.value)} requests a month"
    if figure.kind == "ratio":
        return f"{number(value.value)}x"
    if figure.kind == "weeks saved":
        return f"{number(value.value)} weeks"
    if figure.kind == "slower by":
        return f"+{number(value.low * 100)}-{number(value.high * 100)} %"
    if value.sure:
        return usd(value.value, 4)
    return f"{usd(value.low, 4)}-{usd(value.high, 4).removeprefix('$')}"


def _prices(on: date) -> str:
    lines = [
        "## Our own price tables",
        "",
        "What the price library lacks. Rows are only appended; `[costs]` overrides any of them.",
        "The day is the one that the source states or, where it states none, the day a copy of it",
        "was read.",
        f"Older than 90 days on {on}: marked with an asterisk, and `rung cost` says so.",
        "No dated source was found for the price of an hour of labelling or engineering: hours",
        "without `[costs] labour_usd_per_hour` are refused, not guessed.",
        "",
    ]
    for table in get_args(tables.TableName):
        rows = tables.rows(table)
        lines += [f"### {TITLES[table]} ({rows[0].unit})", ""]
        lines += ["| id | what | price | day |", "| --- | --- | --- | --- |"]
        for row in rows:
            late = "*" if row.as_source().stale(on) else ""
            price = NO_PRICE if table in ("caching", "library") else rate(row.usd)
            lines.append(
                f"| {row.id} | [{row.what}]({row.source}) | {price} | {row.checked}{late} |"
            )
        lines.append("")
    return "\n".join(lines)


NO_PRICE = "-"


def load(folder: Path) -> list[tuple[str, Scenario]]:
    """All scenarios of a folder, by document and name."""
    found = [
        (path.name, parse(path.read_text(encoding="utf-8"), path.name))
        for path in sorted(folder.glob("*.toml"))
    ]
    return sorted(found, key=lambda pair: (pair[1].document, pair[0]))


def main(arguments: Sequence[str]) -> int:
    """Write the document, or with `--check` say whether it is up to date."""
    rest = [argument for argument in arguments if argument != "--check"]
    folder = Path(rest[0] if rest else "examples/scenarios")
    output = Path(rest[1] if len(rest) > 1 else "docs/economics.md")
    scenarios = load(folder)
    day = max(scenario.on or date.min for _, scenario in scenarios)
    text = markdown(scenarios, day)
    if "--check" in arguments:
        fresh = output.is_file() and output.read_text(encoding="utf-8") == text
        return 0 if fresh else 1
    output.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
