"""What most of several answers say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rung.candidate import Candidate
from rung.errors import ProviderError
from rung.models.base import ChatRequest
from rung.solver import Solver, SolverSpec
from rung.solver.solver import Parts
from rung.solver.ways.vote import TEMPERATURE, VOTES
from rung.task.types import LabelsOutput
from scripted import ScriptedModel

LABELS = LabelsOutput(labels=("amber", "birch"))


def solver(said: Sequence[str]) -> tuple[Solver, ScriptedModel]:
    def sample(request: ChatRequest) -> str:
        text = said[request.seed % VOTES]
        if not text:
            raise ProviderError("gone", outage=True)
        return text

    model = ScriptedModel(sample, "scripted/m")
    candidate = Candidate(model="scripted/m", way="vote")
    spec = SolverSpec(candidate=candidate, task="t", instruction="Name it.", output=LABELS)
    return Solver(spec, Parts(chat=model)), model


@pytest.mark.parametrize(
    ("said", "value", "confidence"),
    [
        (["birch", "amber", "Amber", "amber.", "birch"], "amber", 0.6),
        (["birch"] * 5, "birch", 1.0),
        (["oak", "oak", "oak", "oak", "birch"], "birch", 0.2),
    ],
)
async def test_most_answers_win(said: list[str], value: str, confidence: float) -> None:
    one, model = solver(said)
    answer = await one.answer("which?")
    assert (answer.value, answer.confidence) == (value, confidence)
    assert {r.temperature for r in model.requests} == {TEMPERATURE}
    assert {r.seed for r in model.requests} == set(range(VOTES))
    assert answer.calls == len(answer.by_call) == model.calls >= VOTES
    assert answer.usage.input_tokens == sum(c.usage.input_tokens for c in answer.by_call)


async def test_other_samples_for_another_seed_and_an_outage_is_no_vote() -> None:
    one, model = solver(["birch"] * 5)
    await one.answer("which?", seed=1)
    assert {r.seed for r in model.requests} == set(range(VOTES, 2 * VOTES))
    one, _ = solver(["birch", "birch", "", "birch", "birch"])
    with pytest.raises(ProviderError):
        await one.answer("which?")
