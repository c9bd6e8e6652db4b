"""The embedded embedder: a BERT-like sentence model read by transformers, weights on this machine.

Mean pooling over the tokens, unit length, float32 (Reimers and Gurevych 2019, arXiv 1908.10084).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np

from rung.errors import MissingExtraError, UserError
from rung.models.base import Vectors
from rung.models.local.card import ModelCard, read_card
from rung.models.local.machine import at_work, quiet_waiting

MOST_TOKENS = 256
"""What follows is not read: all-MiniLM-L6-v2 was trained on no longer texts."""
BATCH = 32


class LocalEmbedder:
    """Implements `Embedder`. Nothing is loaded until the first text."""

    def __init__(self, name: str, folder: Path, identity: str) -> None:
        self.name, self.folder, self.identity = name, folder, identity
        self._loaded: tuple[Any, Any] | None = None

    async def embed(self, texts: list[str]) -> Vectors:
        """Unit-length rows, shape (len(texts), dimension), float32."""
        return await asyncio.to_thread(self._embed, texts)

    def _embed(self, texts: list[str]) -> Vectors:
        with at_work():
            tokenizer, model = self._load()
            rows = tokenizer.encode_batch(texts)
            order = sorted(range(len(rows)), key=lambda i: (len(rows[i].ids), i))
            vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
            for start in range(0, len(order), BATCH):
                places = order[start : start + BATCH]
                vectors[places] = _pooled(model, [rows[i].ids for i in places])
            return vectors

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            quiet_waiting()
            try:
                import torch
                from tokenizers import Tokenizer
                from transformers import AutoModel
                from transformers.utils import logging
            except ImportError:
                raise MissingExtraError(f"the embedder {self.name}", "local") from None
            logging.disable_progress_bar()
            tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
            tokenizer.no_padding()
            tokenizer.enable_truncation(MOST_TOKENS)
            model = AutoModel.from_pretrained(
                str(self.folder), dtype=torch.float32, local_files_only=True
            )
            self._loaded = tokenizer, model.eval()
        return self._loaded


def open_embedder(name: str) -> LocalEmbedder:
    """By embedded name (`local/…`) or model folder; nothing is loaded yet.

    Raises `UserError` where there is no such model on this machine.
    """
    from rung.models.fetch import PACKAGED, require_model

    folder = require_model(name) if name in PACKAGED else Path(name).expanduser()
    if not (folder / "tokenizer.json").is_file():
        raise UserError(
            f"no embedder at {name!r}: give a folder with tokenizer.json, config.json and "
            "*.safetensors, or 'local/all-minilm-l6-v2'"
        )
    card = read_card(folder) or ModelCard.of_folder(folder, name=name)
    return LocalEmbedder(name, folder, f"{card.identity}-mean-{MOST_TOKENS}")


def _pooled(model: Any, ids: list[list[int]]) -> Vectors:
    """Mean of the last layer over each row's own tokens, scaled to length 1."""
    import torch

    longest = max(len(row) for row in ids)
    tokens = torch.zeros((len(ids), longest), dtype=torch.long)
    mask = torch.zeros((len(ids), longest), dtype=torch.long)
    for i, row in enumerate(ids):
        tokens[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    with torch.inference_mode():
        hidden = model(input_ids=tokens, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weights).sum(1) / weights.sum(1)
        unit: Vectors = torch.nn.functional.normalize(mean, dim=-1).numpy()
    return unit
