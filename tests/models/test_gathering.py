"""Texts that come while the encoder works are its next batch; nobody waits for company."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from rung.models.base import Vectors
from rung.models.gathering import MOST, GatheringEmbedder
from rung.models.metered import Metered
from scripted import ScriptedEmbedder


class Slow(ScriptedEmbedder):
    """Notes its batches, and fails on the text "bad"."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    async def embed(self, texts: list[str]) -> Vectors:
        """After a moment."""
        self.batches.append(len(texts))
        await asyncio.sleep(0.01)
        if "bad" in texts:
            raise ValueError("bad")
        return await super().embed(texts)


async def test_callers_share_batches_and_get_their_own_vectors() -> None:
    inner = Slow()
    gathering = GatheringEmbedder(Metered(inner))
    texts = [f"word{n}" for n in range(MOST + 20)]
    first = asyncio.create_task(gathering.embed_metered([texts[0]]))
    await asyncio.sleep(0.001)
    rest = await asyncio.gather(*(gathering.embed_metered([t]) for t in texts[1:]))
    found = [await first, *rest]
    assert inner.batches == [1, MOST, 19]
    alone = await ScriptedEmbedder().embed(texts)
    assert np.array_equal(np.concatenate([vectors for vectors, _ in found]), alone)
    assert all(len(seconds) == 1 and seconds[0] > 0 for _, seconds in found)
    assert sum(s[0] for _, s in found) < 0.2  # shared out, not counted for each


async def test_several_texts_go_straight_through() -> None:
    inner = Slow()
    assert (await GatheringEmbedder(Metered(inner)).embed(["a", "b"])).shape[0] == 2
    assert inner.batches == [2]


async def test_one_that_went_away_and_one_that_failed() -> None:
    inner = Slow()
    gathering = GatheringEmbedder(Metered(inner))
    first = asyncio.create_task(gathering.embed(["a"]))
    await asyncio.sleep(0.001)
    gone = asyncio.create_task(gathering.embed(["gone"]))
    bad = asyncio.create_task(gathering.embed(["bad"]))
    await asyncio.sleep(0.001)
    gone.cancel()
    await first
    with pytest.raises(ValueError, match="bad"):
        await bad
    assert inner.batches == [1, 1]
    assert (await gathering.embed(["again"])).shape == (1, 256)
