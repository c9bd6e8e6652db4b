"""What each candidate of a run costs, by the cost model of `rung cost`."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from rung.economics.amounts import total
from rung.economics.breakeven import BreakEven, break_even
from rung.economics.model import CostModel, Workload, model_of_usage, ranged
from rung.economics.pricing import PriceBook
from rung.economics.settings import CostSettings
from rung.economics.spec import CandidateUsage
from rung.errors import UserError
from rung.money import dec
from rung.records.results import CandidateResult
from rung.report.reading import FinishedRun

DRAWS = 200
"""Of each break-even: the ends of its interval are shown with two digits."""


@dataclass(frozen=True)
class Cost:
    """One candidate's money. All figures in USD."""

    model: CostModel
    each: float
    """A request, without machines that stand there whatever is asked."""
    low: float
    high: float
    """Every measured input at the ends of its 95 % interval."""
    fixed: float
    """A month of what is paid whatever is asked."""
    asking: float
    """A month of what the requests cost, machines included."""
    n: int
    """Answers behind the mean."""

    def month(self, requests: float) -> tuple[float, float, float]:
        """Value, low and high of a month, all in."""
        span = self.model.month(dec(requests))
        return float(span.value), float(span.low), float(span.high)


def costs_of(run: FinishedRun) -> dict[str, Cost]:
    """The cost of every candidate that answered anything."""
    kept = run.result.economics
    workload = Workload.of(
        run.result.workload.get("requests_per_month", 0), run.result.workload.get("months", 1) or 1
    )
    book = _book(run)
    costs = {}
    for one in kept.get("candidates", ()):
        usage = CandidateUsage.model_validate(one)
        with suppress(UserError):  # a model whose price nobody knows: told by `rung cost`
            model = model_of_usage(usage, workload, book)
            costs[usage.key] = cost_of_model(model, usage.requests)
    return costs


def cost_of_model(model: CostModel, n: int) -> Cost:
    """A candidate's money as the report's figures need it."""
    each, asking = ranged(model.marginal), total(model.asking, {})
    return Cost(
        model=model,
        each=float(each.value),
        low=float(each.low),
        high=float(each.high),
        fixed=float(total(model.monthly, {}) - asking),
        asking=float(asking),
        n=n,
    )


def _book(run: FinishedRun) -> PriceBook:
    """The prices that the run kept; today's where it kept none."""
    if run.result.prices:
        return PriceBook.model_validate(run.result.prices)
    settings = CostSettings.read(run.result.economics.get("costs", {}))
    return PriceBook(on=date.today(), settings=settings)


def crossing(choice: str, other: str, costs: dict[str, Cost]) -> BreakEven:
    """Where another candidate and the choice cost the same a month."""
    return break_even(costs[choice].model, costs[other].model, count=DRAWS)


def undominated(rows: Sequence[tuple[str, float, float]]) -> list[str]:
    """Of (key, cost, score): those that none beats on both, from the cheapest to the dearest."""
    best, kept = -math.inf, []
    for key, _, score in sorted(rows, key=lambda r: (r[1], -r[2], r[0])):
        if score > best:
            best = score
            kept.append(key)
    return kept


def measured_rows(run: FinishedRun) -> list[CandidateResult]:
    """Candidates that could be shipped and have a score and a cost."""
    return [
        r
        for r in run.result.candidates
        if r.state != "probe"
        and r.score is not None
        and r.score.value is not None
        and r.cost_per_request_usd is not None
    ]
