"""Too weak: is a failure mended by another model of the task's list?"""

from rung.candidate import Weights
from rung.diagnose.bench import Bench, Case, keys
from rung.diagnose.records import ProbeResult
from rung.diagnose.variants import neutral_instruction, with_prompt
from rung.solver import fit


async def stronger(bench: Bench, case: Case) -> list[ProbeResult]:
    """The same prompt and context with each other model, and no model after it.

    Placebo: the subject itself, other words.
    """
    candidate = bench.subject.candidate
    results = []
    for name in bench.task.models.to_try:
        if name == candidate.model or bench.subject.parts.chat is None:
            continue
        if name not in bench.made:
            plain = {"model": name, "weights": Weights()}
            other = candidate.chained_to(None).model_copy(update=plain)
            bench.made[name] = await fit(other, bench.task, bench.workshop)
        treated = await bench.ask(f"with {name}", case, bench.made[name])
        neutral = with_prompt(bench.subject, instruction=neutral_instruction(bench.subject))
        placebo = await bench.ask("neutral words", case, neutral)
        results.append(
            ProbeResult(
                probe=f"with {name}",
                cause="too_weak",
                treated=bench.right(treated),
                placebo=bench.right(placebo),
                arms=keys(treated, placebo),
            )
        )
    return results
