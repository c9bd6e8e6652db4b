"""How long one request takes by itself: no batch beside it, nothing from the cache."""

import time
from collections.abc import Sequence

from rung.candidate import NO_LLM
from rung.climbing.observer import Observer
from rung.climbing.rows import RunRecord
from rung.climbing.tools import Tools
from rung.errors import ProviderError
from rung.evidence import Quantile, quantile_bounds
from rung.measure.cache import CachedEmbedder
from rung.measure.metered_model import MeteredModel
from rung.records.results import CandidateResult
from rung.solver import Solver
from rung.task.types import Example

ASKED, ASKED_FOR_LIMIT = 20, 60
"""Requests timed; of fewer than 59 the slowest does not bound the 95th percentile from above, so
a limit on it needs as many."""


async def p95_alone(
    solver: Solver, examples: Sequence[Example], tools: Tools, asked: int
) -> Quantile | None:
    """Seconds at the 95th percentile, `asked` requests one at a time; None where none answers.

    Fewer where there are fewer examples: one asked again tells nothing new of other requests.
    Raises `ProviderError` on an outage and `BudgetExceeded`; other failed calls are left out.
    """
    embedders = [one for one in solver.embedders if isinstance(one, CachedEmbedder)]
    used: list[CachedEmbedder | MeteredModel] = [*embedders]
    used += [tools.chat(model) for model in solver.models if not model.startswith(NO_LLM)]
    took: list[float] = []
    for tool in used:
        tool.fresh = True
    try:
        for i, example in enumerate(examples[: asked + 1]):
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


async def timed(
    solver: Solver, ladder: RunRecord, tools: Tools, observer: Observer
) -> CandidateResult:
    """The candidate's row with its latency, asked once; raises as `p95_alone`."""
    key, limit = solver.candidate.key, ladder.task.target.max_latency_p95_s
    row = ladder.rows[key]
    if row.latency_p95_s is not None:
        return row
    asked = ASKED if limit is None else ASKED_FOR_LIMIT
    observer.phase(key, "latency", asked)
    task = ladder.task
    took = await p95_alone(solver, (*task.dev, *task.test, *task.train), tools, asked)
    if took is not None:
        ladder.update(
            key, latency_p95_s=took.value, latency_low_s=took.low, latency_high_s=took.high
        )
    ladder.write(finished=False)  # a kill from here on does not time it again
    return ladder.rows[key]
