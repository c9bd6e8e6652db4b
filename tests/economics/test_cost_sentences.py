"""Every sentence that `rung cost` can say: a case that makes it true, and one that makes it false.

The list is read from the source: a wording that is added without both is a failing test.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from rung.economics import show
from rung.economics.analysis import analyse
from rung.economics.model import Workload
from rung.economics.pricing import PriceBook
from rung.economics.spec import CandidateSpec
from wordings import phrases

ON = date(2026, 11, 21)
LOCAL = "local/smollm2-135m-instruct"


def spec(key: str = "a", technique: str = "prompting", **parts: Any) -> CandidateSpec:
    return CandidateSpec.model_validate({"key": key, "technique": technique, **parts})


def cost(*specs: CandidateSpec, volume: Any = 1_000, why: bool = False, **how: Any) -> str:
    """What is printed, on one line."""
    costs, on = how.pop("costs", {}), how.pop("on", ON)
    notes = how.pop("notes", ())
    workload = Workload.of(volume, 12)
    book = PriceBook.of((), costs, on)
    made = analyse(specs or (spec(stated={"usd_per_month": 5}),), workload, book, draws=200, **how)
    return " ".join(show.text(made, title="T", notes=notes, why=why).split())


def each(usd: Any, key: str = "a", **parts: Any) -> CandidateSpec:
    return spec(key, stated={"usd_per_request": usd}, **parts)


def month(usd: Any, key: str = "b", once: Any = None, **parts: Any) -> CandidateSpec:
    return spec(key, stated={"usd_per_month": usd, "usd_once": once}, **parts)


def scored(value: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"score": {"value": value, "low": low, "high": high}}


API = {"model": "openai/gpt-4o", "tokens": {"input": 500, "output": 100}}
HOSTED = {
    "tokens": {"input": 500, "output": 100},
    "hosting": {"gpu": "l40s", "tokens_per_second": 1000},
}
SERVER = {"model": "http://me/v1#m", "tokens": {"input": 500, "output": 100}}
HOUR = {"machine_usd_per_hour": "0.1"}
STALE = date(2027, 6, 1)
FIXED = {"model": "openai/gpt-4o", "tokens": {"input": 5000, "output": 100, "fixed_prompt": 4000}}
CLAUDE = {**FIXED, "model": "anthropic/claude-sonnet-4-0"}
LONG = {"input": 9000, "output": 100, "fixed_prompt": 8000}
BETWEEN = spec("a", stated={"usd_per_request": "0.0003", "usd_per_month": 1000})
"""Dearer than a machine only where that one is busy enough and needs no second one."""
MANY = [month([4, 6], f"c{n}", once=n) for n in range(9)]
Case = Callable[[], str]

SAID: dict[str, tuple[str, Case, Case]] = {
    # wording: (what is printed of it, a case that makes it true, one that makes it false)
    "{} requests a month over {} months, prices of {}": (
        "1,000 requests a month over 12 months, prices of 2026-11-21", cost,
        lambda: cost(volume=2_000),
    ),
    "* cheapest a month, all in{}: {}": (
        "* cheapest a month, all in: b", lambda: cost(each("0.01"), month(5)),
        lambda: cost(each("0.001"), month(5)),
    ),
    " among those shown to reach {}": (
        "all in among those shown to reach 0.800: b",
        lambda: cost(each(0.001, **scored(0.7)), month(5, **scored(0.9)), target=Decimal("0.8")),
        lambda: cost(each(0.001, **scored(0.7)), month(5, **scored(0.9))),
    ),
    "No candidate{} is shown to reach the target score of {}.": (
        "No candidate is shown to reach the target score of 0.800.",
        lambda: cost(month(5, **scored(0.9, 0.7, 1.0)), target=Decimal("0.8")),
        lambda: cost(month(5, **scored(0.9, 0.85, 1.0)), target=Decimal("0.8")),
    ),
    " that is fast enough": (
        "No candidate that is fast enough is shown to reach the target score of 0.800.",
        lambda: cost(month(5, too_slow=True, **scored(0.9)), target=Decimal("0.8")),
        lambda: cost(month(5, **scored(0.7)), target=Decimal("0.8")),
    ),
    "No candidate is fast enough.": (
        "No candidate is fast enough.",
        lambda: cost(month(5, too_slow=True)), lambda: cost(month(5, too_slow=True), each(1)),
    ),
    ", fast enough": (
        "all in, fast enough: b", lambda: cost(each("0.001", too_slow=True), month(5)),
        lambda: cost(each("0.01"), month(5)),
    ),
    "slower than allowed, or not shown to be fast enough": (
        "slower than allowed, or not shown to be fast enough",
        lambda: cost(month(5, too_slow=True)), lambda: cost(month(5)),
    ),
    "Ranges: every input at its cheapest and at its dearest end. Without one: list price.": (
        "$5 $5 $0 $5 $4-6 a month", lambda: cost(month([4, 6])), lambda: cost(month(5)),
    ),
    "{} a month": (
        "$4-6 a month", lambda: cost(month([4, 6])), lambda: cost(month(5)),
    ),
    "score {}": (
        "score 0.700-0.900", lambda: cost(month(5, **scored(0.8, 0.7, 0.9))),
        lambda: cost(month(5, **scored(0.8))),
    ),
    "a right answer may cost more without limit": (
        "a right answer may cost more without limit",
        lambda: cost(month(5, **scored(0.1, 0.0, 0.3))),
        lambda: cost(month(5, **scored(0.1, 0.05, 0.3))),
    ),
    "one machine, whatever is asked: [costs] tokens_per_second tells its load": (
        "one machine, whatever is asked", lambda: cost(spec(**SERVER), costs=HOUR),
        lambda: cost(spec(**SERVER), costs=HOUR | {"tokens_per_second": 500}),
    ),
    "{} a month is set-up that nobody stated: [costs] setup_hours": (
        "$83.33 a month is set-up that nobody stated",
        lambda: cost(spec(stated={"usd_assumed": 1000})),
        lambda: cost(spec(stated={"usd_once": 1000})),
    ),
    "{}: retrieval and reranking add {}": (
        "a: retrieval and reranking add 20-100 ms.",
        lambda: cost(spec(retrieval={"retrieval_ms": [20, 100]})), cost,
    ),
    " to an answer of {}": (
        "add 20 ms to an answer of 500 ms.",
        lambda: cost(spec(retrieval={"retrieval_ms": 20}, answer_ms=500)),
        lambda: cost(spec(retrieval={"retrieval_ms": 20})),
    ),
    "{} is cheaper from {} requests a month on, {} below": (
        "b is cheaper from 500 requests a month on, a below.",
        lambda: cost(each("0.01"), month(5)), lambda: cost(each("0.01"), each("0.02", "b")),
    ),
    "Break-even, all in": (
        "Break-even, all in", lambda: cost(each("0.01"), month(5)), cost,
    ),
    "no limit": (
        r"of draws: [\d,]+ to no limit",
        lambda: cost(each("0.01"), spec("b", stated={
            "usd_per_request": {"value": "0.001", "low": 0, "high": "0.03"},
            "usd_per_month": 2})),
        lambda: cost(each("0.01"), month([4, 6])),
    ),
    ", never in {}%": (
        r"never in \d+%",
        lambda: cost(each("0.01"), spec("b", stated={
            "usd_per_request": {"value": "0.001", "low": 0, "high": "0.03"},
            "usd_per_month": 2})),
        lambda: cost(each("0.01"), month([4, 6])),
    ),
    "  {} at every volume {}: {}.": (
        "Cheaper at every volume than: b.", lambda: cost(each("0.01"), each("0.02", "b")),
        lambda: cost(each("0.02"), each("0.01", "b")),
    ),
    "Cheaper": (
        "Cheaper at every volume than: b.", lambda: cost(each("0.01"), each("0.02", "b")),
        lambda: cost(each("0.01"), month(5)),
    ),
    "Dearer": (
        "Dearer at every volume than: b.",
        lambda: cost(each("0.02", **scored(0.9)), each("0.01", "b", **scored(0.5)),
                     target=Decimal("0.8")),
        lambda: cost(each("0.02", **scored(0.9)), each("0.01", "b", **scored(0.9)),
                     target=Decimal("0.8")),
    ),
    "The same": (
        "The same at every volume as: b.", lambda: cost(each("0.01"), each("0.01", "b")),
        lambda: cost(each("0.01"), each("0.02", "b")),
    ),
    "than": (
        "every volume than: b.", lambda: cost(each("0.01"), each("0.02", "b")),
        lambda: cost(each("0.01"), each("0.01", "b")),
    ),
    "{} and {} cost the same at every volume.": (
        "a and b cost the same at every volume.",
        lambda: cost(each(1, **scored(0.1)), each(1, "b", **scored(0.1)), target=Decimal("0.8")),
        lambda: cost(each(1, **scored(0.1)), each(2, "b", **scored(0.1)), target=Decimal("0.8")),
    ),
    "Never{}: {} is cheaper than {} at every volume.": (
        "Never: a is cheaper than b at every volume.",
        lambda: cost(each(1, **scored(0.1)), each(2, "b", **scored(0.1)), target=Decimal("0.8")),
        lambda: cost(each(1, **scored(0.1)), month(2, **scored(0.1)), target=Decimal("0.8")),
    ),
    " (in {}% of draws)": (
        "Never (in 100% of draws): a is cheaper",
        lambda: cost(each([1, 2], **scored(0.1)), each(3, "b", **scored(0.1)),
                     target=Decimal("0.8")),
        lambda: cost(each(1, **scored(0.1)), each(3, "b", **scored(0.1)), target=Decimal("0.8")),
    ),
    "; {}% of draws: {} to {}": (
        "; 90% of draws: 4", lambda: cost(each("0.01"), month([4, 6])),
        lambda: cost(each("0.01"), month(5)),
    ),
    " (until ": (
        r" \(until [\d,]+\)",
        lambda: cost(BETWEEN, spec("b", **HOSTED), volume=1_000_000),
        lambda: cost(each("0.01"), month(5)),
    ),
    "{} has paid back its set-up in month {}.": (
        "b has paid back its set-up in month 4.",
        lambda: cost(each("0.01"), month(5, once=20)),
        lambda: cost(each("0.01"), month(5)),
    ),
    "At this volume {} never pays back its set-up ({}).": (
        "At this volume b never pays back its set-up (a).",
        lambda: cost(each("0.01"), month(50, once=20)),
        lambda: cost(each("0.01"), month(5, once=20)),
    ),
    "What would change the choice: {} stays the cheapest unless": (
        "What would change the choice: b stays the cheapest unless",
        lambda: cost(each("0.01"), month(5)), cost,
    ),
    "  {} {} {}{} (now {}; then {})": (
        "requests per month falls under 500 (now 1,000; then a)",
        lambda: cost(each("0.01"), month(5)),
        lambda: cost(each("0.01"), month(5), volume=2_000),
    ),
    "falls under": (
        "requests per month falls under 500", lambda: cost(each("0.01"), month(5)),
        lambda: cost(each("0.01"), month(50)),
    ),
    "passes": (
        "requests per month passes 5,000", lambda: cost(each("0.01"), month(50)),
        lambda: cost(each("0.01"), month(5)),
    ),
    "  and {} more that would have to move further": (
        r"and \d+ more that would have to move further", lambda: cost(*MANY),
        lambda: cost(*MANY[:2]),
    ),
    "The same, paid for in another way": (
        "The same, paid for in another way", lambda: cost(spec(**API)), cost,
    ),
    "  {}, {}: {} a month against {}, {} ({})": (
        r"a, [\w ]*batch[\w ]*: \$\S+ a month against \$2.25, saves", lambda: cost(spec(**API)),
        lambda: cost(spec(**API), volume=2_000),
    ),
    "saves {}": ("saves $1.13", lambda: cost(spec(**API)), cost),
    "costs {} more": (
        r"costs \$\S+ more", lambda: cost(spec(**{**CLAUDE, "tokens": LONG}), volume=100),
        lambda: cost(spec(**FIXED)),
    ),
    "changes nothing": (
        "changes nothing", lambda: cost(spec(**CLAUDE)), lambda: cost(spec(**FIXED)),
    ),
    "Quality against cost, cheapest first": (
        "Quality against cost, cheapest first",
        lambda: cost(each(1, **scored(0.8)), each(2, "b", **scored(0.9))),
        lambda: cost(each(1, **scored(0.8))),
    ),
    "  {}: {} ({} to {}) for {} a month{}{}": (
        "b: 0.900 (0.900 to 0.900) for $2,000 a month",
        lambda: cost(each(1, **scored(0.8)), each(2, "b", **scored(0.9))),
        lambda: cost(each(1, **scored(0.8)), each(3, "b", **scored(0.9))),
    ),
    "  dominated by {}": (
        "a month dominated by a", lambda: cost(each(1, **scored(0.9)), each(2, "b", **scored(0.8))),
        lambda: cost(each(1, **scored(0.8)), each(2, "b", **scored(0.9))),
    ),
    " (the intervals overlap)": (
        "dominated by a (the intervals overlap)",
        lambda: cost(each(1, **scored(0.9, 0.7, 1)), each(2, "b", **scored(0.8, 0.7, 1))),
        lambda: cost(each(1, **scored(0.9)), each(2, "b", **scored(0.8))),
    ),
    "Prices": (
        "Prices list price", lambda: cost(spec(**API)), cost,
    ),
    "  Not all are of {}: where none is known, a later one stands in.": (
        "Not all are of 2024-01-05", lambda: cost(spec(**API), on=date(2024, 1, 5)),
        lambda: cost(spec(**API)),
    ),
    "  older than 90 days ({}): {}; check it, set it in [costs]": (
        r"older than 90 days \(\d+\): .*; check it, set it in \[costs\]",
        lambda: cost(spec(**API), on=STALE), lambda: cost(spec(**API)),
    ),
    "Notes": ("Notes seen", lambda: cost(notes=("seen",)), cost),
    "{}: {} a month, all in": (
        "a: $5 a month, all in", lambda: cost(why=True), cost,
    ),
    "  {}: {} {} -> {} a month": (
        "per request, as stated: $0.01 a request -> $10 a month",
        lambda: cost(each("0.01"), why=True), lambda: cost(each("0.01")),
    ),
    "    at least a month, whatever is asked (machines that are always on):": (
        "at least a month, whatever is asked", lambda: cost(spec(**HOSTED), why=True),
        lambda: cost(spec(**API), why=True),
    ),
}  # fmt: skip
PARTS = {
    "month": "key of a basis", "once": "key of a basis", "request": "key of a basis",
    "a month": "head of a column", "running": "head of a column", "per 1,000": "head of a column",
    "per 1,000 right": "head of a column", "score": "head of a column",
    "a request": "a line's basis in `--why`", "{} ({} to {})": "figure", ", p95 {} s": "figure",
}  # fmt: skip
"""Words that claim nothing by themselves."""


def test_every_wording_has_its_two_cases() -> None:
    assert phrases(show.__file__) == set(SAID) | {p for p in PARTS if re.search("[a-z]{3}", p)}


@pytest.mark.lengthy
@pytest.mark.parametrize("wording", SAID)
def test_a_sentence_is_said_where_it_is_true_and_only_there(wording: str) -> None:
    said, true, false = SAID[wording]
    pattern = said if "\\" in said else re.escape(said)
    assert re.search(pattern, true()), true()
    assert not re.search(pattern, false()), false()
