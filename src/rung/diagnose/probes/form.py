"""Wrong format: the answer that was given is right once its form is put aside. Asks no model."""

import random

from rung.diagnose.bench import Bench, Case
from rung.diagnose.records import ProbeResult
from rung.diagnose.relaxed import relaxed_right
from rung.records import Answer
from rung.task.types import Example


async def form(bench: Bench, case: Case) -> list[ProbeResult]:
    """Placebo: the same answer, read as loosely, against what another example expects."""
    answer = case.attempt.answer
    if answer is None:
        return []
    return [
        ProbeResult(
            probe="relaxed reading",
            cause="wrong_format",
            treated=relaxed(bench, case.example, answer),
            placebo=relaxed(bench, _foreign(bench, case.example), answer),
        )
    ]


def relaxed(bench: Bench, example: Example | None, answer: Answer | None) -> bool:
    """Whether an answer is right for an example when its form does not count."""
    if example is None or answer is None:
        return False
    return any(relaxed_right(bench.task.output, one, answer) for one in example.references)


def _foreign(bench: Bench, example: Example) -> Example | None:
    others = [e for e in bench.task.dev if e.expected != example.expected]
    rng = random.Random(f"{bench.task.climb.seed}:{example.id}")
    return rng.choice(others) if others else None
