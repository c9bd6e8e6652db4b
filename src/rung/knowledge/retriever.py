"""Documents made searchable, and the passages that fit a query. What is measured is saved whole."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from rung.candidate import Context
from rung.errors import StoreError, UserError
from rung.knowledge.chunking import chunk
from rung.knowledge.dense import DenseIndex
from rung.knowledge.fusion import fuse
from rung.knowledge.lexical import LexicalIndex, Ranking
from rung.models.base import Embedder, Vectors
from rung.models.metered import Metered
from rung.records import Passage
from rung.task.types import Document

FORMAT = 2
"""Raised where the same files would be searched otherwise: until 2, words were not folded and
writing outside Latin was not cut into parts."""
FILES = ("passages.jsonl", "vectors.npy")
FUSED_DEPTH = 100
"""How far down each ranking the fusion looks (never less than `k`)."""


def searched_text(passage: Passage) -> str:
    """What both searches read of a passage: title, a line break, text."""
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text


class Retriever:
    """Searches passages as its context says: by words, by meaning, or both fused.

    Build it with `Retriever.build`; the same documents, context and embedder give the same
    rankings. `context.k` is not used here: `search` is told how many.
    """

    def __init__(
        self,
        passages: tuple[Passage, ...],
        context: Context,
        embedder: Embedder | None,
        vectors: Vectors | None,
    ) -> None:
        self.passages = passages
        self.context = context
        self._embedder = embedder
        self._dense = DenseIndex(vectors) if vectors is not None else None
        wants_words = context.search in ("lexical", "hybrid")
        self._lexical = LexicalIndex([searched_text(p) for p in passages]) if wants_words else None

    @classmethod
    async def build(
        cls, documents: Iterable[Document], context: Context, embedder: Embedder | None
    ) -> Retriever:
        """Cut the documents and index them; embeds every passage once unless search is lexical.

        Raises `UserError` when dense or hybrid search has no embedder.
        """
        passages = chunk(documents, context.chunk_chars)
        if context.search == "lexical":
            return cls(passages, context, None, None)
        embedder = _needed(embedder, context)
        vectors = np.zeros((0, 0), dtype=np.float32)
        if passages:
            vectors = await embedder.embed([searched_text(p) for p in passages])
        return cls(passages, context, embedder, vectors)

    async def search(self, query: str, k: int) -> tuple[Passage, ...]:
        """At most `k` passages, best first, each with its `score`; equal scores by position.

        The score is BM25 (lexical), cosine (dense) or the fused rank sum (hybrid): comparable
        within one search only. Lexical search leaves out passages without a common word.
        """
        return (await self.search_metered(query, k))[0]

    async def search_metered(self, query: str, k: int) -> tuple[tuple[Passage, ...], float]:
        """As `search`, with the seconds that embedding and ranking took, waiting left out."""
        if k <= 0 or not self.passages:
            return (), 0.0
        vector, seconds = await self._embedded(query)
        started = time.perf_counter()
        ranking = self._rank(query, vector, k)
        found = tuple(self.passages[i].model_copy(update={"score": s}) for i, s in ranking)
        return found, seconds + time.perf_counter() - started

    async def _embedded(self, query: str) -> tuple[Vectors | None, float]:
        if self._dense is None:
            return None, 0.0
        embedder = _needed(self._embedder, self.context)
        metered = embedder if isinstance(embedder, Metered) else Metered(embedder)
        vectors, seconds = await metered.embed_metered([query])
        return vectors[0], seconds[0]

    def _rank(self, query: str, vector: Vectors | None, k: int) -> Ranking:
        if self._dense is None or vector is None:
            return self._lexical.search(query, k) if self._lexical else []
        if self._lexical is None:
            return self._dense.search(vector, k)
        depth = max(FUSED_DEPTH, k)
        rankings = (self._lexical.search(query, depth), self._dense.search(vector, depth))
        return fuse(([position for position, _ in ranking] for ranking in rankings), k)

    def save(self, folder: Path) -> None:
        """Write `passages.jsonl`, `vectors.npy` and `retriever.json` (their hashes) to `folder`."""
        rows = (p.model_dump_json(exclude={"score"}) + "\n" for p in self.passages)
        files = {"passages.jsonl": "".join(rows).encode()}
        if self._dense is not None:
            buffer = BytesIO()
            np.save(buffer, self._dense.vectors, allow_pickle=False)
            files["vectors.npy"] = buffer.getvalue()
        manifest = {
            "format": FORMAT,
            "context": self.context.model_dump(mode="json"),
            "embedder": self._embedder.identity if self._embedder else None,
            "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        }
        files["retriever.json"] = (json.dumps(manifest, indent=2) + "\n").encode()
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
            lines = files["passages.jsonl"].decode().split("\n")
            passages = tuple(Passage.model_validate_json(line) for line in lines if line)
            vectors = _vectors(files.get("vectors.npy"))
        except (ValueError, KeyError) as error:
            raise StoreError(f"the index in {folder} cannot be read: {error}") from error
        words = context.search != "dense" and not all(searched_text(p).isascii() for p in passages)
        if manifest.get("format") != FORMAT and words:
            raise UserError(
                f"the index in {folder} is of format {manifest.get('format')!r}, and word search "
                f"of its documents finds other passages since format {FORMAT}: climb again (what "
                "was answered is not asked again), or serve it with the version that saved it"
            )
        if vectors is None:
            return cls(passages, context, None, None)
        embedder = _needed(embedder, context)
        made_with = manifest.get("embedder")
        if embedder.identity != made_with:
            raise UserError(
                f"the index in {folder} was made with the embedder {made_with!r}, "
                f"not with {embedder.identity!r}: open that one, or build the index again"
            )
        return cls(passages, context, embedder, vectors)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the files it names, each as its hash says."""
    try:
        manifest = json.loads((folder / "retriever.json").read_bytes())
        sums: dict[str, str] = manifest["sha256"]
        files = {name: (folder / name).read_bytes() for name in FILES if name in sums}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"the index in {folder} cannot be read: {error}") from error
    for name, data in files.items():
        if hashlib.sha256(data).hexdigest() != sums[name]:
            raise StoreError(f"{folder / name} was changed after it was saved; build it again")
    return manifest, files


def _vectors(data: bytes | None) -> Vectors | None:
    """The array in the bytes of an .npy file; never unpickles."""
    if data is None:
        return None
    vectors: Vectors = np.load(BytesIO(data), allow_pickle=False)
    return vectors


def _needed(embedder: Embedder | None, context: Context) -> Embedder:
    if embedder is None:
        raise UserError(
            f"{context.search} search needs an embedder: set models.embedder, or use "
            "search = 'lexical'"
        )
    return embedder
