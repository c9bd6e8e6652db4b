"""What the ladder offers, and in which order."""

from __future__ import annotations

from datetime import date

import pytest

from climbing.tasks import LABELS, fact_task, label_task
from rung.candidate import Candidate, Context
from rung.decide.ladder import Planned, candidates, plan
from rung.decide.usage import expected_training_s
from rung.economics.pricing import PriceBook
from rung.economics.speed import ENCODER_TRAIN_PER_S
from rung.errors import UserError
from rung.models.usage import estimated_tokens
from rung.task.tools import ToolSettings
from rung.task.types import ClimbSettings, Models, Task
from scripted import ScriptedModel

SMALL, LARGE, LARGER = "local/small", "local/large", "local/larger"
PARAMETERS = {SMALL: 135_000_000, LARGE: 630_000_000, LARGER: 1_770_000_000}


class Sized(ScriptedModel):
    """Says how many weights it has, as a model that runs here does."""

    def __init__(self, name: str, scores: bool = False) -> None:
        told = (lambda request: [0.0] * len(LABELS)) if scores else None
        super().__init__(lambda _: "amber", name, logprobs=told)
        self.parameters = PARAMETERS.get(name)


def planned(task: Task, names: tuple[str, ...]) -> list[Planned]:
    task = task.model_copy(update={"models": Models(to_try=names)})
    book = PriceBook.of({*names, "no-llm/nearest", "no-llm/linear"}, {}, date(2026, 11, 28))
    found = candidates(task, Sized, Context())
    return plan(task, found, Sized, book)


@pytest.mark.parametrize("names", [(LARGER, LARGE, SMALL), (SMALL, LARGE, LARGER)])
def test_a_larger_model_on_the_same_machine_is_expected_to_cost_more(
    names: tuple[str, ...],
) -> None:
    rungs = [r for r in planned(label_task(), names) if r.candidate.uses_llm]
    alike: dict[str, list[str]] = {}
    for rung in rungs:
        alike.setdefault(rung.candidate.prompt.model_dump_json(), []).append(rung.candidate.model)
    assert alike and all(order == [SMALL, LARGE, LARGER] for order in alike.values())
    seconds = {r.candidate.model: r.usage.seconds for r in rungs if not r.candidate.learns}
    assert seconds[LARGE] / seconds[SMALL] == pytest.approx(630 / 135)


def test_without_train_and_dev_lengths_are_those_of_test_and_without_any_row_it_is_said() -> None:
    bare = {"train": (), "dev": ()}
    (rung,) = planned(label_task().model_copy(update=bare), (SMALL,))
    assert rung.usage.input_tokens > 0 and rung.usage.output_tokens > 0
    with pytest.raises(UserError, match="has no examples"):
        planned(label_task().model_copy(update={**bare, "test": ()}), (SMALL,))


@pytest.mark.parametrize(
    ("rows", "tunes", "effort", "offered"),
    [
        (49, True, "serious", False),
        (50, True, "quick", True),
        (50, False, "serious", False),
        (4_000, True, "quick", False),
        (4_000, True, "serious", True),
    ],
)
def test_the_embedder_is_tuned_where_it_can_be_and_has_rows_and_time(
    rows: int, tunes: bool, effort: str, offered: bool
) -> None:
    climb = ClimbSettings(effort=effort)  # type: ignore[arg-type]
    task = label_task(telling=True, train=rows, climb=climb)
    models = [c.model for c in candidates(task, Sized, Context(), tunes)]
    assert ("no-llm/encoder" in models) == offered
    assert {"no-llm/linear", "no-llm/nearest"} < set(models)


def test_tuning_the_embedder_costs_machine_time_once_and_stands_after_the_other_two() -> None:
    task = label_task(telling=True, train=400)
    task = task.model_copy(update={"models": Models(to_try=(SMALL,))})
    kinds = ("nearest", "linear", "encoder")
    names, hour = {SMALL, *(f"no-llm/{kind}" for kind in kinds)}, {"machine_usd_per_hour": 0.1}
    book = PriceBook.of(names, hour, date(2026, 11, 28))
    rungs = plan(task, candidates(task, Sized, Context(), True), Sized, book)
    first = [r.candidate.model for r in rungs[:3]]
    assert set(first[:2]) == {"no-llm/nearest", "no-llm/linear"} and first[2] == "no-llm/encoder"
    spent = expected_training_s(task, rungs[2].candidate, rungs[2].calls)
    tokens = sum(estimated_tokens(e.input_text()) for e in task.train)
    assert spent == pytest.approx(4 * tokens / ENCODER_TRAIN_PER_S)
    paid = float(rungs[2].setup_usd)
    assert rungs[1].setup_usd == 0 and paid == pytest.approx(spent * 0.1 / 3600, rel=0.1)
    assert rungs[2].usd_per_request == rungs[1].usd_per_request


def tooled(**costs: float) -> dict[str, Planned]:
    """Prompting, RAG on documents, a live tool, and a model that calls it, by what they read."""
    shape = {"type": "object"}
    live = ToolSettings(name="live", url="http://me/x", schema=shape, usd_per_call=0.01)
    best = ToolSettings(name="best", url="http://me/y", protocol="rerank", usd_per_call=0.002)
    plain = fact_task(tools=(live, best), costs=costs)
    task = plain.model_copy(update={"models": Models(to_try=(SMALL,))})
    kinds = {
        "none": {},
        "documents": {"context": Context(k=1, kind="retrieved")},
        "reranked": {"context": Context(kind="retrieved", rerank="endpoint", tool="best")},
        "live": {"context": Context(kind="tool", tool="live")},
        "calls": {"way": "tools"},
    }
    rungs = {kind: Candidate(model=SMALL, **slots) for kind, slots in kinds.items()}
    book = PriceBook.of({SMALL}, costs, date(2026, 11, 28))
    found = {r.candidate.key: r for r in plan(task, [*rungs.values()], Sized, book)}
    return {kind: found[c.key] for kind, c in rungs.items()}


def test_a_tool_is_expected_to_be_paid_and_a_store_only_where_documents_are_searched() -> None:
    """10,000 requests a month: a call each, $0.01 live, $0.002 of a reranker."""
    before, after = tooled(), tooled(store_usd_per_month=70.0, rerank_usd_per_1k=2.0)
    paid = {k: float(r.usd_per_request) for k, r in before.items()}
    assert 0.01 < paid["live"] < 0.011 and 0.01 < paid["calls"] < 0.011
    assert 0.002 < paid["reranked"] < 0.003 and paid["documents"] < 0.001 > paid["none"]
    more = {k: float(after[k].usd_per_month - r.usd_per_month) for k, r in before.items()}
    # $70 of a store, and 10,000 x $0.002 where the reranker is not paid as a tool already.
    assert more == {"none": 0, "documents": 90, "reranked": 70, "live": 0, "calls": 0}
    month = {k: float(r.usd_per_month) for k, r in before.items()}
    # $1,000 of set-up that nobody stated, over 12 months, comes with an index alone.
    assert month["documents"] - month["none"] == pytest.approx(1000 / 12, abs=1)
    assert month["live"] - month["none"] == pytest.approx(100, abs=1)
