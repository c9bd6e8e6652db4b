"""Instruction: is a failure mended by other words, or by asking for steps?"""

from rung.diagnose.bench import Bench, Case, keys
from rung.diagnose.records import ProbeResult
from rung.diagnose.variants import explicit_instruction, neutral_instruction, with_prompt
from rung.solver import Solver

ROOM_TO_THINK = 200
"""Tokens for the steps."""


async def instruction(bench: Bench, case: Case) -> list[ProbeResult]:
    """An explicit instruction for the kind of output. Placebo: the own one after a sentence."""
    explicit = with_prompt(bench.subject, instruction=explicit_instruction(bench.task))
    return await _worded(bench, case, "explicit instruction", explicit)


async def reasoning(bench: Bench, case: Case) -> list[ProbeResult]:
    """Steps before the answer. Placebo: the own instruction after a sentence."""
    prompt = bench.subject.candidate.prompt
    if prompt.reasoning or bench.subject.candidate.weights.tuned:
        return []
    room = prompt.max_output_tokens + ROOM_TO_THINK
    thinking = with_prompt(bench.subject, reasoning=True, max_output_tokens=room)
    return await _worded(bench, case, "step by step", thinking)


async def _worded(bench: Bench, case: Case, arm: str, solver: Solver) -> list[ProbeResult]:
    if bench.subject.parts.chat is None:
        return []
    neutral = with_prompt(bench.subject, instruction=neutral_instruction(bench.subject))
    treated = await bench.ask(arm, case, solver)
    placebo = await bench.ask("neutral words", case, neutral)
    return [
        ProbeResult(
            probe=arm,
            cause="instruction_unclear",
            treated=bench.right(treated),
            placebo=bench.right(placebo),
            arms=keys(treated, placebo),
        )
    ]
