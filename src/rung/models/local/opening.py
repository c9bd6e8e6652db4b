"""From a name or a path to a `LocalModel`, without loading any weights."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from rung.errors import StoreError, UserError
from rung.models.local.card import BEHAVIOUR, ModelCard, read_card, weight_files, write_card
from rung.models.local.engine import LocalModel
from rung.models.local.vllm import engine_of_folders
from rung.task.types import digest


def open_local(name: str | Path) -> LocalModel:
    """A chat model by embedded name (`local/…`), model folder or `.gguf` file.

    A folder is hashed and a `.gguf` file converted once; both are remembered in the models
    folder by size and time of change. Raises `UserError` where there is no such model.
    """
    from rung.models.fetch import PACKAGED, require_model

    if str(name) in PACKAGED:
        folder = require_model(str(name))
        card = read_card(folder)
        assert card is not None
        return LocalModel(_speaking(folder), card)
    path = Path(name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return _open_gguf(path)
    if not (path / "config.json").is_file():
        raise UserError(
            f"no local model at {str(name)!r}: give the folder that holds config.json and "
            "*.safetensors, a .gguf file, or one of " + ", ".join(sorted(PACKAGED))
        )
    return engine_of_folders()(_speaking(path), card_of_folder(path))


def _speaking(folder: Path) -> Path:
    """The folder of a model that writes text. Raises `UserError` on any other kind."""
    try:
        kinds = json.loads((folder / "config.json").read_text(encoding="utf-8"))["architectures"]
    except (OSError, ValueError, KeyError):
        return folder
    if not any("CausalLM" in kind or "LMHead" in kind or "Generation" in kind for kind in kinds):
        raise UserError(
            f"the model in {str(folder)!r} is a {kinds[0]}, which writes no text: use it as an "
            "embedder, or name a chat model such as 'local/smollm2-135m-instruct'"
        )
    return folder


def card_of_folder(folder: Path) -> ModelCard:
    """The card of a folder. One of somebody else is kept in our cache, never written there."""
    own = read_card(folder)
    if own is not None:
        return own
    files = [*weight_files(folder), *(folder / name for name in BEHAVIOUR), folder / "config.json"]
    memory = _memory([path for path in files if path.is_file()])
    card = read_card(memory)
    if card is None:
        card = ModelCard.of_folder(folder, name=str(folder))
        try:
            memory.mkdir(parents=True, exist_ok=True)
            write_card(memory, card)
        except OSError:
            pass  # Only speed is lost: the next run hashes again.
    return card.model_copy(update={"name": str(folder)})


def _open_gguf(path: Path) -> LocalModel:
    from rung.models.local.convert import convert_gguf

    target = _memory([path])
    card = read_card(target)
    if card is None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".convert-", dir=target.parent) as work:
                built = Path(work) / "built"
                convert_gguf(path, built)
                card = ModelCard.of_folder(built, name=str(path))
                write_card(built, card)
                shutil.rmtree(target, ignore_errors=True)
                os.rename(built, target)
        except OSError as error:
            raise StoreError(
                f"the converted model cannot be stored in {str(target)!r}: {error}; free space "
                "there or set RUNG_MODELS to another folder"
            ) from error
    return engine_of_folders()(target, card.model_copy(update={"name": str(path)}))


def _memory(files: list[Path]) -> Path:
    """A folder of our cache that stands for exactly these files, by place, size and time."""
    from rung.models.fetch import models_folder

    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return models_folder() / "by-path" / digest(json.loads(json.dumps(stats)))[:20]
