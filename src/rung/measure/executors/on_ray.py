"""On a Ray cluster: local models compute in replicas on its nodes.

Solvers put their questions together where the climb runs. What travels is one call of a model: the
request as JSON, the model by its identity (a digest of its weights), an adapter once as the files
of its saved folder; no object of anybody's code. So cache, budget, order and scores stay with the
climb, and every answer is the one that the same call has here. Models of an endpoint are asked from
here: one event loop keeps as many calls in flight as a vendor takes.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rung.errors import MissingExtraError, ProviderError, RungError, UserError
from rung.measure.executors.base import Question
from rung.models.base import Adapter, ChatModel, ChatReply, ChatRequest, Message
from rung.models.local.machine import ACTIVATIONS, precision, weight_bytes
from rung.records import Answer
from rung.solver import Solver

TRIES = 5
"""Replicas that may die of one call."""
REACH_S, START_S = 10.0, 120.0
"""How long a cluster is waited for, and a process on it."""
CPUS = 1
"""Cores of a replica without a GPU: many with one each answer more than one with many."""
OBJECTS = 200_000_000
"""Bytes that a Ray of our own may hold of what travels: adapters."""
FIRST = asyncio.FIRST_COMPLETED


class OnRay:
    """A Ray on this machine, begun for this climb, or the cluster at an address."""

    def __init__(self, address: str = "local") -> None:
        """`address` is `auto` (the cluster that this machine is a node of), `ray://HOST:PORT`, or
        `local`. Nothing is begun before a model is to compute there. Raises `MissingExtraError`."""
        if "ray" not in sys.modules:  # it reads them when it is imported
            os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # it would write into --json
            if address == "local":
                # It runs code for whoever reaches it: for nobody else, and it tells nobody.
                os.environ.setdefault("RAY_AUTH_MODE", "token")
                os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
                os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise MissingExtraError("a climb on Ray", "ray") from None
        self._ray: Any = ray
        self._address = address
        self._pool: Pool | None = None
        self._own = False

    async def answers(self, solver: Solver, questions: Sequence[Question]) -> list[Answer]:
        """As the solver answers: its models are those of `placed`."""
        return [await solver.answer(*question) for question in questions]

    def placed(self, model: ChatModel) -> ChatModel:
        """A model of the local engine, computing on the cluster; any other one as it is.

        Raises `UserError` where the cluster is not there, is another one, or is full.
        """
        from rung.models.local import LocalModel

        if type(model) is not LocalModel:  # one that vLLM answers on this machine's GPU stays
            return model
        if self._pool is None:
            # A program may have a Ray of its own: that one is used, and stays.
            if not self._ray.is_initialized():
                _connect(self._ray, self._address)
                self._own = True
            self._pool = Pool(self._ray)
        return _Placed(model, self._pool)

    async def aclose(self) -> None:
        """End the replicas, and the Ray that was begun for them."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        if self._own:
            await asyncio.to_thread(self._ray.shutdown)


class _Placed:
    """A `ChatModel` that computes in the replicas."""

    constrains = trains = scores = True

    def __init__(self, model: Any, pool: Pool) -> None:
        self._model, self._pool = model, pool
        self.name: str = model.name
        self._place = "cuda" if pool.gpus else "cpu"
        self.identity: str = model.identity_on(self._place)
        self.context_window: int = model.context_window
        self.parameters: int = model.parameters
        pool.parameters = max(pool.parameters, self.parameters)
        self._path = self.name if self.name.startswith("local/") else str(Path(self.name).resolve())

    async def reply(self, request: ChatRequest) -> ChatReply:
        """As the model, in the replica that has least to do; raises `ProviderError`."""
        adapter = request.adapter and (request.adapter.digest, self._pool.sent(request.adapter))
        plain = request.model_copy(update={"adapter": None}).model_dump_json()
        model = (self._path, precision(self.parameters, self._place), self.identity)
        text = await self._pool.ask(model, plain, adapter)
        return ChatReply.model_validate_json(text)

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        """Exact, counted here without the weights."""
        count: int = self._model.count_tokens(messages)
        return count

    async def aclose(self) -> None:
        """Nothing: the replicas end with the executor."""


class Pool:
    """The replicas of one climb: one a GPU, where the cluster has any, else one a core."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        there, free = ray.cluster_resources(), ray.available_resources()
        self.gpus = int(there.get("GPU", 0))
        kind = "GPU" if self.gpus else "CPU"
        if free.get(kind, 0) < 1:
            raise UserError(
                f"no {kind} of the Ray cluster is free ({there.get(kind, 0):g} there, "
                f"{free.get(kind, 0):g} free): wait for its other jobs, or climb without --on"
            )
        self._wanted = self.gpus or max(1, int(there["CPU"]) // CPUS)
        self.parameters = 0
        """Of the largest model that may be asked."""
        self._coming: dict[asyncio.Task[int], Any] = {}
        self._failed = 0
        """Replicas in a row that did not come up."""
        self._load: dict[Any, int] = {}
        """Calls in flight, by replica."""
        self._sent: dict[str, Any] = {}

    def sent(self, adapter: Adapter) -> Any:
        """A reference to the files of its folder, which is put into the cluster once."""
        if adapter.digest not in self._sent:
            folder = Path(adapter.path)
            files = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
            self._sent[adapter.digest] = self._ray.put(files)
        return self._sent[adapter.digest]

    async def ask(self, *call: Any) -> str:
        """What a replica says. One that dies is replaced, and another one asked."""
        for _ in range(TRIES):
            replica = await self._free()
            self._load[replica] += 1
            asked = replica.reply.remote(*call)
            reply = asyncio.ensure_future(_awaited(asked))
            try:
                # Shielded: Ray's client stumbles over a future of its own that was cancelled.
                return str(await asyncio.shield(reply))
            except asyncio.CancelledError:
                self._ray.cancel(asked)
                reply.add_done_callback(lambda done: done.cancelled() or done.exception())
                raise
            except self._ray.exceptions.RayTaskError as error:
                raise _cause(error) from None
            except self._ray.exceptions.RayError:
                if self._load.pop(replica, None) is not None:
                    self._ray.kill(replica)  # where it cannot be reached it still holds a core
            finally:
                if replica in self._load:
                    self._load[replica] -= 1
        raise ProviderError(
            f"{TRIES} processes of the cluster died while they answered this (out of memory?): it "
            "is asked again in the next run"
        )

    async def _free(self) -> Any:
        """The replica with the least in flight; waits for the first one."""
        while True:
            for task in [task for task in self._coming if task.done()]:
                replica, why = self._coming.pop(task), task.exception()
                self._failed = self._failed + 1 if why else 0
                if why is None:
                    self._load[replica] = 0
                elif self._failed >= TRIES and not self._load:
                    raise _absent(_sentence(why))
            while self._failed < TRIES and len(self._load) + len(self._coming) < self._wanted:
                replica = self._begun()
                self._coming[asyncio.create_task(_awaited(replica.ready.remote()))] = replica
            if self._load:
                return min(self._load, key=self._load.__getitem__)
            if not self._coming:
                raise _absent("those before it did not either")
            if not (await asyncio.wait(self._coming, timeout=START_S, return_when=FIRST))[0]:
                raise _absent("there is no room on any node")

    def _begun(self) -> Any:
        from rung.measure.executors.replica import Replica

        memory = weight_bytes(self.parameters, "cpu") + ACTIVATIONS
        takes = {"num_gpus": 1} if self.gpus else {"memory": memory}
        options = {"num_cpus": CPUS, "max_restarts": 0, "max_concurrency": 1000, **takes}
        return self._ray.remote(Replica).options(**options).remote(CPUS)

    def close(self) -> None:
        """End them all."""
        for task in self._coming:
            task.cancel()
        for replica in [*self._load, *self._coming.values()]:
            self._ray.kill(replica)


async def _awaited(reference: Any) -> Any:
    return await reference


def _absent(why: str) -> ProviderError:
    return ProviderError(f"no replica came up on the Ray cluster ({why})", outage=True)


def _sentence(error: BaseException) -> str:
    """Its own words: of what was raised on a node the last line, without the way there."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(lines[-1:] if lines[0].startswith("ray::") else lines).strip()[:300]


def _cause(error: Any) -> Exception:
    """What was raised on the node, as it was raised."""
    cause = error.cause
    if isinstance(cause, RungError):
        return cause
    return ProviderError(f"a node of the cluster failed: {type(cause).__name__}: {cause}")


def _connect(ray: Any, address: str) -> None:
    """Begin a Ray here, or join a cluster that runs this version of Rung. Raises `UserError`."""
    how: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        from rung.models.local.machine import cores

        how |= {"num_cpus": cores(), "include_dashboard": False, "object_store_memory": OBJECTS}
    else:
        _reach(os.environ.get("RAY_ADDRESS", "") if address == "auto" else address)
    ended = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, **how)
        there = ray.get(ray.remote(num_cpus=0)(version).remote("rung"), timeout=START_S)
    except Exception as error:  # of a dozen kinds, some of gRPC's
        ray.shutdown()
        raise UserError(
            f"the Ray cluster {address!r} cannot be used ({_sentence(error)}): see that it runs, "
            "with the same versions of Python, Ray and Rung as here"
        ) from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ended)  # Ray takes it; a climb ends as it always does
    if there != (here := version("rung")):
        ray.shutdown()
        raise UserError(
            f"the Ray cluster {address!r} runs Rung {there}, here is {here}: install the same there"
        )


def _reach(address: str) -> None:
    """Raises `UserError` where nobody listens: Ray itself would try for minutes."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        port = parts.port or 10001
        if parts.hostname:
            socket.create_connection((parts.hostname, port), REACH_S).close()
    except (OSError, ValueError) as error:
        raise UserError(
            f"no Ray cluster can be reached at {address!r} ({error}): give ray://HOST:PORT of its "
            "head node (10001 unless it was started with another)"
        ) from None
