"""Served winners for tests: scripted in this process, or saved for a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from rung.candidate import Candidate
from rung.models.registry import open_model
from rung.serve.app import build
from rung.serve.service import Service, open_service
from rung.serve.settings import Settings
from rung.serve.winner import Served
from rung.solver import Solver, SolverSpec, save
from rung.solver.solver import Parts
from rung.task.config import ServeTable
from rung.task.types import LabelsOutput, Output, SchemaOutput, TextOutput
from rung.traffic import log_url
from scripted import Script, ScriptedModel

LABELS = LabelsOutput(labels=("amber", "birch", "cedar"))
TEXT = TextOutput(max_words=6)
SCHEMA = SchemaOutput(
    json_schema={
        "type": "object",
        "properties": {"name": {"type": "string"}, "size": {"enum": ["S", "M"]}},
        "required": ["name", "size"],
        "additionalProperties": False,
    }
)


def spec(output: Output = LABELS, model: str = "scripted/m", **parts: Any) -> SolverSpec:
    """A solver that only asks its model."""
    plain = {
        "candidate": Candidate(model=model),
        "task": "trees",
        "instruction": "Name the tree.",
        "output": output,
    }
    return SolverSpec(**{**plain, **parts})


def scripted(answers: Script, output: Output = LABELS, *, how: Any = None, **parts: Any) -> Served:
    """A winner whose model says what the script says."""
    chat = ScriptedModel(answers, **(how or {}))
    solver = Solver(spec(output, **parts), Parts(chat=chat))
    return Served(solver=solver, digest="d" * 64, created=1_700_000_000, price=lambda _: 0.25)


def service(folder: Path, served: Served, *, log: bool = True, **limits: Any) -> Service:
    """Everything a worker has, with a log in `folder`."""
    settings = Settings(
        folder=folder, log=log_url(folder) if log else None, limits=ServeTable(**limits)
    )
    return open_service(settings, served)


@asynccontextmanager
async def running(made: Service) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application in this process."""
    await made.start()
    transport = httpx2.ASGITransport(build(made), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client
    await made.aclose()


def ask(text: str = "a tree", **more: Any) -> dict[str, Any]:
    """The body of a chat request."""
    return {"model": "trees", "messages": [{"role": "user", "content": text}], **more}


def save_winner(folder: Path, upstream: str, output: Output = LABELS, **parts: Any) -> str:
    """Save a winner that asks the endpoint at `upstream`; returns its digest."""
    name = f"{upstream}#m"
    solver = Solver(spec(output, name, **parts), Parts(chat=open_model(name)))
    return save(solver, folder / ".rung" / "winner")
