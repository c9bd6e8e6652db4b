"""Behaviour: is a failure mended by examples that show the convention?"""

from rung.diagnose.bench import Bench, Case, keys
from rung.diagnose.records import ProbeResult
from rung.diagnose.variants import (
    neutral_instruction,
    with_foreign_answers,
    with_prompt,
    with_shots,
)


async def behaviour(bench: Bench, case: Case) -> list[ProbeResult]:
    """The nearest solved examples. Placebo: the same ones with the answers of others.

    The placebo shows the form of an answer and nothing of what belongs to which input. Where it
    mends the failure too, the form was all that was missing, which a neutral sentence in the
    instruction must not bring about.
    """
    candidate, task = bench.subject.candidate, bench.task
    if candidate.prompt.shots.chosen_by_input or candidate.weights.tuned:
        return []
    if bench.subject.parts.chat is None or not task.train:
        return []
    if "shots" not in bench.made:
        bench.made["shots"] = await with_shots(bench.subject, task, bench.workshop)
    shown = bench.made["shots"]
    treated = await bench.ask("nearest shots", case, shown)
    foreign = with_foreign_answers(shown, case.example, task)
    placebo = await bench.ask("shots with foreign answers", case, foreign)
    results = [
        ProbeResult(
            probe="nearest shots",
            cause="wrong_behaviour",
            treated=bench.right(treated),
            placebo=bench.right(placebo),
            arms=keys(treated, placebo),
        )
    ]
    if results[0].treated and results[0].placebo:
        worded = with_prompt(bench.subject, instruction=neutral_instruction(bench.subject))
        neutral = await bench.ask("neutral words", case, worded)
        results.append(
            ProbeResult(
                probe="shots with foreign answers",
                cause="wrong_format",
                treated=True,
                placebo=bench.right(neutral),
                arms=keys(placebo, neutral),
            )
        )
    return results
