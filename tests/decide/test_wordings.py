"""Every wording of a verdict: what makes it said, and what makes it unsaid.

The inventory reads the code: a wording without a pair of its own fails.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any

import pytest
from test_verdict import AHEAD, CASES, FELL, NEVER, TARGET, TIMED, left, lora, passed, row, score

from rung.candidate import Candidate, Prompt
from rung.decide import claims, hindered, verdict
from rung.decide.claims import by_method, by_whom, said_of
from rung.decide.verdict import decide
from rung.records.results import CandidateResult, Forecast, Hindered
from rung.report import reasons
from rung.report.reasons import reason_text
from rung.task.types import Target

FEWEST_LETTERS = 8
"""Of a piece of text that is a wording."""
SPEAKERS: tuple[ModuleType | FunctionType, ...] = (
    reasons,
    hindered,
    claims,
    verdict.within_limits,
)
PRICED = Target(metric="accuracy", score=0.8, max_cost_per_request="0.001")


def wordings(speaker: ModuleType | FunctionType) -> Iterator[str]:
    """The texts in its code that people read: longer ones with a blank, docstrings apart."""
    tree = ast.parse(inspect.getsource(speaker))
    notes = {
        node.value
        for parent in ast.walk(tree)
        if isinstance(parent, ast.Module | ast.FunctionDef | ast.ClassDef)
        for node in parent.body
        if isinstance(node, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in notes:
            text = node.value.strip()
            if " " in text and sum(map(str.isalpha, text)) >= FEWEST_LETTERS:
                yield text


def said(rows: Sequence[CandidateResult], target: Target = TARGET, **how: Any) -> str:
    """Everything that a verdict on these rows says."""
    found = decide(rows, target, **how)
    return "\n".join(reason_text(r) for r in (*found.reasons, found.next_step))


def failed(fixed: bool = False, **ends: int) -> CandidateResult:
    """Left for good, with ten failures that ended so."""
    prompt = Prompt(max_output_tokens=16, fixed_room=fixed)
    measured = score(value=0.3, low=0.2, high=0.4, hindered=Hindered(failed=10, **ends))
    return left(test=measured, chance=0.0, candidate=Candidate(model="local/x", prompt=prompt))


def timed(low: float | None, high: float | None, p95: float = 0.8) -> CandidateResult:
    return passed(latency_p95_s=p95, latency_low_s=low, latency_high_s=high)


SPENT = Forecast(points=(), ceiling=0.5, alpha=0.0)
BELOW = left(test=score(value=0.6, high=0.7), chance=0.0)
MUTE = row("mute", "drop")

PAIRS: dict[str, tuple[str, str]] = {
    kind: (said(true), said(false)) for kind, (true, false) in CASES.items()
} | {
    "interval": (said([BELOW]), said([row("off", "skipped")])),
    "rare": (said([left(chance=0.001)]), said([left(chance=0.02)])),
    "chance unknown": (said([left(chance=None)]), said([left(chance=0.02)])),
    "nothing scored": (
        said([passed(test=None)]),
        said([passed()]),
    ),
    "certified": (said([passed()]), said([passed(test=score(certified=0.0))])),
    "loss": (
        said([lora("t", test=BELOW.test, training=FELL)]),
        said([lora("t", test=BELOW.test, training={"dev_losses": [3.5, 0.4, 0.2, 0.199]})]),
    ),
    "no upper bound": (said([timed(0.3, None)], TIMED), said([timed(0.3, 0.9)], TIMED)),
    "time again": (said([timed(0.3, 1.2)], TIMED), said([timed(0.3, None)], TIMED)),
    "too few to time": (said([timed(0.3, None)], TIMED), said([timed(0.3, 1.2)], TIMED)),
    "unsure speed": (said([timed(0.3, 1.2)], TIMED), said([timed(0.3, 0.9)], TIMED)),
    "too slow": (said([timed(1.1, 2.0, 1.5)], TIMED), said([timed(0.3, 0.9)], TIMED)),
    "over a limit": (said([passed()], PRICED), said([left(chance=0.01)], PRICED)),
    "too dear": (said([passed()], PRICED), said([passed(cost_per_request_usd=0.0005)], PRICED)),
    "alike": (
        said([passed(), passed("b", monthly_usd=100.5)]),
        said([passed(), passed("b", monthly_usd=140.0)]),
    ),
    "dearer": (
        said([passed(), passed("b", monthly_usd=140.0)]),
        said([passed(), passed("b", monthly_usd=100.5)]),
    ),
    "would tell": (said([left(forecast=AHEAD)]), said([left(forecast=NEVER)])),
    "never tells": (said([left(forecast=NEVER)]), said([left(forecast=AHEAD)])),
    "cheaper tells": (
        said([passed(), left(monthly_usd=20.0, forecast=AHEAD)]),
        said([passed(), left(monthly_usd=20.0, forecast=NEVER)]),
    ),
    "cheaper never tells": (
        said([passed(), left(monthly_usd=20.0, forecast=NEVER)]),
        said([passed(), left(monthly_usd=20.0, forecast=AHEAD)]),
    ),
    "cheaper, nobody looked": (
        said([passed(), left(monthly_usd=20.0)]),
        said([passed(), left(monthly_usd=20.0, forecast=NEVER)]),
    ),
    "cheaper, unused": (
        said([passed(), left(monthly_usd=20.0, forecast=AHEAD)], unused=90),
        said([passed(), left(monthly_usd=20.0, forecast=AHEAD)]),
    ),
    "used up": (said([row("a", "undecided", reason="used up")]), said([left()])),
    "not reached": (said([row("a", "planned")], stopped="budget"), said([left()])),
    "can never": (said([left(forecast=NEVER)]), said([left(forecast=AHEAD)])),
    "must see": (said([left(forecast=AHEAD)]), said([left(forecast=NEVER)])),
    "unused": (said([left(forecast=AHEAD)], unused=9), said([left(forecast=AHEAD)])),
    "add": (said([left(forecast=AHEAD)]), said([left(forecast=AHEAD)], unused=9)),
    "fresh, unused": (
        said([left(forecast=SPENT)], unused=9), said([left(forecast=AHEAD)], unused=9),
    ),
    "fresh": (said([left(forecast=SPENT)]), said([left(forecast=AHEAD)])),
    "all below": (said([BELOW]), said([BELOW, left("b", chance=0.01)])),
    "none likely": (said([BELOW, left("b", chance=0.01)]), said([BELOW])),
    "cut": (said([failed(cut=8)]), said([failed(cut=4)])),
    "cut at a limit": (said([failed(True, cut=8)]), said([failed(cut=8)])),
    "refused": (said([failed(refused=8)]), said([failed(refused=4)])),
    "unreadable": (said([failed(invalid=8)]), said([failed(invalid=4)])),
    "nobody in the way": (said([BELOW]), said([failed(cut=8)])),
    "plain, one": (said([BELOW], plain=[BELOW.key]), said([BELOW])),
    "plain, two": (
        said([BELOW, BELOW], plain=[BELOW.key]), said([BELOW], plain=[BELOW.key]),
    ),
    "suite": (said_of("suite", None, 0.95, 20), said_of("traffic", None, 0.95, 20)),
    "suite of some": (said_of("suite", None, 0.95, 0), said_of("traffic", None, 0.95, 0)),
    "traffic": (said_of("traffic", None, 0.95, 20), said_of("suite", None, 0.95, 20)),
    "groups": (said_of("traffic", "meta.talk", 0.95, 20), said_of("traffic", None, 0.95, 20)),
    "judge alone": (by_whom(0), by_whom(None)),
    "people": (by_whom(40), by_whom(0)),
    "conjectured": (by_method(score(method="sequential + gaffke")), by_method(score())),
    "conjectured, by people": (by_method(score(method="clopper-pearson + rectifier")), ""),
    "conjectured, chosen": (
        said([passed(test=score(method="gaffke"))]), said([passed(test=score())]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("speaker", SPEAKERS, ids=lambda s: s.__name__)
def test_every_wording_has_figures_that_make_it_said_and_figures_that_make_it_unsaid(
    speaker: ModuleType | FunctionType,
) -> None:
    found = set(wordings(speaker))
    assert found
    pairs = list(PAIRS.values())
    lacking = [
        text
        for text in found
        if not any(text in true and text not in false for true, false in pairs)
    ]
    assert lacking == []


@pytest.mark.parametrize("name", PAIRS)
def test_each_pair_tells_its_two_sides_apart(name: str) -> None:
    true, false = PAIRS[name]
    assert true != false
