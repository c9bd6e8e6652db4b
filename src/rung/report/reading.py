"""A run's folder as plain data: `run.json` and `attempts.jsonl`, read and never written."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rung.climbing.explaining import DIAGNOSIS_FILE, PROBES
from rung.decide.results import CandidateResult, RunResult
from rung.diagnose import Diagnosis
from rung.errors import StoreError, UserError
from rung.records import Attempt
from rung.report import words
from rung.report.diagnosis import read_diagnosis

RUN_FILE, ATTEMPTS_FILE = "run.json", "attempts.jsonl"


@dataclass(frozen=True)
class FinishedRun:
    """What a run's folder holds."""

    result: RunResult
    attempts: tuple[Attempt, ...] = ()
    hashes: dict[str, str] = field(default_factory=dict)
    """sha256 of the files that were read."""
    unreadable: int = 0
    """Lines of `attempts.jsonl` that could not be read: a kill may cut the last one short."""
    diagnosis: Diagnosis | None = None
    """Why failures fail, where that was asked."""
    probed: tuple[Attempt, ...] = ()
    """Answers of the diagnosed candidate to dev examples that the climb had not asked."""
    problems: tuple[str, ...] = ()
    """Files beside the run that had to be left out, a sentence each."""

    @cached_property
    def labels(self) -> dict[str, str]:
        """Each candidate in words, by key."""
        return words.labels(self.result.candidates)

    def label(self, row: CandidateResult) -> str:
        """A candidate in words."""
        return self.labels[row.key]

    def row(self, key: str | None) -> CandidateResult | None:
        """The candidate with that key."""
        return next((r for r in self.result.candidates if r.key == key), None)


def newest_run(folder: Path) -> Path:
    """The folder of the run below `folder/.rung/runs` that was written last."""
    runs = sorted(
        (folder / ".rung" / "runs").glob(f"*/{RUN_FILE}"), key=lambda p: p.stat().st_mtime
    )
    if not runs:
        raise UserError(f"no run below {folder}: run `rung climb {folder}` first")
    return runs[-1].parent


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the cycle collector: it walks every attempt again and again, and finds nothing.

    40,000 attempts are read in 0.5 s without it, in 2 s with it.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def run_schema() -> dict[str, Any]:
    """The JSON schema of `run.json` and of `rung climb --json`."""
    schema = RunResult.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "run.json",
    }


def read_result(folder: Path) -> tuple[RunResult, bytes]:
    """What `run.json` says, and its bytes. Raises `StoreError` where it is missing or broken."""
    try:
        plain = (folder / RUN_FILE).read_bytes()
        return RunResult.model_validate_json(plain), plain
    except OSError as error:
        raise StoreError(f"{folder / RUN_FILE} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        problem = str(error).splitlines()[0]
        raise StoreError(
            f"{folder / RUN_FILE} is not a run ({problem}): run `rung climb` again, which writes "
            "it anew without asking a model"
        ) from error


def read_run(folder: Path) -> FinishedRun:
    """Read a run. Raises `StoreError` where `run.json` is missing or broken."""
    result, plain = read_result(folder)
    path = folder / ATTEMPTS_FILE
    lines = path.read_bytes() if path.exists() else b""
    attempts, unreadable = _attempts(lines)
    hashes = {RUN_FILE: hashlib.sha256(plain).hexdigest()}
    if lines:
        hashes[ATTEMPTS_FILE] = hashlib.sha256(lines).hexdigest()
    diagnosis, problem = read_diagnosis(folder)
    probed: tuple[Attempt, ...] = ()
    if diagnosis is not None:
        hashes[DIAGNOSIS_FILE] = hashlib.sha256((folder / DIAGNOSIS_FILE).read_bytes()).hexdigest()
        path = folder / PROBES / ATTEMPTS_FILE
        arms, _ = _attempts(path.read_bytes() if path.exists() else b"")
        probed = tuple(a for a in arms if a.candidate == diagnosis.candidate)
    return FinishedRun(
        result, attempts, hashes, unreadable, diagnosis, probed, (problem,) if problem else ()
    )


def _attempts(lines: bytes) -> tuple[tuple[Attempt, ...], int]:
    """The newest attempt of each candidate at each example, in the order of the file."""
    kept: dict[tuple[str, str, str], Attempt] = {}
    unreadable = 0
    for line in lines.split(b"\n"):
        if not line.strip():
            continue
        try:
            attempt = Attempt.model_validate_json(line)
        except ValidationError:
            unreadable += 1
            continue
        kept[attempt.candidate, attempt.split, attempt.example_id] = attempt
    return tuple(kept.values()), unreadable
