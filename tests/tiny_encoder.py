"""An embedder of random weights that reads the words of the scripted label task."""

from __future__ import annotations

from pathlib import Path

import pytest

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
TOLD = ("item", "with", "resin", "glow", "white", "bark", "long", "needles")
WORDS = (*SPECIAL, *TOLD)


def made(folder: Path) -> Path:
    """A BERT of one layer in the sentence-transformers layout; skips without the extra `local`."""
    torch = pytest.importorskip("torch", reason="the extra local is not installed")
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        initializer_range=0.5,
    )
    BertModel(config).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({w: n for n, w in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    words.save(str(folder / "tokenizer.json"))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 32}')
    return folder
