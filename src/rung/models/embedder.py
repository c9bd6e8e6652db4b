"""Sentence embeddings on this machine, from a folder in the sentence-transformers layout."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import regex

from rung.errors import MissingExtraError, UserError
from rung.models.base import Vectors
from rung.models.fetch import PACKAGED, require_model
from rung.models.local.batching import pad_right
from rung.models.local.card import ModelCard, read_card
from rung.models.local.machine import at_work, machine_seconds, quiet_waiting
from rung.models.local.opening import card_of_folder
from rung.task.types import digest

ROWS = 32
"""Texts computed together."""
MOST_TOKENS = 256
"""Longer texts are cut, where the folder does not say otherwise."""
BESIDE = (
    "config.json",
    "tokenizer.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
)
"""Files of a folder, beside its weights, that decide how it reads."""
_HAN = regex.compile(r"\p{Han}+")
_OUTSIDE_LATIN = regex.compile(r"(?:(?![\p{Latin}\p{Han}])\p{L}\p{M}*){2,}")
_LETTERS = regex.compile(r"[\p{L}\p{M}]")
READ_LETTERS = 1.4
"""Letters and marks a token from which a vocabulary holds words of a language. An English one reads
Russian, Greek, Arabic, Hebrew and Hindi by 1.0 to 1.2, Korean by 0.5 and German by 2.4; those made
of a language put a word into about two (Rust et al. 2021, "How Good is Your Tokenizer?"), one of
100 languages reads Korean by 1.6 and the others by more. Chinese is read by character even by
those that know it, so there an unknown character tells."""


def open_embedder(name: str | Path) -> MiniLM:
    """An embedder by embedded name (`local/all-minilm-l6-v2`) or folder; loads no weights yet.

    Raises `UserError` where there is no such model.
    """
    if str(name) in PACKAGED:
        folder = require_model(str(name))
        card = read_card(folder)
        assert card is not None
        return MiniLM(folder, card)
    folder = Path(name).expanduser()
    if not (folder / "config.json").is_file():
        raise UserError(
            f"no embedder at {str(name)!r}: give a folder that holds config.json and "
            "model.safetensors, or 'local/all-minilm-l6-v2'"
        )
    return MiniLM(folder, card_of_folder(folder))


class _Pieces(NamedTuple):
    """How words fall into tokens."""

    letters: int
    unknown: int
    """Letters in unknown tokens."""
    known: int
    """Letters and marks in all others."""
    pieces: int
    """So many are these."""


class MiniLM:
    """An `Embedder`: a BERT-like encoder, mean (or first-token) pooling, unit length, float32.

    A text's vector does not depend on its neighbours beyond float noise (about 1e-7).
    """

    def __init__(self, folder: Path, card: ModelCard) -> None:
        self.name = card.name
        self.prompts = _prompts(folder)
        self.identity = f"{card.name}@{card.identity}"
        if self.prompts:
            self.identity += f"+{digest(self.prompts)[:8]}"
        self.folder = folder
        self._encoder: Encoder | None = None
        self._lock = threading.Lock()

    async def embed(self, texts: list[str]) -> Vectors:
        """Unit-length rows in the order given, shape (len(texts), dimension), float32.

        Computed in a thread of its own. Raises `MissingExtraError` without the extra `local`.
        """
        return (await self.embed_timed(texts))[0]

    async def embed_timed(self, texts: list[str]) -> tuple[Vectors, float]:
        """As `embed`, with the seconds of the machine that it took; waiting is left out."""
        return await asyncio.to_thread(self._embed, texts)

    def unread(self, texts: Sequence[str]) -> float:
        """Share of the letters, outside Latin, that its vocabulary lacks or knows no words of.

        See `READ_LETTERS`. 0 where there are no letters. Loads the tokenizer and no weights.
        """
        letters = sum(c.isalpha() for text in texts for c in text)
        lacking = self._pieces(_HAN, texts).unknown
        other = self._pieces(_OUTSIDE_LATIN, texts)
        read = other.known >= READ_LETTERS * other.pieces
        lacking += other.unknown if read else other.letters
        return lacking / letters if letters else 0.0

    def _pieces(self, pattern: regex.Pattern[str], texts: Sequence[str]) -> _Pieces:
        words = [word for text in texts for word in pattern.findall(text)]
        if not words:
            return _Pieces(0, 0, 0, 0)
        pieces = known = lacking = 0
        unknown = {self._reader.token_to_id(name) for name in ("[UNK]", "<unk>")}
        encoded = self._reader.encode_batch(words, add_special_tokens=False)
        for word, one in zip(words, encoded, strict=True):
            for ident, token, (start, end) in zip(one.ids, one.tokens, one.offsets, strict=True):
                part = word[start:end]
                if ident in unknown:
                    lacking += sum(map(str.isalpha, part))
                elif token.strip("▁"):  # SentencePiece's mark of a word's beginning
                    pieces += 1
                    known += len(_LETTERS.findall(part))
        return _Pieces(sum(c.isalpha() for w in words for c in w), lacking, known, pieces)

    @cached_property
    def _reader(self) -> Any:
        tokenizer = _tokenizer(self.folder)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def _embed(self, texts: list[str]) -> tuple[Vectors, float]:
        with self._lock:
            if self._encoder is None:
                self._encoder = Encoder(self.folder)
            return self._encoder.encode(texts)


class Encoder:
    """The loaded weights: a torch module (`model`) and what is made of its output."""

    def __init__(self, folder: Path) -> None:
        quiet_waiting()
        try:
            import torch
            from transformers import AutoModel
            from transformers.utils.logging import disable_progress_bar
        except ImportError as error:
            raise MissingExtraError("embedding texts on this machine", "local") from error
        disable_progress_bar()
        try:
            self.model = AutoModel.from_pretrained(
                str(folder), dtype=torch.float32, local_files_only=True
            ).eval()
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"transformers cannot load {str(folder)!r}: {error}") from error
        self._tokenizer = _tokenizer(folder)
        most = _json(folder / "sentence_bert_config.json").get("max_seq_length") or MOST_TOKENS
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(int(most))
        pooling = _json(folder / "1_Pooling" / "config.json")
        self._first_token = bool(pooling.get("pooling_mode_cls_token", False))

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Each text as it is read, cut where the model reads no further."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]

    def encode(self, texts: Sequence[str]) -> tuple[Vectors, float]:
        """Every different text once, in batches of about equal length; the seconds beside."""
        distinct = sorted(set(texts))
        tokens = self.tokens(distinct)
        order = sorted(range(len(distinct)), key=lambda i: (len(tokens[i]), i))
        size = int(self.model.config.hidden_size)
        vectors = np.zeros((len(distinct), size), dtype=np.float32)
        seconds = 0.0
        for start in range(0, len(order), ROWS):
            chosen = order[start : start + ROWS]
            with at_work():
                began = machine_seconds()
                vectors[chosen] = self._forward([tokens[i] for i in chosen])
                seconds += machine_seconds() - began
        place = {text: at for at, text in enumerate(distinct)}
        return vectors[[place[text] for text in texts]], seconds

    def _forward(self, rows: list[list[int]]) -> Any:
        import torch

        with torch.inference_mode():
            return self.pooled(rows).numpy()

    def pooled(self, rows: list[list[int]]) -> Any:
        """The unit vector of each row of tokens, a torch tensor (rows, dimension)."""
        import torch

        padded = pad_right(rows, [0] * len(rows))
        mask = torch.from_numpy((padded.positions <= padded.last[:, None]).astype(np.int64))
        hidden = self.model(
            input_ids=torch.from_numpy(padded.ids), attention_mask=mask
        ).last_hidden_state
        if self._first_token:
            pooled = hidden[:, 0]
        else:
            weights = mask[:, :, None].to(hidden.dtype)
            pooled = (hidden * weights).sum(1) / weights.sum(1)
        return torch.nn.functional.normalize(pooled, dim=1)


def _prompts(folder: Path) -> dict[str, str]:
    """What it reads before a text, by what the text is for: as sentence-transformers keeps it."""
    about = _json(folder / "config_sentence_transformers.json")
    named = about.get("prompts") or {}
    found = {
        "query": named.get("query"),
        "document": named.get("document") or named.get("passage"),
        "text": named.get(about.get("default_prompt_name")),
    }
    return {role: prompt for role, prompt in found.items() if prompt}


def _tokenizer(folder: Path) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtraError("embedding texts on this machine", "local") from error
    try:
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # tokenizers raises plain exceptions
        raise UserError(f"no usable tokenizer in {str(folder)!r}: {error}") from error


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
