"""What the ladder offers, and in which order."""

from __future__ import annotations

from datetime import date

import pytest

from climbing.tasks import LABELS, label_task
from rung.candidate import Context
from rung.decide.ladder import Planned, candidates, plan
from rung.economics.pricing import PriceBook
from rung.task.types import Models, Task
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
