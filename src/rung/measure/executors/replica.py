"""What runs on a node of a cluster: a process that holds a few local models."""

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from rung.behaviour.trainers.lora import WEIGHTS_FILE
from rung.errors import ProviderError, StoreError
from rung.models.base import Adapter, ChatRequest
from rung.models.local import LocalModel, open_local
from rung.models.local.card import sha256_file

KEPT = 2
"""Models that a replica keeps open: a pilot and what runs beside it."""


class Replica:
    """Opened models by name and adapters by digest, each once."""

    def __init__(self, threads: int) -> None:
        os.environ["RUNG_THREADS"] = str(threads)  # of the node's cores those that it was given
        os.environ["RUNG_ENGINE"] = "transformers"  # the engine that was placed
        self._models: dict[str, LocalModel] = {}
        self._asked: Counter[str] = Counter()
        self._adapters = tempfile.TemporaryDirectory(prefix="rung-adapters-")

    async def ready(self) -> int:
        """The process; it is there once this comes back."""
        return os.getpid()

    async def reply(
        self, which: tuple[str, str, str], request: str, adapter: tuple[str, Any] | None
    ) -> str:
        """A `ChatReply` to a `ChatRequest`, both as JSON.

        `which` is the model's name, its type of numbers (the driver's, whatever this node's
        processors would choose) and its identity; `adapter` is a digest and a reference to the
        files of its saved folder, by name. Raises what the model raises, `UserError` where it is
        not on this node, and `ProviderError` where it is another one: its answers would stand
        under a wrong name.
        """
        name, os.environ["RUNG_DTYPE"], identity = which
        self._asked[name] += 1
        try:
            model = self._models.pop(name) if name in self._models else open_local(name)
            self._models[name] = model  # the one asked last is the last of them
            await self._close_others()
            if model.identity != identity:
                raise ProviderError(
                    f"a node of the cluster holds {model.identity}, where {identity} is asked: "
                    "have the same version of Rung and the same model there",
                    set_up=True,
                )
            asked = ChatRequest.model_validate_json(request)
            if adapter is not None:
                asked = asked.model_copy(update={"adapter": await self._adapter(*adapter)})
            return (await model.reply(asked)).model_dump_json()
        finally:
            self._asked[name] -= 1

    async def _close_others(self) -> None:
        """Those that were asked longest ago, and are not being asked."""
        idle = [name for name in self._models if not self._asked[name]]
        for name in idle[: max(0, len(self._models) - KEPT)]:
            await self._models.pop(name).aclose()

    async def _adapter(self, digest: str, files: Any) -> Adapter:
        folder = Path(self._adapters.name) / digest
        if not folder.is_dir():
            sent: dict[str, bytes] = await files
            with tempfile.TemporaryDirectory(dir=self._adapters.name) as work:
                made = Path(work) / "adapter"
                made.mkdir()
                for name, content in sent.items():
                    (made / name).write_bytes(content)
                if sha256_file(made / WEIGHTS_FILE) != digest:
                    raise StoreError("an adapter came to a node of the cluster damaged: run again")
                if not folder.is_dir():  # another call may have brought it meanwhile
                    made.rename(folder)
        return Adapter(path=str(folder), digest=digest)
