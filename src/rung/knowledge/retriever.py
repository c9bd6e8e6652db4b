"""Documents made searchable, and the passages that fit a query. What is measured is saved whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from rung.candidate import Context
from rung.errors import StoreError, UserError
from rung.knowledge.chunking import chunk
from rung.knowledge.lexical import OUTSIDE_LATIN, searched_text
from rung.knowledge.stages import Hunt, stages_of
from rung.knowledge.stores import EVERYTHING, STORES, Store, Where
from rung.knowledge.tools import Tool
from rung.models.base import ChatModel, Embedder, Vectors
from rung.models.metered import prompted
from rung.records import Passage
from rung.task.types import Document

FORMAT = 4
"""Raised where the same files would be searched by words otherwise."""
ALIKE_IN_LATIN = 3
"""An earlier one, by which passages in Latin letters alone are searched as they are today."""
MANIFEST = "retriever.json"
DEEP = 100
"""How far down a search looks whose ranking goes on to another stage (never less than `k`)."""

NO_TOOLS: Mapping[str, Tool] = MappingProxyType({})


class Retriever:
    """Searches a store as its context says, stage by stage (`rung.knowledge.stages`).

    Build it with `Retriever.build`; the same documents, context and embedder give the same
    rankings. `context.k` is not used here: `search` is told how many.
    """

    def __init__(self, store: Store, context: Context, embedder: Embedder | None) -> None:
        self.store, self.context, self._embedder = store, context, embedder
        self._stages = stages_of(context, embedder)

    @property
    def passages(self) -> tuple[Passage, ...]:
        """All that it may find."""
        return self.store.passages

    @classmethod
    async def build(
        cls,
        documents: Iterable[Document],
        context: Context,
        embedder: Embedder | None,
        after: Store | None = None,
    ) -> Retriever:
        """Cut the documents and index them; embeds every passage once unless search is lexical.

        `after` is a store of the same kind that holds most of them.
        Raises `UserError` when dense or hybrid search has no embedder, or a name is unknown.
        """
        kind, words = _kind(context), context.search != "dense"
        passages = chunk(documents, context.chunk_chars, context.cut)
        if context.search == "lexical":
            store = await kind.build(passages, None, words=words, after=after)
            return cls(store, context, None)
        embedder = _needed(embedder, context)
        vectors = np.zeros((0, 0), dtype=np.float32)
        if passages:
            texts = [searched_text(passage) for passage in passages]
            vectors = await embedder.embed(prompted(embedder, "document", texts))
        store = await kind.build(passages, vectors, words=words, after=after)
        return cls(store, context, embedder)

    def as_of(self, context: Context) -> Retriever:
        """The same index, searched as another context says."""
        return Retriever(self.store, context, self._embedder)

    async def embedded(self, queries: list[str]) -> Vectors | None:
        """Their vectors, a row each; None where search is lexical."""
        if not (self._embedder and queries):
            return None
        return await self._embedder.embed(prompted(self._embedder, "query", queries))

    async def search(self, query: str, k: int) -> tuple[Passage, ...]:
        """At most `k` passages, best first, each with its `score`; equal scores by position.

        The score is BM25 (lexical), cosine (dense), the weighed sum (hybrid) or what reranking
        gave: comparable within one search only. Lexical search leaves out passages without a
        common word.
        """
        return (await self.search_metered(query, k)).passages

    async def search_metered(
        self,
        query: str,
        k: int,
        where: Where = EVERYTHING,
        tools: Mapping[str, Tool] = NO_TOOLS,
        chat: ChatModel | None = None,
    ) -> Hunt:
        """As `search`, of the passages that are meant: at its end the hunt holds them, the seconds
        that embedding and ranking took, waiting left out, and what was asked of tools and model."""
        own = self.context
        alone = own.search != "hybrid" and own.rewrite is None and own.rerank is None
        hunt = Hunt(query, k if alone else max(DEEP, k), k, where=where, tools=tools, chat=chat)
        if k <= 0 or not len(self.store):
            return hunt
        for stage in self._stages:
            hunt = await stage.run(hunt, self.store)
        return hunt

    def save(self, folder: Path) -> None:
        """Write the store's files and `retriever.json` (their hashes) to `folder`."""
        files = self.store.files()
        manifest = {
            "format": FORMAT,
            "context": self.context.model_dump(mode="json"),
            "embedder": self._embedder.identity if self._embedder else None,
            "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        }
        files[MANIFEST] = (json.dumps(manifest, indent=2) + "\n").encode()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, data in files.items():
                (folder / name).write_bytes(data)
        except OSError as error:
            raise StoreError(f"the index cannot be written to {folder}: {error}") from error

    @classmethod
    def load(cls, folder: Path, embedder: Embedder | None) -> Retriever:
        """Read what `save` wrote; searches as the saved one did.

        Raises `StoreError` when a file is missing or changed, and `UserError` when `embedder`
        is not the one that the vectors were made with, or when this version's word search finds
        other passages than the one that was measured.
        """
        manifest, files = _read(folder)
        try:
            context = Context.model_validate(manifest["context"])
            store = _kind(context).opened(files, words=context.search != "dense")
        except (ValueError, KeyError) as error:
            raise StoreError(f"the index in {folder} cannot be read: {error}") from error
        if context.search != "dense" and not _as_measured(manifest.get("format"), store):
            raise UserError(
                f"the index in {folder} is of format {manifest.get('format')!r}, and word search "
                f"of its documents finds other passages since format {FORMAT}: climb again (what "
                "was answered is not asked again), or serve it with the version that saved it"
            )
        if context.search == "lexical":
            return cls(store, context, None)
        embedder = _needed(embedder, context)
        made_with = manifest.get("embedder")
        if embedder.identity != made_with:
            raise UserError(
                f"the index in {folder} was made with the embedder {made_with!r}, "
                f"not with {embedder.identity!r}: open that one, or build the index again"
            )
        return cls(store, context, embedder)


def _kind(context: Context) -> type[Store]:
    if context.store not in STORES:
        raise UserError(
            f"the context's store {context.store!r} is unknown; known are {', '.join(STORES)}"
        )
    return STORES[context.store]


def _as_measured(form: object, store: Store) -> bool:
    """Whether word search finds what it found when a store of this format was saved."""
    held = vars(store).get("passages")  # None: on a server, and not read for this
    if form != ALIKE_IN_LATIN or held is None:
        return form == FORMAT
    return not any(OUTSIDE_LATIN.search(searched_text(passage)) for passage in held)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the files it names, each as its hash says."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        sums: dict[str, str] = manifest["sha256"]
        files = {name: (folder / Path(name).name).read_bytes() for name in sums}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"the index in {folder} cannot be read: {error}") from error
    for name, data in files.items():
        if hashlib.sha256(data).hexdigest() != sums[name]:
            raise StoreError(f"{folder / name} was changed after it was saved; build it again")
    return manifest, files


def _needed(embedder: Embedder | None, context: Context) -> Embedder:
    if embedder is None:
        raise UserError(
            f"{context.search} search needs an embedder: set models.embedder, or use "
            "search = 'lexical'"
        )
    return embedder
