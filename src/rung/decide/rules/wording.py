"""Advice as plain text and as one JSON object."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rung.decide.advise import Advice, Check, Dispute, Mending, Reason, UseCase
from rung.decide.rules.loader import cited, documents
from rung.economics import output, show
from rung.money import usd_range

PROMPT = "ladder.prompting."
"""Steps that are the parts of a prompt."""
MARKS = {"done": "[x]", "missing": "[ ]", "not known": "[?]"}


def text(advice: Advice) -> str:
    """Everything that `rung advise` prints; `as_json` has the whole advice."""
    parts = [
        [f"Expected: {advice.expected}", "  " + _line(advice.because), "  " + advice.note],
        _build(advice),
        _why(advice),
        _mending(advice),
        _use_case(advice.use_case),
        _listed("Red flags", advice.flags),
        _checklist(advice.checklist),
        _disputes(advice.disputes),
        _costs(advice),
        ["Documents. " + "; ".join(f"{key}: {title}" for key, title in cited().items()) + "."],
    ]
    worded = "\n\n".join("\n".join(show.wrapped(part)) for part in parts if part)
    return f"{worded}\n\nNext: {advice.next_command}\n"


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
    """The route and its steps; what a serious prompt has is the page's and JSON's to say."""
    order = ", then ".join(advice.build) or "nothing: what is there is good enough"
    steps = [s for s in advice.steps if not s.id.startswith(PROMPT)]
    lines = [f"Build in this order: {order}"]
    lines += [f"  {advice.no_llm}"] if advice.no_llm else []
    lines += [f"  {_line(step)}" for step in steps]
    return lines


def _why(advice: Advice) -> list[str]:
    """Reasons that name a technique; what merely follows from the answers is not repeated."""
    return _listed("Why", [one for one in advice.reasons if one.technique is not None])


def _mending(advice: Advice) -> list[str]:
    """What each single technique would mend; the hybrid mends what its two do."""
    lines = ["What each would mend here"] if advice.mending else []
    for one in advice.mending:
        if one.technique != "hybrid":
            mends = ", ".join(one.mends) or "nothing of it"
            left = f"; not {', '.join(one.does_not)}" if one.does_not else ""
            lines.append(f"  {one.technique}: {mends}{left}")
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


def _disputes(disputes: Sequence[Dispute]) -> list[str]:
    """Those that change the answer here, a line each."""
    lines = []
    for one in disputes:
        if one.matters:
            figures = "; ".join(f"{says} ({_keys((title,))})" for title, says in one.figures)
            lines.append(f"  {one.says}: {figures}. Used {show.number(one.used)} {one.unit}")
            lines[-1] += f", {one.why}."
    return ["Where the documents disagree, and it changes the answer here", *lines] if lines else []


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
    lines.append("  assumed: " + "; ".join(advice.assumed) + ".")
    for source in costs.stale:
        lines.append(f"  older than 90 days: {source}")
    return lines


def _spread(span: Any) -> str:
    return usd_range(span.low, span.high)
