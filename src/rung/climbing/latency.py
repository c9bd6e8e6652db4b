"""How long one request takes by itself: no batch beside it, nothing from the cache."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from rung.climbing.tools import Tools
from rung.solver import Solver
from rung.task.types import Example

ASKED = 12
"""Requests timed; the 95th percentile of twelve is the slowest of them."""


async def p95_alone(solver: Solver, examples: Sequence[Example], tools: Tools) -> float | None:
    """Seconds at the 95th percentile (nearest rank), one at a time; None without examples."""
    name = solver.candidate.embedder
    embedder = tools.embedder(name) if name else None
    chat = None if solver.parts.chat is None else tools.raw(solver.candidate.model)
    alone = Solver(solver.spec, replace(solver.parts, chat=chat))
    took: list[float] = []
    if embedder is not None:
        embedder.fresh = True
    try:
        for i, example in enumerate(examples[: ASKED + 1]):
            started = time.perf_counter()
            answer = await alone.answer(example.input)
            tools.counter.made += answer.calls
            if i or len(examples) == 1:  # the first one loads weights
                took.append(time.perf_counter() - started)
    finally:
        if embedder is not None:
            embedder.fresh = False
    if not took:
        return None
    return sorted(took)[math.ceil(0.95 * len(took)) - 1]
