"""Opening what a climb chose."""

from __future__ import annotations

from pathlib import Path

from rung.models.metered import Metered, MeteredEmbedder
from rung.models.registry import open_embedder, open_model
from rung.project import ProjectFolder
from rung.solver import Solver, load


def open_winner(folder: str | Path) -> Solver:
    """The solver saved for the task in `folder`: the object that was measured, hash-checked.

    Raises `StoreError` when there is none, or when a file of it was changed.
    """
    root = Path(folder)

    def embedder(name: str) -> MeteredEmbedder:
        return Metered(open_embedder(name, root))

    return load(ProjectFolder(root).winner, lambda name: open_model(name, root), embedder)
