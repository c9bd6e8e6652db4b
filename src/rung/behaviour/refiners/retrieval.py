"""A refiner of what is retrieved: first by where answers are found, which asks no model, then by a
race between numbers of passages (2505.03452 searches the two parts in this order too)."""

from rung.behaviour.refiners.base import Refined, Trial
from rung.behaviour.refiners.racing import can_race, race
from rung.candidate import Candidate, Context, Cut
from rung.knowledge.finding import best_weight
from rung.knowledge.stages.passages import EXPANSIONS
from rung.knowledge.stages.rewrites import REWRITES
from rung.task.types import Task

CUTS: tuple[tuple[Cut, int], ...] = (
    ("size", 300),
    ("size", 600),
    ("size", 1200),
    ("heading", 1200),
    ("window", 600),
)
"""Ways to cut the documents, and characters of a passage at most."""
NUMBERS = (1, 2, 3, 5, 8)
"""Passages handed over."""
ROOM = 1800
"""Characters within which the answer should stand: some 450 tokens."""
RACED = 2
"""Cuts whose numbers are raced, beside the start."""


class RetrievalRefiner:
    """Searches cuts, the weight of words, the number of passages, what stands around them,
    questions worded anew, and rerankers: the model itself, and those that are named."""

    def serves(self, start: Candidate, task: Task) -> bool:
        """See `Refiner`."""
        traits = start.context.traits
        return can_race(start, task) and traits.reads and traits.searches

    async def refine(self, start: Candidate, trial: Trial) -> Refined:
        """See `Refiner`."""
        contexts = [start.context]
        best = await _best_cuts(start, trial)
        for context in best:
            contexts += [context.model_copy(update={"k": k}) for k in NUMBERS]
        at_hand = [{"expand": how} for how in EXPANSIONS] + [{"rewrite": how} for how in REWRITES]
        contexts += [best[0].model_copy(update=how) for how in (*at_hand, {"rerank": "model"})]
        for tool in trial.task.tools:
            if not tool.informs:
                how = {"rerank": "endpoint", "tool": tool.name}
                contexts += [best[0].model_copy(update={"k": k, **how}) for k in NUMBERS]
        others = [start.model_copy(update={"context": c}) for c in dict.fromkeys(contexts)]
        return await race(start, others, trial)


async def _best_cuts(start: Candidate, trial: Trial) -> list[Context]:
    """Those under which most answers are found within `ROOM`; that of the start where nobody knows
    where answers stand."""
    shares: list[tuple[float, int, Context]] = []
    for place, (cut, chars) in enumerate(CUTS):
        context = start.context.model_copy(update={"cut": cut, "chunk_chars": chars})
        looked = await trial.look(start.model_copy(update={"context": context}))
        if not looked:
            return [start.context]
        weight = {"lexical": 1.0, "dense": 0.0, "hybrid": best_weight(looked)}[context.search]
        share = sum(one.rank(weight) < ROOM // chars for one in looked) / len(looked)
        if context.search == "hybrid":
            context = context.model_copy(update={"word_weight": weight})
        shares.append((-share, place, context))
    return [context for _, _, context in sorted(shares, key=lambda s: s[:2])[:RACED]]
