"""When answers arrive does not change what is said."""

from __future__ import annotations

import asyncio
import random
import tempfile
from functools import cache
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rung.candidate import Candidate, Prompt
from rung.models.base import ChatReply, ChatRequest
from rung.task.types import Task
from scripted import ScriptedModel

from .tasks import MODEL, climb, comparable, knowing, label_task, share


class Unsteady(ScriptedModel):
    """Yields to others a random number of times before each answer."""

    def __init__(self, seed: int, percent: int) -> None:
        super().__init__(knowing(share(percent)), MODEL)
        self.random = random.Random(seed)

    async def reply(self, request: ChatRequest) -> ChatReply:
        for _ in range(self.random.randrange(30)):
            await asyncio.sleep(0)
        reply = await super().reply(request)
        return reply.model_copy(update={"latency_s": 0.0})


TRIED = tuple(
    Candidate(model=MODEL, prompt=Prompt(instruction=text, max_output_tokens=8))
    for text in ("Name it.", "Which kind is it?")
)


def outcome(task: Task, chat: ScriptedModel) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        found = comparable(climb(task, Path(folder), chat, candidates=TRIED))
    for row in found["candidates"]:
        for timed in ("latency_p95_s", "latency_low_s", "latency_high_s", "usage_sd", "usage"):
            del row[timed]
    return {k: found[k] for k in ("verdict", "candidates", "run", "ledger", "notes")}


TASK = label_task()
SHARES = (84, 100)


@cache
def steady(percent: int) -> dict[str, object]:
    return outcome(TASK, ScriptedModel(knowing(share(percent)), MODEL))


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(seed=st.integers(0, 2**20), percent=st.sampled_from(SHARES))
def test_random_latencies_change_nothing(seed: int, percent: int) -> None:
    assert outcome(TASK, Unsteady(seed, percent)) == steady(percent)
