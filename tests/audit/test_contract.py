"""What every check of the shelf promises, on every kind of task."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import rung.audit.checks
from rung.audit import Material, audit
from rung.audit.checks.shelf import SHELF
from rung.task.types import Source, Task

from .tasks import LABELS, label_task, material, schema_task, sql_task, text_task


def noisy() -> Task:
    """A task in which most faults are planted at once."""
    rows = list(label_task().train)
    for i in range(0, len(rows), 8):
        other = LABELS[(LABELS.index(str(rows[i].expected)) + 1) % 3]
        said = f"SECRETWORD a@b.example {rows[i + 1].input}"
        rows[i] = rows[i].model_copy(update={"expected": other})
        rows[i + 1] = rows[i + 1].model_copy(update={"input": said})
    test = [e.model_copy(update={"id": f"t-{e.id}"}) for e in rows[:20]]
    twice = [*rows, rows[0].model_copy(update={"id": "again", "expected": "returns"})]
    given = {"train": tuple(twice), "test": tuple(test)}
    return label_task(train=tuple(twice), dev=(), test=tuple(test), source=Source(examples=given))


TASKS: dict[str, Callable[[], Task]] = {
    "labels": label_task,
    "text": text_task,
    "schema": schema_task,
    "sql": sql_task,
    "faulty": noisy,
    "empty": lambda: label_task({"train": [], "dev": [], "test": []}, source=None),
    "one": lambda: label_task({"train": list(label_task().train[:1]), "dev": [], "test": []}),
}


@pytest.fixture(scope="module", params=TASKS)
def task(request: pytest.FixtureRequest) -> Task:
    return TASKS[request.param]()


def test_every_file_of_the_shelf_is_listed() -> None:
    folder = Path(rung.audit.checks.__file__).parent
    files = {p.stem for p in folder.glob("*.py")} - {"__init__", "shelf"}
    assert {check.__module__.rsplit(".", 1)[1] for check in SHELF.values()} == files
    assert all(check.__doc__ for check in SHELF.values())


@pytest.fixture(scope="module", params=[True, False], ids=["vectors", "no vectors"])
def seen(request: pytest.FixtureRequest, task: Task) -> Material:
    return material(task, embedded=request.param)


def test_checks_keep_their_promises(task: Task, seen: Material) -> None:
    before = task.model_dump_json()
    ids = {*seen.ids, *(d.id for d in task.documents)}
    for name, check in SHELF.items():
        found = check(seen)
        assert not (found.skipped and found.flags), name
        for flag in found.flags:
            assert re.fullmatch(r"[a-z]+(-[a-z]+)*", flag.id)
            assert (flag.text.endswith(".") and flag.text[0].isupper()) or flag.text[0].isdigit()
            assert flag.advice and flag.source, name
            assert "SECRETWORD" not in flag.text + flag.advice
            assert set(flag.examples) <= ids and len(set(flag.examples)) == len(flag.examples)
            for figure in (flag.figure, flag.threshold):
                assert figure is None or math.isfinite(figure)
    assert task.model_dump_json() == before


def test_an_audit_names_every_check_and_puts_the_gravest_first(seen: Material) -> None:
    first = audit(seen)
    assert [check.id for check in first.checked] == list(SHELF)
    ranks = [("block", "warn", "info").index(flag.severity) for flag in first.flags]
    assert ranks == sorted(ranks)
    assert len({flag.id for flag in first.flags}) == len(first.flags)


@pytest.mark.slow
def test_an_audit_is_repeatable() -> None:
    assert audit(material(noisy())) == audit(material(noisy()))


def test_the_faulty_task_raises_the_flags_that_were_planted() -> None:
    found = {flag.id: flag for flag in audit(material(noisy())).flags}
    assert {"label-noise", "leakage", "contradictory-duplicates", "personal-data"} <= found.keys()


@pytest.mark.parametrize("make", [label_task, text_task], ids=["labels", "text"])
def test_a_clean_task_has_no_flag_but_its_size(make: Callable[[], Task]) -> None:
    found = {flag.id for flag in audit(material(make())).flags}
    assert found <= {"too-few-examples", "too-few-test-examples"}
