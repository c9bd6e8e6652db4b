"""Rows of the shared sets and of the shipped examples, and vectors of texts, kept in a file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from rung.measure.cache import Cache, CachedEmbedder
from rung.models.base import Vectors
from rung.models.metered import Metered
from rung.models.registry import open_embedder

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
EMBEDDER = "local/all-minilm-l6-v2"


def rows(name: str, part: str = "train") -> list[dict[str, Any]]:
    """Rows of one file of a shared set; of a shipped example where it has that name."""
    shipped = ROOT / "examples" / "aarlund" / name / "examples.jsonl"
    path = shipped if shipped.exists() else DATA / name / f"{part}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def absent() -> str:
    """Why the shared sets cannot be used; empty where they can."""
    return "" if DATA.exists() else f"{DATA} is absent"


class Embeddings:
    """Vectors that are computed once per folder."""

    def __init__(self, folder: Path) -> None:
        self._cache = Cache(folder / "vectors.sqlite")
        self._embedder = CachedEmbedder(Metered(open_embedder(EMBEDDER)), self._cache)

    def of(self, texts: list[str]) -> Vectors:
        """One row a text."""
        return asyncio.run(self._embedder.embed(texts))
