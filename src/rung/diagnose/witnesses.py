"""Witnesses: candidates that are good elsewhere, and what they say together against a label.

Different techniques seldom make the same mistake, so where several of them agree with each other
and not with the expected answer, that answer is suspect. Pure: answers that are there already.
"""

import random
from collections import Counter
from collections.abc import Mapping
from statistics import fmean
from typing import NamedTuple

from rung.knowledge.words import words
from rung.records import Attempt
from rung.task.contract import render
from rung.task.types import Output

STRONG = 0.5
"""Mean score from which a candidate is a witness."""
WITNESSES = 2
"""Witnesses of different techniques that must agree."""
SURE = 0.6
"""Least share of the witnesses asked that must give this one answer."""
HALF = 0.5
"""The same where an out-of-sample judge says it too, as one witness more."""

Attempts = Mapping[str, Attempt]
"""One candidate's attempts by example id."""


class Witness(NamedTuple):
    """One candidate of a run, with what it answered."""

    key: str
    technique: str
    attempts: Attempts


class Agreed(NamedTuple):
    """One answer that enough witnesses give."""

    text: str
    """In the words by which answers are compared."""
    keys: tuple[str, ...]
    """The witnesses."""


def strong(attempts: Attempts) -> bool:
    """Whether a candidate is right often enough to be heard; unscored answers count as wrong."""
    return fmean([a.score or 0.0 for a in attempts.values()] or [0.0]) >= STRONG


def plain(text: str) -> str:
    """An answer without case, punctuation and articles: what is compared."""
    return " ".join(word.text for word in words(text))


def said(output: Output, attempt: Attempt | None) -> str | None:
    """What a witness says in plain words; None where it says nothing valid."""
    answer = attempt.answer if attempt is not None else None
    if answer is None or not answer.valid:
        return None
    return plain(render(output, answer.value)) or None


def agreed(
    heard: Mapping[str, str], techniques: Mapping[str, str], asked: int, sure: float = SURE
) -> Agreed | None:
    """The answer that enough of the `asked` witnesses give, by different techniques.

    `heard` and `techniques` are by candidate key; `sure` is the least share.
    """
    if not heard:
        return None
    answer = Counter(heard.values()).most_common(1)[0][0]
    keys = tuple(sorted(key for key, text in heard.items() if text == answer))
    kinds = {techniques.get(key, key) for key in keys}
    if len(kinds) < WITNESSES or len(keys) < sure * asked:
        return None
    return Agreed(answer, keys)


def misheard(
    output: Output,
    attempts: Mapping[str, Attempts],
    heard: Mapping[str, str],
    ident: str,
    seed: int,
) -> dict[str, str]:
    """The placebo: every witness but the first says what it said to some other example."""
    rng = random.Random(f"{seed}:{ident}")
    swapped = dict(heard)
    for key in sorted(heard)[1:]:
        others = [a for i, a in sorted(attempts[key].items()) if i != ident]
        text = said(output, rng.choice(others)) if others else None
        if text is None:
            del swapped[key]
        else:
            swapped[key] = text
    return swapped
