"""The part of `scale.py` on Ray: a cluster of several nodes, all of them on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.cluster_utils import Cluster

from rung.measure.executors.on_ray import OnRay
from rung.models.base import ChatModel, ChatReply, ChatRequest, Message
from rung.models.registry import open_model

MODEL = "local/smollm2-135m-instruct"
CLIMBED, ASKED, KILLS, BETWEEN, AT_ONCE = 100, 48, 10, 3, 4
"""Examples of the climb; calls of a measurement; replicas killed, each after so many answers; calls
in flight while they are."""


@contextmanager
def cluster(nodes: int) -> Iterator[str]:
    """The address of a Ray of a head without cores and `nodes` with one each."""
    own = {"num_cpus": 1, "object_store_memory": 100_000_000}
    there = Cluster(
        initialize_head=True, head_node_args={**own, "num_cpus": 0, "include_dashboard": False}
    )
    for _ in range(nodes):
        there.add_node(**own)
    there.wait_for_nodes()
    try:
        yield there.address
    finally:
        ray.shutdown()
        there.shutdown()


def requests(name: str, count: int, tokens: int = 24) -> list[ChatRequest]:
    """Questions of which no two are alike."""
    texts = [f"{name}: what is said of order {n * 7919 % 99991}?" for n in range(count)]
    return [
        ChatRequest(messages=(Message(role="user", content=text),), max_tokens=tokens)
        for text in texts
    ]


async def together(model: ChatModel, asked: list[ChatRequest]) -> list[ChatReply]:
    """All of them at once."""
    return await asyncio.gather(*map(model.reply, asked))


def pace() -> None:
    """Answers a second of one replica and of two, each with a core."""

    async def measure(name: str, model: ChatModel) -> None:
        await together(model, requests("before", 8))
        at = time.perf_counter()
        await together(model, requests("asked", ASKED))
        print(f"{name}: {ASKED / (time.perf_counter() - at):.1f} answers a second", flush=True)

    async def there(nodes: int) -> None:
        executor = OnRay("auto")
        placed = executor.placed(open_model(MODEL))
        await placed.reply(requests("first", 1)[0])
        pool: Any = placed._pool  # type: ignore[attr-defined]
        while len(pool._load) < nodes:
            await pool._free()
            await asyncio.sleep(0.1)
        await measure(f"{nodes} nodes of one core", placed)
        await executor.aclose()

    for nodes in (1, 2):
        with cluster(nodes) as address:
            os.environ["RAY_ADDRESS"] = address
            asyncio.run(there(nodes))


def killed_replicas() -> None:
    """Replicas killed again and again while questions are asked: lost, and computed again."""
    model = open_model(MODEL)

    async def ask() -> list[str]:
        executor = OnRay("auto")
        placed = executor.placed(model)
        pool: Any = placed._pool  # type: ignore[attr-defined]
        find, begun, in_flight, dead, answered = pool._free, 0, 0, 0, 0

        async def counted() -> Any:
            nonlocal begun
            replica = await find()
            begun += 1
            return replica

        pool._free = counted
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(request: ChatRequest) -> str:
            nonlocal answered, dead, in_flight
            async with slots:
                text = (await placed.reply(request)).text
            answered += 1
            if answered % BETWEEN == 0 and dead < KILLS and pool._load:
                replica = max(pool._load, key=pool._load.__getitem__)
                pid, running = await replica.ready.remote(), pool._load.get(replica)
                if running is not None:  # else another one was killed meanwhile
                    dead, in_flight = dead + 1, in_flight + running
                    os.kill(pid, signal.SIGKILL)
            return text

        asked = requests("killed", ASKED, 12)
        said = await asyncio.gather(*map(one, asked), return_exceptions=True)
        await executor.aclose()
        lost = sum(not isinstance(text, str) for text in said)
        print(
            f"{dead} replicas killed in the middle of {ASKED} calls: {lost} without an answer, "
            f"{begun - ASKED} computed again of the {in_flight} in flight on what died"
        )
        return [str(text) for text in said]

    async def alone() -> list[str]:
        said = [reply.text for reply in await together(model, requests("killed", ASKED, 12))]
        await model.aclose()
        return said

    with cluster(nodes=2) as address:
        os.environ["RAY_ADDRESS"] = address
        said = asyncio.run(ask())
    same = sum(one == other for one, other in zip(said, asyncio.run(alone()), strict=True))
    print(f"{same} of {ASKED} answers as here")
