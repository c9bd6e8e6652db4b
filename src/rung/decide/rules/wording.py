"""Advice as plain text and as one JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rung.decide.advise import Advice, Check, Dispute, Mending, Reason, UseCase
from rung.decide.rules.loader import documents
from rung.economics import output, show
from rung.economics.money import usd as money

MARKS = {"done": "[x]", "missing": "[ ]", "not known": "[?]"}


def text(advice: Advice) -> str:
    """Everything that `rung advise` prints."""
    parts = [
        [f"Expected: {advice.expected}", "  " + _line(advice.because), "  " + advice.note],
        _build(advice),
        _listed("Why", advice.reasons),
        _mending(advice.mending),
        _use_case(advice.use_case),
        _listed("Red flags", advice.flags),
        _checklist(advice.checklist),
        _disputes(advice.disputes),
        _costs(advice),
        _listed("What the documents hold", advice.statements),
        [f"{key}: {title}" for key, title in documents().items()],
        [f"Next: {advice.next_command}"],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def as_json(advice: Advice) -> dict[str, Any]:
    """The object that `rung advise --json` prints: the fields of `Advice`, costs as `rung cost`."""
    plain = {name: _plain(getattr(advice, name)) for name in advice.__slots__}
    plain["costs"] = output.as_json(advice.costs, why=False)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Reason | Mending | Check | Dispute | UseCase):
        return asdict(value)
    return value


def _line(reason: Reason) -> str:
    return f"{reason.says} ({_keys(reason.sources)})"


def _keys(sources: Sequence[str]) -> str:
    """The documents by the letters that the last lines explain."""
    keys = {title: key for key, title in documents().items()}
    return ", ".join(keys[title] for title in sources)


def _listed(title: str, reasons: Sequence[Reason]) -> list[str]:
    return [title, *(f"  {_line(reason)}" for reason in reasons)] if reasons else []


def _build(advice: Advice) -> list[str]:
    lines = ["Build in this order: " + ", then ".join(advice.build)]
    return [*lines, *(f"  {_line(step)}" for step in advice.steps)]


def _mending(found: Sequence[Mending]) -> list[str]:
    lines = ["What each would mend here"] if found else []
    for one in found:
        mends = ", ".join(one.mends) or "nothing of it"
        lines.append(f"  {one.technique}: mends {mends}")
        if one.does_not:
            lines.append(f"    does not mend {', '.join(one.does_not)}")
    return lines


def _use_case(row: UseCase | None) -> list[str]:
    if row is None:
        return []
    return [
        f"Nearest use case: {row.says} ({_keys(row.sources)})",
        f"  prompting: {row.prompting}; RAG: {row.rag}; fine-tuning: {row.fine_tuning}",
    ]


def _checklist(checks: Sequence[Check]) -> list[str]:
    title = "Before building (x: done, blank: missing, ?: not known)"
    return [title, *(f"  {MARKS[check.state]} {check.says}" for check in checks)]


def _disputes(found: Sequence[Dispute]) -> list[str]:
    lines = ["Where the documents disagree"] if found else []
    for one in found:
        here = "; it changes the answer here" if one.matters else ""
        lines.append(f"  {one.says}: used {show.number(one.used)} {one.unit}, {one.why}{here}")
        lines += [f"    {says} ({_keys((title,))})" for title, says in one.figures]
    return lines


def _costs(advice: Advice) -> list[str]:
    costs = advice.costs
    volume = show.number(costs.requests_per_month.value)
    rows = [["technique", "running a month", "once", "a month, all in"]]
    for cost in costs.candidates:
        rows.append(
            [cost.key, *(_spread(span) for span in (cost.running, cost.once, cost.monthly))]
        )
    lines = [f"Costs at {volume} requests a month, on assumptions (prices of {costs.on})"]
    lines += ["  " + line for line in show.table(rows)]
    lines += [f"  assumed: {item}" for item in advice.assumed]
    for source in costs.stale:
        lines.append(f"  older than 90 days: {source}")
    return lines


def _spread(span: Any) -> str:
    if span.sure:
        return money(span.value)
    return f"{money(span.low)}-{money(span.high).removeprefix('$')}"
