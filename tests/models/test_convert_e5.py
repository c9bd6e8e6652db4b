"""A packed embedder is unpacked into a folder like any other; what stands before texts is kept."""

from __future__ import annotations

import asyncio
import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from rung.errors import UserError
from rung.models.embedder import open_embedder
from rung.models.fetch import PACKAGED, model_folder
from rung.models.metered import prompted

E5, MINILM = "local/multilingual-e5-small", "local/all-minilm-l6-v2"
WIDE, INNER, LAYERS, POSITIONS = 32, 64, 1, 16
PIECES = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0)]
PIECES += [("▁query:", -2.0), ("▁passage:", -2.0), ("▁лампа", -3.0), ("s", -5.0)]


def q4(values: np.ndarray) -> bytes:
    """GGML's Q4_0 of eighths: 32 values a block, a half float and a nibble each."""
    packed = b""
    for block in values.reshape(-1, 32):
        whole = (block * 8 + 8).astype(np.uint8)
        packed += struct.pack("<e", 1 / 8) + (whole[:16] | whole[16:] << 4).tobytes()
    return packed


def packed(path: Path) -> dict[str, np.ndarray]:
    """A tiny model in the package's form; its values by name."""
    rng = np.random.default_rng(0)
    tensors: dict[str, np.ndarray] = {
        "emb.word": rng.integers(-7, 8, (len(PIECES) + 3, WIDE)) / 8.0,
        "emb.pos": rng.normal(size=(POSITIONS, WIDE)),
        "emb.type": rng.normal(size=(2, WIDE)),
        "emb.ln.w": np.ones(WIDE),
        "emb.ln.b": np.zeros(WIDE),
    }
    square = [(name, WIDE, WIDE) for name in ("q", "k", "v", "ao")]
    for name, out, into in [*square, ("fi", INNER, WIDE), ("fo", WIDE, INNER)]:
        tensors[f"l0.{name}.w"] = rng.integers(-7, 8, (out, into)) / 8.0
        tensors[f"l0.{name}.b"] = rng.normal(size=out)
    for name in ("aln", "oln"):
        tensors |= {f"l0.{name}.w": np.ones(WIDE), f"l0.{name}.b": np.zeros(WIDE)}
    sizes = (WIDE, LAYERS, 4, INNER, len(PIECES) + 3, POSITIONS, 2)
    head = b"E5S1" + struct.pack("<I7ifi", 1, *sizes, 1e-12, 32)
    blob = [piece.encode() for piece, _ in PIECES]
    ends = np.cumsum([0, *map(len, blob)])
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(b"".join(blob)))
    head += ends.astype("<u4").tobytes() + np.array([s for _, s in PIECES], "<f4").tobytes()
    head += b"".join(blob) + struct.pack("<iI", 0, 0) + struct.pack("<i", len(tensors))
    names = [name.encode() for name in tensors]
    at = len(head) + sum(2 + len(name) + 21 for name in names)
    body = b""
    for name, values in zip(names, tensors.values(), strict=True):
        small = values.ndim == 2 and not name.startswith((b"emb.pos", b"emb.type"))
        data = q4(values) if small else values.astype("<f4").tobytes()
        entry = struct.pack("<BIQQ", small, values.size, at + len(body), len(data))
        head += struct.pack("<H", len(name)) + name + entry
        body += data
    path.write_bytes(head + body)
    return tensors


def test_a_packed_file_becomes_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from safetensors.torch import load_file

    from rung.models.local.convert_e5 import convert_e5

    tensors = packed(tmp_path / "packed.bin")
    convert_e5(tmp_path / "packed.bin", tmp_path / "made")
    held = load_file(tmp_path / "made" / "model.safetensors")
    word = held["embeddings.word_embeddings.weight"].float().numpy()
    assert np.allclose(word, tensors["emb.word"], atol=0.01)
    inner = held["encoder.layer.0.intermediate.dense.weight"].float().numpy()
    assert np.allclose(inner, tensors["l0.fi.w"], atol=0.01)
    embedder = open_embedder(tmp_path / "made")
    assert prompted(embedder, "query", ["лампа"]) == ["query: лампа"]
    assert prompted(embedder, "document", ["лампа"]) == ["passage: лампа"]
    assert prompted(embedder, "text", ["лампа"]) == ["query: лампа"]
    ids = embedder._reader.encode("query: лампаs").ids
    assert ids == [0, 5, 7, 8, 2]
    vectors = asyncio.run(embedder.embed(["query: лампа", "passage: лампа"]))
    assert vectors.shape == (2, WIDE) and np.allclose(np.linalg.norm(vectors, axis=1), 1)


@pytest.mark.parametrize("data", [b"", b"GGUF" + bytes(99), b"E5S1" + bytes(40)])
def test_another_file_is_refused(data: bytes, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from rung.models.local.convert_e5 import convert_e5

    (tmp_path / "x.bin").write_bytes(data)
    with pytest.raises(UserError, match="is no embedder that can be unpacked"):
        convert_e5(tmp_path / "x.bin", tmp_path / "made")


def test_the_pinned_wheel_is_data_for_any_machine() -> None:
    assert PACKAGED[E5].platform and PACKAGED[E5].optional


@pytest.mark.slow
@pytest.mark.skipif(model_folder(MINILM) is None, reason=f"{MINILM} is not fetched")
def test_a_folder_of_ones_own_is_asked_behind_its_prompts(tmp_path: Path) -> None:
    folder = model_folder(MINILM)
    assert folder is not None
    own = tmp_path / "own"
    shutil.copytree(folder, own, ignore=shutil.ignore_patterns("rung-model.json"))
    plain = open_embedder(own)
    about = {"prompts": {"query": "query: ", "passage": "passage: "}, "default_prompt_name": None}
    (own / "config_sentence_transformers.json").write_text(json.dumps(about))
    embedder = open_embedder(own)
    assert prompted(embedder, "query", ["a"]) == ["query: a"]
    assert prompted(embedder, "document", ["a"]) == ["passage: a"]
    assert prompted(embedder, "text", ["a"]) == ["a"]
    assert embedder.identity != plain.identity, "an index made with other words is refused"


@pytest.mark.slow
@pytest.mark.skipif(model_folder(E5) is None, reason=f"{E5} is not fetched")
def test_it_finds_across_languages() -> None:
    embedder = open_embedder(E5)
    documents = ["красная лампа: гарантия 3 месяца", "le chat dort", "会議は月曜日です"]
    found = asyncio.run(embedder.embed(prompted(embedder, "document", documents)))
    asked = asyncio.run(
        embedder.embed(prompted(embedder, "query", ["red lamp warranty", "sleeping cat"]))
    )
    assert (asked @ found.T).argmax(axis=1).tolist() == [0, 1]
    assert embedder.unread([*documents, "보증 기간은 얼마나", "वारंटी कितने समय"]) == 0
