"""A cross-encoder on this machine: a Hugging Face folder for sequence classification that reads a
query and a text together and says how well they fit (Nogueira and Cho 2019, 1901.04085)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from rung.errors import MissingExtraError, UserError
from rung.models.local.machine import at_work, machine_seconds, quiet_waiting
from rung.models.local.opening import card_of_folder

MOST_TOKENS = 512
"""A longer pair is cut, and one that is longer than the model's positions anyhow."""


class CrossEncoder:
    """Loads no weights before it is asked. Raises `UserError` where the folder is none."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "config.json").is_file():
            raise UserError(
                f"no cross-encoder at {str(folder)!r}: give a folder that holds config.json, "
                "model.safetensors and a tokenizer"
            )
        self._folder, self._lock = folder, threading.Lock()
        self.identity = card_of_folder(folder).identity
        """Hash of its content."""

    async def scores(self, query: str, texts: Sequence[str]) -> tuple[list[float], float]:
        """A number between 0 and 1 for each text, and the seconds of the machine that it took."""
        return await asyncio.to_thread(self._scores, query, texts)

    def _scores(self, query: str, texts: Sequence[str]) -> tuple[list[float], float]:
        import torch

        with self._lock:
            model, tokenizer, most = self._loaded
            with at_work(), torch.inference_mode():
                began = machine_seconds()
                pairs = tokenizer(
                    [query] * len(texts),
                    list(texts),
                    padding=True,
                    truncation=True,
                    max_length=most,
                    return_tensors="pt",
                )
                logits = model(**pairs).logits.float()
                one = logits.shape[1] == 1
                sure = logits[:, 0].sigmoid() if one else logits.softmax(dim=1)[:, 1]
                return sure.tolist(), machine_seconds() - began

    @cached_property
    def _loaded(self) -> tuple[Any, Any, int]:
        """Weights, tokenizer, and tokens of a pair. Weights are read from safetensors alone."""
        quiet_waiting()
        try:
            from transformers import AutoModelForSequenceClassification, AutoTokenizer
        except ImportError as error:
            raise MissingExtraError("a cross-encoder on this machine", "local") from error
        where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            model = AutoModelForSequenceClassification.from_pretrained(
                str(self._folder), use_safetensors=True, **where
            )
            tokenizer = AutoTokenizer.from_pretrained(str(self._folder), **where)
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"transformers cannot load {str(self._folder)!r}: {error}") from error
        if model.config.num_labels > 2:
            raise UserError(
                f"the model in {str(self._folder)!r} tells {model.config.num_labels} classes "
                "apart: a cross-encoder gives one number, or tells two"
            )
        # RoBERTa and its kin count positions from behind the padding token's number.
        kept = (model.config.pad_token_id or 0) + 1
        positions = getattr(model.config, "max_position_embeddings", MOST_TOKENS + kept)
        return model.float().eval(), tokenizer, min(MOST_TOKENS, positions - kept)
