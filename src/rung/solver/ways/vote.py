"""Ask several times with a temperature, and take what most answers say: self-consistency.

Wang et al. 2022 (https://arxiv.org/abs/2203.11171). It pays where answers come after steps, which
may go astray each in its own way.
"""

from collections import Counter
from dataclasses import replace
from functools import reduce
from operator import add

from rung.behaviour.base import all_of
from rung.behaviour.spec import SolverSpec
from rung.models.chain import Link
from rung.models.no_llm import LabelModel
from rung.records import Answer, Usage
from rung.solver.ways.base import Asked
from rung.solver.ways.converse import Converse
from rung.task.contract import render

VOTES = 5
TEMPERATURE = 0.7
"""At least; the paper's."""


class Vote:
    """The conversations of one solver's `Converse`, side by side."""

    def __init__(self, spec: SolverSpec, head: LabelModel | None = None) -> None:
        self._one, self._output = Converse(spec, head), spec.output

    async def answer(self, link: Link, asked: Asked) -> Answer:
        """The first of those answers that most agree with; its confidence is their share."""
        first = asked.request
        warm = max(first.temperature, TEMPERATURE)

        def sample(place: int) -> Asked:
            seed = VOTES * first.seed + place
            request = first.model_copy(update={"temperature": warm, "seed": seed})
            return replace(asked, request=request, seconds=asked.seconds if place == 0 else 0.0)

        asks = [self._one.answer(link, sample(place)) for place in range(VOTES)]
        answers = await all_of(asks)
        votes = Counter(map(self._said, answers))
        most = max(answers, key=lambda a: (a.valid, votes[self._said(a)]))
        return most.model_copy(
            update={
                "usage": reduce(add, (a.usage for a in answers), Usage()),
                "by_call": tuple(call for a in answers for call in a.by_call),
                "calls": sum(a.calls for a in answers),
                "cached_calls": sum(a.cached_calls for a in answers),
                "latency_s": max(a.latency_s for a in answers),
                "confidence": votes[self._said(most)] / VOTES,
            }
        )

    def _said(self, answer: Answer) -> str:
        return render(self._output, answer.value).casefold() if answer.valid else ""
