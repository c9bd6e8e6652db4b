"""A run's folder as plain data: `run.json` and `attempts.jsonl`, read and never written."""

import gc
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from rung.climbing.explaining import DIAGNOSIS_FILE, PROBES
from rung.diagnose import Diagnosis
from rung.errors import StoreError
from rung.loop.shipping.winners import Winners
from rung.project import ATTEMPTS_FILE, RUN_FILE
from rung.records import Attempt
from rung.records.results import CandidateResult, RunResult
from rung.report import words
from rung.report.diagnosis import read_diagnosis
from rung.state import RUN_CURE, model_of, read_bytes

SOURCES = (ATTEMPTS_FILE, f"{PROBES}/{ATTEMPTS_FILE}")
"""Files of a run that attempts stand in: the climb's, and those of its diagnosis."""
Key = tuple[str, str, str]
"""Candidate, split and example of an attempt."""


class Place(NamedTuple):
    """Where an attempt stands."""

    source: int
    """Number of the file in `SOURCES`."""
    start: int
    size: int
    """Bytes."""


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
    doubt: str | None = None
    """Why what is served of this run is unproven; None where it is not, or nothing of it is."""

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
    path = folder / RUN_FILE
    plain = read_bytes(path, RUN_CURE)
    return model_of(plain, RunResult, str(path), RUN_CURE), plain


def read_run(folder: Path) -> FinishedRun:
    """Read a run. Raises `StoreError` where `run.json` is missing or broken."""
    return read_with_places(folder)[0]


def read_with_places(folder: Path) -> tuple[FinishedRun, dict[Key, Place]]:
    """As `read_run`, with the place of each attempt that counts."""
    result, plain = read_result(folder)
    path = folder / ATTEMPTS_FILE
    lines = path.read_bytes() if path.exists() else b""
    attempts, places, unreadable = _attempts(lines, 0)
    hashes = {RUN_FILE: hashlib.sha256(plain).hexdigest()}
    if lines:
        hashes[ATTEMPTS_FILE] = hashlib.sha256(lines).hexdigest()
    diagnosis, problem = read_diagnosis(folder)
    probed: tuple[Attempt, ...] = ()
    if diagnosis is not None:
        hashes[DIAGNOSIS_FILE] = hashlib.sha256((folder / DIAGNOSIS_FILE).read_bytes()).hexdigest()
        path = folder / SOURCES[1]
        arms, also, _ = _attempts(path.read_bytes() if path.exists() else b"", 1)
        probed = tuple(a for a in arms if a.candidate == diagnosis.candidate)
        places = {**also, **places}  # what the climb asked itself comes first
    problems = (problem,) if problem else ()
    doubt = _doubt(folder, result.run)
    run = FinishedRun(result, attempts, hashes, unreadable, diagnosis, probed, problems, doubt)
    return run, places


def _doubt(folder: Path, run: str) -> str | None:
    with suppress(StoreError, IndexError):  # a damaged winner is told where it is served
        return Winners(folder.resolve().parents[2]).doubt(run)
    return None


def _attempts(lines: bytes, source: int) -> tuple[tuple[Attempt, ...], dict[Key, Place], int]:
    """The newest attempt of each candidate at each example, in the order of the file."""
    kept: dict[Key, Attempt] = {}
    places: dict[Key, Place] = {}
    unreadable = start = 0
    for line in lines.split(b"\n"):
        place = Place(source, start, len(line))
        start += len(line) + 1
        if not line.strip():
            continue
        try:
            attempt = Attempt.model_validate_json(line)
        except ValidationError:
            unreadable += 1
            continue
        key = (attempt.candidate, attempt.split, attempt.example_id)
        kept[key], places[key] = attempt, place
    return tuple(kept.values()), places, unreadable
