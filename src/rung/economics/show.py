"""An analysis as plain text that reads the same on a terminal, in a log and in a document."""

import textwrap
from collections.abc import Mapping, Sequence
from decimal import Decimal

from rung.economics.amounts import Span
from rung.economics.analysis import Analysis, CandidateCost, Factor, Payback
from rung.economics.breakeven import BreakEven
from rung.economics.sensitivity import Flip
from rung.economics.variants import Variant
from rung.money import usd, usd_range

NONE = "-"
WIDTH = 80
"""Columns of a terminal that nobody has widened."""
FLIPS = 6


def number(value: Decimal) -> str:
    """A figure of any unit: thousands marked, four significant digits below 1,000."""
    if value == value.to_integral_value():
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{Decimal(f'{value:.4g}'):f}"


def ranged(figure: Span | None) -> str:
    """`$12.50 (10.00-15.00)`, or the figure alone where it is sure."""
    if figure is None:
        return NONE
    if figure.sure:
        return usd(figure.value)
    return f"{usd(figure.value)} ({usd(figure.low)} to {usd(figure.high)})"


def table(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Columns as wide as their content, two spaces apart."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def text(
    analysis: Analysis,
    *,
    title: str = "",
    notes: Sequence[str] = (),
    why: bool = False,
    named: Mapping[str, str] | None = None,
) -> str:
    """Everything that `rung cost` prints, 80 columns wide; `named` are words for keys."""
    months = number(analysis.months.value)
    head = (
        f"{number(analysis.requests_per_month.value)} requests a month over {months} months, "
        f"prices of {analysis.on}"
    )
    parts = [
        [title, head] if title else [head],
        _costs(analysis),
        _choice(analysis),
        *([_why(cost) for cost in analysis.candidates] if why else []),
        _break_evens(analysis),
        _flips(analysis.flips),
        _variants(analysis.variants),
        _frontier(analysis),
        _sources(analysis, why=why),
        ["Notes", *notes] if notes else [],
    ]
    lines = ["\n".join(wrapped(_in_words(part, named or {}))) for part in parts if part]
    return "\n\n".join(lines) + "\n"


def _in_words(lines: Sequence[str], named: Mapping[str, str]) -> list[str]:
    """Lines with names where keys stand, the longest keys first."""
    worded = list(lines)
    for key in sorted(named, key=len, reverse=True):
        worded = [line.replace(key, named[key]) for line in worded]
    return worded


def wrapped(lines: Sequence[str]) -> list[str]:
    """Lines no wider than a terminal; what goes on is indented by two more."""
    folded: list[str] = []
    for line in lines:
        indent = len(line) - len(line.lstrip())
        folded += (
            textwrap.wrap(
                line.strip(),
                WIDTH,
                initial_indent=" " * indent,
                subsequent_indent=" " * (indent + 2),
                break_long_words=False,
                break_on_hyphens=False,
            )
            if len(line) > WIDTH
            else [line]
        )
    return folded


def _costs(analysis: Analysis) -> list[str]:
    """A line of figures for each candidate, its name above it."""
    thousand = Decimal(1000)
    head = ["a month", "running", "once", "per 1,000", "per 1,000 right", "score", "p95"]
    rows = [head]
    for cost in analysis.candidates:
        each = cost.per_request.value * thousand if cost.per_request else None
        right = cost.per_correct.value * thousand if cost.per_correct else None
        money = (cost.monthly.value, cost.running.value, cost.once.value, each, right)
        late = NONE if cost.latency_p95_s is None else f"{number(cost.latency_p95_s)} s"
        score = NONE if cost.score is None else f"{cost.score.value:.3f}"
        rows.append([*(NONE if m is None else usd(m) for m in money), score, late])
    keep = [i for i in range(len(head)) if any(row[i] != NONE for row in rows[1:])]
    figures = table([[row[i] for i in keep] for row in rows], frozenset(range(len(keep))))
    lines = ["    " + figures[0]]
    for cost, row in zip(analysis.candidates, figures[1:], strict=True):
        mark = "*" if cost.key == analysis.chosen else " "
        lines += [f"{mark} {cost.key} ({cost.technique})", "    " + row, *_beside(cost, analysis)]
    return lines


def _beside(cost: CandidateCost, analysis: Analysis) -> list[str]:
    """Below a candidate's figures: their ranges, and what of them nobody stated."""
    remarks = []
    if not cost.monthly.sure:
        remarks.append(f"{usd_range(cost.monthly.low, cost.monthly.high)} a month")
    if cost.score is not None and cost.score.low is not None:
        remarks.append(f"score {_score_spread(cost)}")
    if cost.too_slow:
        remarks.append("slower than allowed, or not shown to be fast enough")
    if cost.per_correct_unbounded and cost.per_correct is not None:
        remarks.append("a right answer may cost more without limit")
    if not cost.load_known:
        remarks.append("one machine, whatever is asked: [costs] tokens_per_second tells its load")
    if cost.assumed.value:
        monthly = usd(cost.assumed.value / analysis.months.value)
        remarks.append(f"{monthly} a month is set-up that nobody stated: [costs] setup_hours")
    return ["      " + "; ".join(remarks)] if remarks else []


def _score_spread(cost: CandidateCost) -> str:
    score = cost.score
    if score is None or score.low is None or score.high is None:
        return ""
    return f"{score.low:.3f}-{score.high:.3f}"


def _choice(analysis: Analysis) -> list[str]:
    legend = "Ranges: every input at its cheapest and at its dearest end. Without one: list price."
    slow = any(cost.too_slow for cost in analysis.candidates)
    if analysis.chosen is None and analysis.target is None:
        return ["No candidate is fast enough.", legend]
    if analysis.chosen is None:
        fast = " that is fast enough" if slow else ""
        return [
            f"No candidate{fast} is shown to reach the target score of {analysis.target:.3f}.",
            legend,
        ]
    enough = ""
    if analysis.target is not None:
        enough = f" among those shown to reach {analysis.target:.3f}"
    enough += ", fast enough" if slow else ""
    added = [
        f"{cost.key}: retrieval and reranking add {_ms(cost.added_ms)}"
        + (f" to an answer of {_ms(cost.answer_ms)}" if cost.answer_ms else "")
        + "."
        for cost in analysis.candidates
        if cost.added_ms is not None
    ]
    return [f"* cheapest a month, all in{enough}: {analysis.chosen}", legend, *added]


def _ms(time: Span) -> str:
    if time.sure:
        return f"{number(time.value)} ms"
    return f"{number(time.low)}-{number(time.high)} ms"


def _why(cost: CandidateCost) -> list[str]:
    """Each line of a bill with the inputs it was computed from."""
    lines = [f"{cost.key}: {ranged(cost.monthly)} a month, all in"]
    bases = {"request": "a request", "month": "a month", "once": "once"}
    for line in cost.lines:
        lines.append(
            f"  {line.what}: {ranged(line.usd)} {bases[line.basis]}"
            f" -> {ranged(line.monthly)} a month"
        )
        lines += [_factor(factor) for factor in line.factors] + _constant(line.scale)
        if line.floor:
            lines.append("    at least a month, whatever is asked (machines that are always on):")
            lines += [_factor(factor) for factor in line.floor] + _constant(line.floor_scale)
    return lines


def _factor(factor: Factor) -> str:
    sign = "/" if factor.divides else "x"
    sure = factor.low == factor.high
    spread = "" if sure else f" ({number(factor.low)} to {number(factor.high)})"
    unit = f" {factor.unit}" if factor.unit else ""
    return f"    {sign} {factor.name}: {number(factor.value)}{unit}{spread}; {factor.source}"


def _constant(scale: Decimal) -> list[str]:
    """The constant of a product: 1,000,000 tokens, 3,600 s, 730 h times replicas."""
    if scale == 1:
        return []
    return [f"    / {number(1 / scale)}" if scale < 1 else f"    x {number(scale)}"]


def _break_evens(analysis: Analysis) -> list[str]:
    """Where the choice and another change places; those that never do, in one line each way."""
    chosen = analysis.chosen
    pairs = [b for b in analysis.break_even if chosen is None or chosen in (b.a, b.b)]
    lines = ["Break-even, all in"] if pairs else []
    paid = {frozenset((p.candidate, p.against)): p for p in analysis.payback}
    for crossing in (b for b in pairs if b.exact is not None or chosen is None):
        lines.append("  " + sentence(crossing))
        payback = paid.get(frozenset((crossing.a, crossing.b)))
        if payback is not None and payback.month != 0:
            lines.append("    " + _payback(payback))
    for side, word in ((True, "Cheaper"), (False, "Dearer"), (None, "The same")):
        others = [
            b.b if b.a == chosen else b.a
            for b in pairs
            if b.exact is None
            and chosen is not None
            and (b.cheaper_below == chosen if b.cheaper_below else None) is side
        ]
        if others:
            than = "as" if side is None else "than"
            lines.append(f"  {word} at every volume {than}: {'; '.join(others)}.")
    return lines


def sentence(crossing: BreakEven) -> str:
    """One break-even in words."""
    if crossing.exact is None:
        if not crossing.cheaper_below:
            return f"{crossing.a} and {crossing.b} cost the same at every volume."
        other = crossing.b if crossing.cheaper_below == crossing.a else crossing.a
        share = f" (in {crossing.never_share * 100:.0f}% of draws)" if crossing.draws else ""
        return f"Never{share}: {crossing.cheaper_below} is cheaper than {other} at every volume."
    requests = crossing.requests_per_month or 0
    words = (
        f"{crossing.cheaper_above} is cheaper from {requests:,} requests a month on, "
        f"{crossing.cheaper_below} below"
    )
    if crossing.further:
        words += " (until " + ", ".join(number(x) for x in crossing.further) + ")"
    if crossing.draws:
        low = "?" if crossing.low is None else f"{crossing.low:,}"
        high = "no limit" if crossing.high is None else f"{crossing.high:,}"
        words += f"; {crossing.confidence * 100:.0f}% of draws: {low} to {high}"
        if crossing.never_share:
            words += f", never in {crossing.never_share * 100:.0f}%"
    return words + "."


def _payback(payback: Payback) -> str:
    if payback.month is None:
        return f"At this volume {payback.candidate} never pays back its set-up ({payback.against})."
    return f"{payback.candidate} has paid back its set-up in month {payback.month}."


def _flips(flips: Sequence[Flip]) -> list[str]:
    if not flips:
        return []
    lines = [f"What would change the choice: {flips[0].chosen} stays the cheapest unless"]
    for flip in flips[:FLIPS]:
        moves = "passes" if flip.rises else "falls under"
        unit = f" {flip.unit}" if flip.unit else ""
        lines.append(
            f"  {flip.input} {moves} {number(flip.at)}{unit} "
            f"(now {number(flip.now)}; then {flip.instead})"
        )
    if len(flips) > FLIPS:
        lines.append(f"  and {len(flips) - FLIPS} more that would have to move further")
    return lines


def _variants(variants: Sequence[Variant]) -> list[str]:
    lines = ["The same, paid for in another way"] if variants else []
    for variant in variants:
        if variant.saves_usd == 0:
            change = "changes nothing"
        elif variant.saves_usd > 0:
            change = f"saves {usd(variant.saves_usd)}"
        else:
            change = f"costs {usd(-variant.saves_usd)} more"
        lines.append(
            f"  {variant.candidate}, {variant.way}: {usd(variant.monthly_usd)} a month "
            f"against {usd(variant.now_usd)}, {change} ({variant.note})"
        )
    return lines


def _frontier(analysis: Analysis) -> list[str]:
    if len(analysis.frontier) < 2:
        return []
    lines = ["Quality against cost, cheapest first"]
    for point in analysis.frontier:
        over = ""
        if point.dominated_by is not None:
            over = f"  dominated by {point.dominated_by}"
            over += "" if point.surely else " (the intervals overlap)"
        late = "" if point.latency_p95_s is None else f", p95 {number(point.latency_p95_s)} s"
        lines.append(
            f"  {point.key}: {point.score:.3f} ({point.score_low:.3f} to {point.score_high:.3f}) "
            f"for {usd(point.monthly_usd)} a month{late}{over}"
        )
    return lines


def _sources(analysis: Analysis, *, why: bool) -> list[str]:
    lines = ["Prices"] if analysis.sources else []
    if any(source.stands_in for source in analysis.sources):
        lines.append(f"  Not all are of {analysis.on}: where none is known, a later one stands in.")
    for source in analysis.sources:
        where = f" <{source.url}>" if why and source.url else ""
        lines.append(f"  {source}{where}")
    for source in analysis.stale:
        assert source.checked is not None
        days = (analysis.on - source.checked).days
        lines.append(f"  older than 90 days ({days}): {source.what}; check it, set it in [costs]")
    return lines
