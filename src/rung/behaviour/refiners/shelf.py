"""The shelf's list: what is searched, slot after slot, in this order."""

from rung.behaviour.refiners import prompts
from rung.behaviour.refiners.base import Refined, Refiner, Trial, Variant
from rung.behaviour.refiners.instruction import InstructionRefiner
from rung.behaviour.refiners.prompts import PromptRefiner
from rung.behaviour.refiners.racing import confirmed, parted
from rung.behaviour.refiners.retrieval import RetrievalRefiner
from rung.candidate import Candidate

REFINERS: dict[str, Refiner] = {
    "retrieval": RetrievalRefiner(),
    "shots": PromptRefiner(prompts.shots),
    "instruction": InstructionRefiner(),
    "label head": PromptRefiner(prompts.head),
    "contract": PromptRefiner(prompts.contract),
    "reasoning": PromptRefiner(prompts.reasoning),
}
"""By the slot that it searches."""


async def refine(start: Candidate, trial: Trial) -> Refined:
    """Each refiner in turn, from what the one before it found, with half of the calls that are
    left; the last one with all.

    What was found is kept where it beats the start on rows that had no part in choosing it.
    """
    best, tried, searched = start, list[Variant](), list[str]()
    waiting = [slot for slot, refiner in REFINERS.items() if refiner.serves(start, trial.task)]
    kept_back = 2 * len(parted(trial.task)[1])
    pool = max(0, trial.left - kept_back)
    for slot in waiting:
        refiner = REFINERS[slot]
        if not refiner.serves(best, trial.task):
            continue
        trial.left = share = pool if slot == waiting[-1] else pool // 2
        refined = await refiner.refine(best, trial)
        pool -= share - trial.left
        best = refined.best
        tried += refined.tried
        if len(refined.tried) > 1:
            searched.append(slot)
    trial.left = pool + kept_back
    if best != start:
        both = await confirmed(start, best, trial)
        tried += both
        if not both or (both[1].score or 0.0) <= (both[0].score or 0.0):
            best = start
    return Refined(best=best, tried=tuple(tried), searched=tuple(searched))
