"""What a climb chose, kept and opened again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rung.climbing.tools import Tools
from rung.models.base import ChatModel
from rung.models.known_endpoints import KnownEndpoints
from rung.models.metered import Metered, MeteredEmbedder
from rung.models.registry import open_embedder, open_model
from rung.project import EVIDENCE_FILE, ProjectFolder
from rung.records.results import RunResult
from rung.solver import Solver, load, save
from rung.state import EVIDENCE_CURE, read_object


def keep_winner(solver: Solver, result: RunResult, tools: Tools) -> None:
    """Save the chosen solver with what was measured; as challenger where another one serves."""
    row = next(r for r in result.candidates if r.key == solver.candidate.key)
    evidence = {
        "run": result.run,
        "verdict": result.verdict.model_dump(mode="json"),
        "candidate": row.model_dump(mode="json"),
        "endpoints": tools.known_endpoints.plain(tools.opened),
    }
    project = tools.project
    save(solver, project.challenger if project.is_served else project.winner, evidence)


def open_winner(folder: str | Path) -> Solver:
    """The solver saved for the task in `folder`: the object that was measured, hash-checked.

    Raises `StoreError` when there is none, or when a file of it was changed.
    """
    root = Path(folder)

    def embedder(name: str) -> MeteredEmbedder:
        return Metered(open_embedder(name, root))

    winner = ProjectFolder(root).winner
    return load(winner, as_measured(winner, root), embedder)


def as_measured(saved: Path, root: Path) -> Callable[[str], ChatModel]:
    """Opens models that are asked as the solver in `saved` was when it was measured, whatever has
    been learnt of their servers since; `root` is the folder of `rung.toml`."""
    evidence = saved / EVIDENCE_FILE
    plain = read_object(evidence, EVIDENCE_CURE) if evidence.exists() else {}
    known = KnownEndpoints(ProjectFolder(root).folder, first=plain.get("endpoints"))

    def opened(name: str) -> ChatModel:
        model = open_model(name, root)
        known.adopt(model)
        return model

    return opened
