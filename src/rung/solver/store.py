"""A solver on disk: the very object that was measured, hash-checked when it is opened.

    solver.json      the spec (candidate, instruction, output, shots)
    shots.npy        vectors of the shot pool, where the nearest are taken
    labels.npz       the no-llm model
    encoder/         the embedder that was tuned for it
    head.npz         the label head
    retriever/       passages and vectors
    adapter/         the LoRA adapter
    evidence.json    what the measurement said of it
    manifest.json    sha256 of every file above

No pickle anywhere.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rung.behaviour.shelf import filled
from rung.errors import StoreError
from rung.knowledge.contexts import knowledge_of
from rung.knowledge.tools import Tool, open_tool
from rung.models.base import ChatModel
from rung.models.metered import MeteredEmbedder, innermost
from rung.models.no_llm import load_label_model
from rung.project import EVIDENCE_FILE, MANIFEST_FILE, place_of, put_folder, workspace
from rung.solver.solver import Parts, Solver, SolverSpec
from rung.state import read_model, read_object
from rung.task.load import CONFIG_NAME
from rung.task.tools import ToolSettings
from rung.task.types import JsonValue

ENCODER = "encoder"
FORMAT = 1
CURE = "climb again, or serve one of the kept (`rung rollback`)"
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, EOFError, OSError, RecursionError)
"""What the readers of arrays and indexes raise at files of another form."""


def save(solver: Solver, folder: Path, evidence: JsonValue = None) -> str:
    """Write the solver to `folder` (replacing what is there, atomically); returns its digest."""
    folder = place_of(folder)
    try:
        with workspace(folder) as work:
            made = work / "solver"
            made.mkdir()
            _write(solver, made)
            if evidence is not None:
                (made / EVIDENCE_FILE).write_text(json.dumps(evidence, indent=1) + "\n")
            manifest = {
                "format": FORMAT,
                "candidate": solver.candidate.key,
                "adapter": solver.parts.adapter.digest if solver.parts.adapter else None,
                "files": {str(p.relative_to(made)): _sha256(p) for p in _files(made)},
            }
            (made / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1) + "\n")
            put_folder(made, folder)
    except OSError as error:
        raise StoreError(f"the solver could not be saved to {folder}: {error}") from error
    return _sha256(folder / MANIFEST_FILE)


def load(
    folder: Path,
    chat: Callable[[str], ChatModel],
    embedder: Callable[[str], MeteredEmbedder],
    tool: Callable[[ToolSettings], Tool] | None = None,
) -> Solver:
    """Open what `save` wrote; raises `StoreError` if any file is missing or was changed.

    Tools are asked live where nothing else is said; a command of theirs is started in the task's
    folder, where the solver lies in one.
    """
    folder = folder.resolve()  # what the link names may change while the files are read
    root = next((above for above in folder.parents if (above / CONFIG_NAME).exists()), None)
    tool = tool or partial(open_tool, folder=root)
    _checked(folder)
    spec = _spec(folder)
    candidate = spec.candidate
    ears = embedder(candidate.embedder) if candidate.embedder else None
    asked = spec.tuned_model or candidate.model
    labels, own = folder / "labels.npz", folder / ENCODER
    try:
        parts = Parts(
            chat=None if candidate.technique == "no-llm" else chat(asked),
            embedder=ears,
            knowledge=knowledge_of(candidate.context).load(
                candidate.context, folder, spec.documents, ears
            ),
            label_model=load_label_model(labels) if labels.exists() else None,
            encoder=embedder(str(own)) if own.exists() else None,
            other=chat(candidate.then) if candidate.then else None,
            tools={settings.name: tool(settings) for settings in spec.tools},
        )
        slots = filled(candidate).values()
        parts = parts.holding({slot.part: slot.load(folder) for slot in slots})
    except _DAMAGE as error:  # also a pickle, which is never loaded
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StoreError(f"the solver in {folder} cannot be opened ({why}): {CURE}") from error
    return Solver(spec, parts)


def read_spec(folder: Path) -> SolverSpec:
    """What a saved solver is, without opening models; raises `StoreError` as `load` does."""
    folder = folder.resolve()
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
    return read_model(folder / "solver.json", SolverSpec, CURE)


def _write(solver: Solver, work: Path) -> None:
    parts = solver.parts
    (work / "solver.json").write_text(solver.spec.model_dump_json(indent=1) + "\n")
    if parts.label_model is not None:
        parts.label_model.save(work / "labels.npz")
    if parts.encoder is not None:
        shutil.copytree(innermost(parts.encoder).folder, work / ENCODER)
    solver.knowledge.save(work)
    for slot in solver.slots.values():
        slot.save(work)


def _checked(folder: Path) -> dict[str, object]:
    """The manifest, once every file it names has the hash it says."""
    try:
        if not (folder / MANIFEST_FILE).exists():
            raise _missing(folder)
        manifest = read_object(folder / MANIFEST_FILE, CURE, newest=FORMAT)
        files, _ = manifest["files"], manifest["adapter"]
        assert isinstance(files, dict)
        for name, expected in files.items():
            if _sha256(folder / name) != expected:
                raise StoreError(f"{folder / name} was changed after it was saved: climb again")
        unknown = (
            {str(p.relative_to(folder)) for p in _files(folder)} - set(files) - {MANIFEST_FILE}
        )
    except FileNotFoundError as error:
        raise StoreError(f"{error.filename} was removed after it was saved: climb again") from None
    except OSError as error:
        raise StoreError(
            f"no saved solver can be read from {folder} ({error.strerror or error}): mend its "
            "permissions"
        ) from error
    except (ValueError, KeyError, TypeError, AssertionError):
        raise StoreError(
            f"{folder / MANIFEST_FILE} is no manifest of a saved solver, it was changed: {CURE}"
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
