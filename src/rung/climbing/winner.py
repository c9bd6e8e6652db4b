"""What a climb chose, kept and opened again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ConfigDict

from rung.models.base import ChatModel
from rung.models.handshake import KnownEndpoints
from rung.models.metered import Metered, MeteredEmbedder
from rung.models.registry import open_embedder, open_model
from rung.project import EVIDENCE_FILE, ProjectFolder
from rung.records.results import CandidateResult, RunResult, Verdict
from rung.solver import Solver, load, save
from rung.state import EVIDENCE_CURE, model_of, read_object
from rung.task.types import Frozen, JsonValue

if TYPE_CHECKING:  # a server opens winners and should start without what a climb needs
    from rung.climbing.tools import Tools


def keep_winner(solvers: Mapping[str, Solver], result: RunResult, tools: Tools) -> None:
    """Save the chosen solver with what was measured; as challenger where another one serves.

    Where nothing is chosen, the fitted one that scored best is kept apart: `unproven` tells it.
    """
    chosen = result.verdict.choice
    row = best_row([r for r in result.candidates if r.key == (chosen or r.key) in solvers])
    shutil.rmtree(tools.project.best, ignore_errors=True)
    if row is None:
        return
    solver = solvers[row.key]
    evidence = {
        "run": result.run,
        "metric": result.metric,
        "target": result.target,
        "verdict": result.verdict.model_dump(mode="json"),
        "candidate": row.model_dump(mode="json"),
        "endpoints": tools.known_endpoints.plain(tools.opened),
    }
    project = tools.project
    place = project.challenger if project.is_served else project.winner
    save(solver, place if chosen else project.best, evidence)


def best_row(rows: Iterable[CandidateResult]) -> CandidateResult | None:
    """The highest score, the cheapest of equal ones; None where nothing was scored."""
    scored = [
        (row.score.value, -(row.monthly_usd or 0.0), row)
        for row in rows
        if row.state != "probe" and row.score is not None and row.score.value is not None
    ]
    return max(scored, key=itemgetter(0, 1))[2] if scored else None


def unproven(saved: Path) -> str | None:
    """Why the solver in `saved` is not certified for its target; None where it is, or where it was
    saved without what was measured."""
    path = saved / EVIDENCE_FILE
    plain = read_object(path, EVIDENCE_CURE) if path.exists() else {}
    if "target" not in plain:  # saved by an earlier version: only what was certified
        return None
    evidence = model_of(json.dumps(plain).encode(), _Evidence, str(path), EVIDENCE_CURE)
    row, score = evidence.candidate, evidence.candidate.score
    if evidence.verdict.choice == row.key or score is None or score.value is None:
        return None
    asked = f"{evidence.metric} of at least {evidence.target:g}"
    why = f" ({row.reason})" if row.state == "pass" and row.reason else ""
    measured = f"{score.value:.3f} on {score.n} {score.split} examples"
    return f"unproven: {measured} does not certify {asked}{why}"


def measured_in(saved: Path) -> JsonValue:
    """Name of the run that measured a saved solver; None where that was not kept."""
    path = saved / EVIDENCE_FILE
    return read_object(path, EVIDENCE_CURE).get("run") if path.exists() else None


class _Evidence(Frozen):
    """Of `evidence.json`: what says whether a solver is proven."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: Verdict
    candidate: CandidateResult
    metric: str
    target: float


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
