"""Ambiguous: asked again with a temperature, do the answers disagree?"""

import random
from collections import Counter

from rung.diagnose.bench import Bench, Case, Unanswered
from rung.diagnose.records import ProbeResult
from rung.diagnose.variants import with_prompt

SAMPLES = 5
TEMPERATURE = 0.7
AGREE = 0.6
"""Share of the samples that the commonest answer of a clear case exceeds."""


async def repeats(bench: Bench, case: Case) -> list[ProbeResult]:
    """Placebo: the same samples of an example that is answered right."""
    if bench.subject.parts.chat is None or not bench.controls:
        return []
    rng = random.Random(f"{bench.task.climb.seed}:{case.example.id}")
    control = rng.choice(bench.controls)
    treated, disagreed = await _disagree(bench, case)
    placebo, _ = await _disagree(bench, control)
    return [
        ProbeResult(
            probe="samples",
            cause="ambiguous",
            treated=treated,
            placebo=placebo,
            arms=tuple(disagreed),
        )
    ]


async def _disagree(bench: Bench, case: Case) -> tuple[bool, list[str]]:
    warm = with_prompt(bench.subject, temperature=TEMPERATURE)
    answers, names = [], []
    for seed in range(SAMPLES):
        attempt = await bench.ask(f"sample {seed + 1}", case, warm, seed=seed)
        if attempt.answer is None:
            raise Unanswered(attempt.error or "no answer")
        answers.append(attempt.answer.text.strip())
        names.append(attempt.candidate)
    most = Counter(answers).most_common(1)[0][1]
    return most <= AGREE * SAMPLES, names
