"""A solver on disk: the very object that was measured, hash-checked when it is opened.

    solver.json      the spec (candidate, instruction, output, shots)
    shots.npy        vectors of the shot pool, where the nearest are taken
    labels.npz       the no-llm model
    retriever/       passages and vectors
    adapter/         the LoRA adapter
    evidence.json    what the measurement said of it
    manifest.json    sha256 of every file above

No pickle anywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rung.errors import StoreError
from rung.knowledge.contexts import knowledge_of
from rung.models.base import Adapter, ChatModel
from rung.models.metered import MeteredEmbedder
from rung.models.no_llm import load_label_model
from rung.project import EVIDENCE_FILE, MANIFEST_FILE
from rung.solver.solver import Parts, Solver, SolverSpec
from rung.task.types import JsonValue


def save(solver: Solver, folder: Path, evidence: JsonValue = None) -> str:
    """Write the solver to `folder` (replacing what is there, atomically); returns its digest."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(solver, work)
        if evidence is not None:
            (work / EVIDENCE_FILE).write_text(json.dumps(evidence, indent=1) + "\n")
        manifest = {
            "format": 1,
            "candidate": solver.candidate.key,
            "adapter": solver.parts.adapter.digest if solver.parts.adapter else None,
            "files": {str(p.relative_to(work)): _sha256(p) for p in _files(work)},
        }
        (work / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1) + "\n")
        _swap(work, folder)
    except OSError as error:
        raise StoreError(f"the solver could not be saved to {folder}: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return _sha256(folder / MANIFEST_FILE)


def load(
    folder: Path, chat: Callable[[str], ChatModel], embedder: Callable[[str], MeteredEmbedder]
) -> Solver:
    """Open what `save` wrote; raises `StoreError` if any file is missing or was changed."""
    manifest = _checked(folder)
    spec = _spec(folder)
    candidate = spec.candidate
    ears = embedder(candidate.embedder) if candidate.embedder else None
    adapter = None
    if manifest["adapter"]:
        adapter = Adapter(path=str(folder / "adapter"), digest=str(manifest["adapter"]))
    asked = spec.tuned_model or candidate.model
    shots, labels = folder / "shots.npy", folder / "labels.npz"
    try:
        parts = Parts(
            chat=None if candidate.technique == "no-llm" else chat(asked),
            embedder=ears,
            shot_vectors=np.load(shots, allow_pickle=False) if shots.exists() else None,
            knowledge=knowledge_of(candidate.context).load(
                candidate.context, folder, spec.documents, ears
            ),
            label_model=load_label_model(labels) if labels.exists() else None,
            adapter=adapter,
            fallback=chat(candidate.fallback) if candidate.fallback else None,
        )
    except (ValueError, KeyError) as error:  # also a pickle, which is never loaded
        raise StoreError(
            f"the solver in {folder} cannot be opened ({error}): climb again"
        ) from error
    return Solver(spec, parts)


def read_spec(folder: Path) -> SolverSpec:
    """What a saved solver is, without opening models; raises `StoreError` as `load` does."""
    _checked(folder)
    return _spec(folder)


def digest_of(folder: Path) -> str:
    """sha256 of a saved solver's manifest, as `save` returned it. Checks no file."""
    try:
        return _sha256(folder / MANIFEST_FILE)
    except FileNotFoundError:
        raise _missing(folder) from None
    except OSError as error:
        raise StoreError(
            f"no saved solver can be read from {folder} ({error.strerror or error}): mend its "
            "permissions"
        ) from error


def _spec(folder: Path) -> SolverSpec:
    return SolverSpec.model_validate_json((folder / "solver.json").read_text())


def _write(solver: Solver, work: Path) -> None:
    parts = solver.parts
    (work / "solver.json").write_text(solver.spec.model_dump_json(indent=1) + "\n")
    if parts.shot_vectors is not None:
        np.save(work / "shots.npy", parts.shot_vectors, allow_pickle=False)
    if parts.label_model is not None:
        parts.label_model.save(work / "labels.npz")
    parts.knowledge.save(work)
    if parts.adapter is not None:
        shutil.copytree(parts.adapter.path, work / "adapter")


def _checked(folder: Path) -> dict[str, object]:
    """The manifest, once every file it names has the hash it says."""
    try:
        manifest: dict[str, object] = json.loads((folder / MANIFEST_FILE).read_text())
        files = manifest["files"]
        assert isinstance(files, dict)
        for name, expected in files.items():
            if _sha256(folder / name) != expected:
                raise StoreError(f"{folder / name} was changed after it was saved: climb again")
        unknown = (
            {str(p.relative_to(folder)) for p in _files(folder)} - set(files) - {MANIFEST_FILE}
        )
    except FileNotFoundError as error:
        if error.filename == str(folder / MANIFEST_FILE):
            raise _missing(folder) from None
        raise StoreError(f"{error.filename} was removed after it was saved: climb again") from None
    except OSError as error:
        raise StoreError(
            f"no saved solver can be read from {folder} ({error.strerror or error}): mend its "
            "permissions"
        ) from error
    except (ValueError, KeyError, TypeError, AssertionError):
        raise StoreError(
            f"{folder / MANIFEST_FILE} is no manifest of a saved solver: it was changed; "
            "climb again"
        ) from None
    if unknown:
        raise StoreError(
            f"{folder} holds a file that was not saved with it, {sorted(unknown)[0]!r}: take it out"
        )
    return manifest


def _missing(folder: Path) -> StoreError:
    return StoreError(
        f"there is no saved solver in {folder}: run `rung climb` first, on the folder that holds "
        "rung.toml (a climb that finds nothing good enough saves none)"
    )


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _swap(work: Path, folder: Path) -> None:
    """Put `work` in the place of `folder`; the old one is gone only when the new one stands."""
    old = folder.with_name(f".{folder.name}-old-{os.getpid()}")
    if folder.exists():
        os.replace(folder, old)
    os.replace(work, folder)
    shutil.rmtree(old, ignore_errors=True)
