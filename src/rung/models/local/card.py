"""What Rung knows of a model folder without loading it: hashes, window, in `rung-model.json`."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

from rung.errors import MissingExtraError, UserError
from rung.state import read_kept
from rung.task.types import Frozen, digest

CARD = "rung-model.json"
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
BEHAVIOUR = ("tokenizer.json", "chat_template.jinja", "tokenizer_config.json", "tokenizer.model")
"""Files beside the weights that decide what a model reads and says."""


class ModelCard(Frozen):
    """Identity and limits of one model folder."""

    format: int = 1
    name: str
    weights_sha256: str
    """Of the weights file, or of all their hashes where there are several."""
    behaviour_sha256: str
    """Of tokenizer and chat template."""
    context_window: int
    """Tokens."""

    @property
    def identity(self) -> str:
        """Short content hash over weights, tokenizer and template."""
        return digest([self.weights_sha256, self.behaviour_sha256])[:16]

    @classmethod
    def of_folder(cls, folder: Path, *, name: str) -> ModelCard:
        """Hash a model folder. Raises `UserError` where it holds no weights."""
        weights = weight_files(folder)
        if not weights:
            raise UserError(
                f"the folder {str(folder)!r} holds no model weights: expected "
                "*.safetensors beside config.json"
            )
        hashes = [sha256_file(path) for path in weights]
        behaviour = [
            (name, sha256_file(folder / name)) for name in BEHAVIOUR if (folder / name).is_file()
        ]
        return cls(
            name=name,
            weights_sha256=hashes[0] if len(hashes) == 1 else digest(hashes),
            behaviour_sha256=digest(behaviour),
            context_window=_context_window(folder),
        )


def weight_files(folder: Path) -> list[Path]:
    """The weights of a folder in a fixed order: safetensors where there are any."""
    for pattern in WEIGHTS:
        files = sorted(folder.glob(pattern))
        if files:
            return files
    return []


def count_parameters(folder: Path) -> int:
    """Weights of a folder by the shapes in its files' headers; half the bytes of other forms.

    Raises `MissingExtraError` without the extra `local`.
    """
    try:
        from safetensors import safe_open
    except ImportError as error:
        raise MissingExtraError("a local model", "local") from error

    total = 0
    for path in weight_files(folder):
        if path.suffix != ".safetensors":
            total += path.stat().st_size // 2
            continue
        with safe_open(path, framework="numpy") as tensors:
            names = tensors.keys()
            total += sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)
    return total


def read_card(folder: Path) -> ModelCard | None:
    """The card of a finished folder, or None."""
    return read_kept(folder / CARD, ModelCard)


def write_card(folder: Path, card: ModelCard) -> None:
    """Write the card: the last file of a folder, so that its presence means complete."""
    (folder / CARD).write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")


def sha256_file(path: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _context_window(folder: Path) -> int:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"the folder {str(folder)!r} has no readable config.json") from error
    limits = config.get("text_config", config)
    return int(limits.get("max_position_embeddings") or limits.get("n_positions") or 2048)
