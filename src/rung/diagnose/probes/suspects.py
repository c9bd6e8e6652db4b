"""Label suspect: do those that are right elsewhere agree with each other against the label?

Asks no model: the witnesses are the run's candidates, whose dev answers are known.
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
    """Placebo: every witness but one is replaced by what it said to another example.

    Where the labels can be judged out of sample, that must doubt the label too, and for the same
    other one; the candidate under diagnosis is then a witness too. Else it is none: two that make
    the same mistake would accuse many a right label.
    """
    own = bench.subject.candidate.key
    heard = bench.doubts is not None
    strong = {k: a for k, a in bench.peers.items() if (heard or k != own) and _strong(a)}
    known = {
        key: text
        for key, attempts in strong.items()
        if (text := _against(bench, attempts.get(case.example.id))) is not None
    }
    asked = sum(case.example.id in attempts for attempts in strong.values())
    if asked < WITNESSES:
        return []
    likelier = None if bench.doubts is None else _plain(bench.doubts.get(case.example.id, ""))
    return [
        ProbeResult(
            probe="witnesses",
            cause="label_suspect",
            treated=_agree(bench, known, asked, likelier),
            placebo=_agree(bench, _misheard(bench, strong, known, case), asked, likelier),
        )
    ]


def _strong(attempts: Mapping[str, Attempt]) -> bool:
    return fmean([a.score or 0.0 for a in attempts.values()] or [0.0]) >= STRONG


def _agree(bench: Bench, said: Mapping[str, str], asked: int, likelier: str | None) -> bool:
    """Enough of the witnesses asked give one and the same wrong answer, by different techniques.

    `likelier` is the answer that it must be; any where None.
    """
    if not said:
        return False
    answer, count = Counter(said.values()).most_common(1)[0]
    kinds = {bench.techniques.get(key, key) for key, text in said.items() if text == answer}
    enough = len(kinds) >= WITNESSES and count >= SURE * asked
    return enough and likelier in (None, answer)


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
    return _plain(render(bench.task.output, answer.value)) or None


def _plain(text: str) -> str:
    return " ".join(word.text for word in words(text))
