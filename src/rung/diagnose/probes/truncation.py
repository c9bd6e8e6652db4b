"""Truncated: an answer that ran out of room is right with more."""

from rung.diagnose.bench import Bench, Case, keys
from rung.diagnose.records import ProbeResult
from rung.diagnose.variants import with_prompt

TIMES, LEAST = 4, 128
"""Room is four times as much, and at least so many tokens."""


async def truncation(bench: Bench, case: Case) -> list[ProbeResult]:
    """Placebo: asked again with the same room."""
    answer = case.attempt.answer
    if answer is None or answer.finish != "length":
        return []
    room = bench.subject.candidate.prompt.max_output_tokens
    roomy = with_prompt(bench.subject, max_output_tokens=max(TIMES * room, LEAST))
    treated = await bench.ask("more room", case, roomy)
    placebo = await bench.ask("same room", case, seed=1)
    return [
        ProbeResult(
            probe="more room",
            cause="truncated",
            treated=bench.right(treated),
            placebo=bench.right(placebo),
            arms=keys(treated, placebo),
        )
    ]
