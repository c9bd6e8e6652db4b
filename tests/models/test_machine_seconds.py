"""A cost does not hang on what else ran: seconds are of the processor, not of waiting."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from rung.candidate import Context
from rung.knowledge.retriever import Retriever
from rung.models.local.machine import cores, machine_seconds
from rung.models.metered import Metered
from rung.task.types import Document
from scripted import ScriptedEmbedder


def test_waiting_takes_no_seconds_of_the_machine() -> None:
    before = machine_seconds()
    time.sleep(0.2)
    assert machine_seconds() - before < 0.1


def test_work_takes_its_share_of_the_cores() -> None:
    # Read from within the other clock: a thread that still spins counts on both.
    clock, before = time.process_time(), machine_seconds()
    np.linalg.svd(np.random.default_rng(0).random((200, 200)))
    work, clock = machine_seconds() - before, time.process_time() - clock
    assert 0 < work <= clock / cores() + 1e-6


class Slow(ScriptedEmbedder):
    """Waits half a second for its turn, then computes for a hundredth."""

    async def embed_timed(self, texts: list[str]):
        await asyncio.sleep(0.5)
        return await self.embed(texts), 0.01


def test_searching_counts_what_embedding_took_and_not_how_long_it_waited() -> None:
    async def search() -> float:
        documents = [Document(id=f"d{i}", text=f"word{i} other") for i in range(5)]
        context = Context(kind="retrieved", search="dense")
        retriever = await Retriever.build(documents, context, Metered(Slow()))
        found = await asyncio.gather(*[retriever.search_metered("word1", 2) for _ in range(8)])
        return max(hunt.seconds for hunt in found)

    assert 0.01 <= asyncio.run(search()) < 0.1
