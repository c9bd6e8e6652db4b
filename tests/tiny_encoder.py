"""BERTs of one layer and random weights, which read a few words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

TOLD = ("item", "with", "resin", "glow", "white", "bark", "long", "needles")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def sizes(words: Sequence[str], **more: Any) -> Any:
    """Its configuration; skips without the extra `local`."""
    pytest.importorskip("torch", reason="the extra local is not installed")
    from transformers import BertConfig

    return BertConfig(
        vocab_size=len(SPECIAL) + len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        **more,
    )


def tokenizer(words: Sequence[str]) -> Any:
    """A word a token, and `[UNK]` for any other."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    numbers = {word: number for number, word in enumerate((*SPECIAL, *words))}
    made = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return made


def made(folder: Path) -> Path:
    """An embedder that reads the words of the scripted label task, as sentence-transformers has
    it."""
    config = sizes(TOLD, initializer_range=0.5)
    import torch
    from transformers import BertModel

    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    tokenizer(TOLD).save(str(folder / "tokenizer.json"))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 32}')
    return folder
