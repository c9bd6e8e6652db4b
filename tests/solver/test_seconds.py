"""What finding something takes is part of an answer: a cost and a latency without it are wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from climbing.tasks import EMBEDDER, MODEL, fact_task, label_task, reading
from rung.candidate import Candidate, Context, Prompt, Shots
from rung.models.base import Vectors
from rung.models.chain import after, resolved
from rung.models.metered import Metered
from rung.records import Answer, ModelUsage, Usage
from rung.solver import Workshop, fit
from scripted import ScriptedEmbedder, ScriptedModel

SEARCH_S = 3.0
PROMPT = Prompt(max_output_tokens=8)


class Slow(ScriptedEmbedder):
    """Says that each of its texts takes three seconds."""

    async def embed_timed(self, texts: list[str]) -> tuple[Vectors, float]:
        return await self.embed(texts), SEARCH_S * len(texts)


def searching(search: str) -> Context:
    return Context.model_validate({"kind": "retrieved", "k": 1, "search": search})


@pytest.mark.parametrize(
    ("candidate", "least"),
    [
        (Candidate(model="no-llm/nearest", embedder=EMBEDDER), SEARCH_S),
        (Candidate(model=MODEL, prompt=PROMPT), 0.0),
        (
            Candidate(
                model=MODEL,
                prompt=PROMPT.model_copy(update={"shots": Shots(kind="nearest", k=2)}),
                embedder=EMBEDDER,
            ),
            SEARCH_S,
        ),
        (
            Candidate(model=MODEL, prompt=PROMPT, context=searching("dense"), embedder=EMBEDDER),
            SEARCH_S,
        ),
        (
            Candidate(model=MODEL, prompt=PROMPT, context=searching("hybrid"), embedder=EMBEDDER),
            SEARCH_S,
        ),
    ],
)
def test_seconds_of_a_search_are_paid_and_waited_for(
    candidate: Candidate, least: float, tmp_path: Path
) -> None:
    reads = candidate.context.traits.reads
    task = fact_task() if reads else label_task()
    chat = ScriptedModel(reading if reads else lambda _: "amber", MODEL)
    workshop = Workshop(
        lambda _: chat, lambda _: chat, lambda _: Metered(Slow()), tmp_path / "adapters"
    )
    solver = asyncio.run(fit(candidate, task, workshop))
    answer = solver.ask(task.test[0].input)
    for seconds in (answer.usage.seconds, answer.latency_s):
        assert least <= seconds < least + 1.0
    if answer.by_call:
        assert sum(c.usage.seconds for c in answer.by_call) == answer.usage.seconds


def test_both_models_of_a_cascade_are_waited_and_paid_for() -> None:
    def answer(model: str, seconds: float, valid: bool = True) -> Answer:
        usage = Usage(input_tokens=10, seconds=seconds)
        call = ModelUsage(model=model, usage=usage)
        return Answer(
            text="a", value="a", valid=valid, usage=usage, by_call=(call,), calls=1,
            latency_s=seconds,
        )  # fmt: skip

    first, second = answer("small", 0.25), answer("large", 2.0)
    for both in (after(first, second), resolved(answer("small", 0.25, False), second, "invalid")):
        assert both.latency_s == both.usage.seconds == 2.25 and both.calls == 2
        assert [c.model for c in both.by_call] == ["small", "large"]
        assert both.usage.input_tokens == 20
