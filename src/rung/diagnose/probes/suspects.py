"""Label suspect: do those that are right elsewhere agree with each other against the label?

Asks no model: the witnesses are the run's candidates, whose dev answers are known, the one
under diagnosis among them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from statistics import fmean

from rung.diagnose.bench import Bench, Case
from rung.diagnose.records import ProbeResult
from rung.knowledge.words import words
from rung.records import Attempt
from rung.task.contract import render

STRONG = 0.5
"""Mean dev score from which a candidate is a witness."""
WITNESSES = 2
"""Witnesses of different techniques that must agree."""
SURE = 0.6
"""Least share of the witnesses asked that must give this one answer."""


async def suspects(bench: Bench, case: Case) -> list[ProbeResult]:
    """Placebo: every witness but one is replaced by what it said to another example."""
    strong = {key: a for key, a in bench.peers.items() if _strong(a)}
    known = {
        key: text
        for key, attempts in strong.items()
        if (text := _against(bench, attempts.get(case.example.id))) is not None
    }
    asked = sum(case.example.id in attempts for attempts in strong.values())
    if asked < WITNESSES:
        return []
    return [
        ProbeResult(
            probe="witnesses",
            cause="label_suspect",
            treated=_agree(bench, known, asked),
            placebo=_agree(bench, _misheard(bench, strong, known, case), asked),
        )
    ]


def _strong(attempts: Mapping[str, Attempt]) -> bool:
    return fmean([a.score or 0.0 for a in attempts.values()] or [0.0]) >= STRONG


def _agree(bench: Bench, said: Mapping[str, str], asked: int) -> bool:
    """Enough of the witnesses asked give one and the same wrong answer, by different techniques."""
    if not said:
        return False
    answer, count = Counter(said.values()).most_common(1)[0]
    kinds = {bench.techniques.get(key, key) for key, text in said.items() if text == answer}
    return len(kinds) >= WITNESSES and count >= SURE * asked


def _misheard(
    bench: Bench,
    strong: Mapping[str, Mapping[str, Attempt]],
    known: Mapping[str, str],
    case: Case,
) -> dict[str, str]:
    """Every witness but the first says what it said to some other example."""
    rng = random.Random(f"{bench.task.climb.seed}:{case.example.id}")
    heard = dict(known)
    for key in sorted(known)[1:]:
        others = [a for i, a in sorted(strong[key].items()) if i != case.example.id]
        text = _said(bench, rng.choice(others)) if others else None
        heard[key] = text or ""
    return heard


def _against(bench: Bench, attempt: Attempt | None) -> str | None:
    """What a witness says against the label; None where it is right or says nothing."""
    if attempt is None or attempt.score is None or attempt.score >= bench.cut:
        return None
    return _said(bench, attempt)


def _said(bench: Bench, attempt: Attempt | None) -> str | None:
    answer = attempt.answer if attempt is not None else None
    if answer is None or not answer.valid:
        return None
    text = render(bench.task.output, answer.value)
    return " ".join(word.text for word in words(text)) or None
