"""How long one request takes by itself: no batch beside it, nothing from the cache."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import cycle, islice

from rung.candidate import NO_LLM
from rung.climbing.tools import Tools
from rung.errors import ProviderError
from rung.evidence import Quantile, quantile_bounds
from rung.measure.cache import CachedEmbedder
from rung.measure.metered_model import MeteredModel
from rung.solver import Solver
from rung.task.types import Example

ASKED, ASKED_FOR_LIMIT = 20, 60
"""Requests timed; of fewer than 59 the slowest does not bound the 95th percentile from above, so
a limit on it needs as many."""


async def p95_alone(
    solver: Solver, examples: Sequence[Example], tools: Tools, asked: int
) -> Quantile | None:
    """Seconds at the 95th percentile, `asked` requests one at a time; None where none answers.

    Examples are asked again where they are fewer. Raises `ProviderError` on an outage and
    `BudgetExceeded`; other failed calls are left out.
    """
    name = solver.candidate.embedder
    used: list[CachedEmbedder | MeteredModel] = [tools.embedder(name)] if name else []
    used += [tools.chat(model) for model in solver.models if not model.startswith(NO_LLM)]
    took: list[float] = []
    for tool in used:
        tool.fresh = True
    try:
        for i, example in enumerate(islice(cycle(examples), asked + 1)):
            started = time.perf_counter()
            try:
                await solver.answer(example.input)
            except ProviderError as error:
                if error.outage:
                    raise
                continue
            if i:  # the first one loads weights
                took.append(time.perf_counter() - started)
    finally:
        for tool in used:
            tool.fresh = False
    return quantile_bounds(took, 0.95) if took else None
