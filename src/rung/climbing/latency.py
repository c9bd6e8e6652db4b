"""How long one request takes by itself: no batch beside it, nothing from the cache."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from rung.candidate import NO_LLM
from rung.climbing.tools import Tools
from rung.errors import ProviderError
from rung.measure.cache import CachedEmbedder
from rung.measure.metered_model import MeteredModel
from rung.solver import Solver
from rung.task.types import Example

ASKED = 12
"""Requests timed; the 95th percentile of twelve is the slowest of them."""


async def p95_alone(solver: Solver, examples: Sequence[Example], tools: Tools) -> float | None:
    """Seconds at the 95th percentile (nearest rank), one at a time; None where none answers.

    Raises `ProviderError` on an outage and `BudgetExceeded`; other failed calls are left out.
    """
    name = solver.candidate.embedder
    used: list[CachedEmbedder | MeteredModel] = [tools.embedder(name)] if name else []
    used += [tools.chat(model) for model in solver.models if not model.startswith(NO_LLM)]
    took: list[float] = []
    for tool in used:
        tool.fresh = True
    try:
        for i, example in enumerate(examples[: ASKED + 1]):
            started = time.perf_counter()
            try:
                await solver.answer(example.input)
            except ProviderError as error:
                if error.outage:
                    raise
                continue
            if i or len(examples) == 1:  # the first one loads weights
                took.append(time.perf_counter() - started)
    finally:
        for tool in used:
            tool.fresh = False
    if not took:
        return None
    return sorted(took)[math.ceil(0.95 * len(took)) - 1]
