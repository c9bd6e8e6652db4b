"""Knowledge: is a failure mended by the passage that holds the answer?

What was given decides what a flip proves. No passage: knowledge is missing. Passages without the
one that holds the answer: it was not found, or is not in the index at all. The right passage
among others: it was ignored, or lost among them.
"""

from rung.diagnose.bench import Bench, Case, keys
from rung.diagnose.causes import Cause
from rung.diagnose.passages import same_place
from rung.diagnose.probes.form import relaxed
from rung.diagnose.records import ProbeResult
from rung.diagnose.variants import with_shots
from rung.records import Attempt, Passage
from rung.solver import Solver


async def knowledge(bench: Bench, case: Case) -> list[ProbeResult]:
    """Placebo: irrelevant passages of the same length in the same places."""
    return await _read(bench, case, bench.subject, "")


async def knowledge_and_behaviour(bench: Bench, case: Case) -> list[ProbeResult]:
    """Both axes at once, for failures that neither mends alone: shots and the right passage.

    Placebo: the same shots and an irrelevant passage.
    """
    prompt, weights = bench.subject.candidate.prompt, bench.subject.candidate.weights
    if prompt.shots.chosen_by_input or weights.tuned or not bench.task.train:
        return []
    if "shots" not in bench.made:
        bench.made["shots"] = await with_shots(bench.subject, bench.task, bench.workshop)
    results = await _read(bench, case, bench.made["shots"], " and shots")
    return [f.model_copy(update={"also": ("wrong_behaviour",)}) for f in results]


async def _read(bench: Bench, case: Case, solver: Solver, beside: str) -> list[ProbeResult]:
    given = case.attempt.answer.passages if case.attempt.answer else ()
    if not case.gold or (case.held and len(given) == 1):
        return []
    fake = bench.library.irrelevant(case.example, case.gold)
    if len(fake) < len(case.gold):
        return []  # without a placebo a flip proves nothing
    rest = () if case.held else _beside(given, case.gold)
    arm = f"right passage{' alone' if case.held else ''}{beside}"
    treated = await bench.ask(arm, case, solver, (*case.gold, *rest))
    placebo = await bench.ask(f"placebo of {arm}", case, solver, (*fake, *rest))
    right, misled = bench.right(treated), bench.right(placebo)
    loose = relaxed(bench, case.example, treated.answer)
    # Right in substance only: what is mended is knowledge, what is left is the form.
    only_form = not right and loose and not relaxed(bench, case.example, placebo.answer)
    return [
        ProbeResult(
            probe=arm,
            cause=await _cause(bench, case, given, right or only_form),
            also=("wrong_format",) if only_form else (),
            treated=right or only_form,
            placebo=misled,
            arms=keys(treated, placebo),
        )
    ]


def _beside(given: tuple[Passage, ...], gold: tuple[Passage, ...]) -> tuple[Passage, ...]:
    """What stays of the passages given, so that their number does not grow."""
    return given[: max(0, len(given) - len(gold))]


async def _cause(bench: Bench, case: Case, given: tuple[Passage, ...], mended: bool) -> Cause:
    if not given:
        return "missing_knowledge"
    if not case.held:
        index = bench.subject.knowledge.passages or given
        there = any(same_place(g, p) for g in case.gold for p in index)
        return "retrieval_miss" if there else "missing_knowledge"
    if not mended:
        return "lost_among_distractors"
    without = await bench.ask("no passage", case, given=())
    return "context_ignored" if _same(without, case.attempt) else "lost_among_distractors"


def _same(one: Attempt, other: Attempt) -> bool:
    return (
        one.answer is not None
        and other.answer is not None
        and one.answer.text.strip() == other.answer.text.strip()
    )
