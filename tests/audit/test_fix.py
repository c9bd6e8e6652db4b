"""A cleaned copy: what is certainly wrong is gone, the user's files are as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.audit.fix import cleaning, write_copy
from rung.errors import UserError
from rung.task.load import load_task
from rung.task.types import Example

from .tasks import LABELS, label_splits, label_task, material

TOML = """[task]
instruction = "Route it."
train = "data/train.jsonl"
test = 'data/test.jsonl' # kept
documents = "docs"
[output]
labels = "labels.txt"
[target]
score = 0.8
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A task in files with one fault of each kind that is mended."""
    splits = label_splits()
    train, test = splits["train"], splits["test"]
    first = train[0]
    train.append(first.model_copy(update={"id": "repeat"}))
    other = LABELS[(LABELS.index(str(train[1].expected)) + 1) % 3]
    train.append(train[1].model_copy(update={"id": "against", "expected": other}))
    test.append(train[2].model_copy(update={"id": "leaked"}))
    train.append(Example(id="mail", input="please write to jo@firm.example", expected="billing"))
    home = tmp_path / "task"
    (home / "data").mkdir(parents=True)
    (home / "docs").mkdir()
    (home / "docs" / "a.md").write_text("# House\nAsk jo@firm.example about it.\n")
    (home / "labels.txt").write_text("\n".join(LABELS))
    (home / "rung.toml").write_text(TOML)
    for name, rows in (("train", train), ("test", test)):
        lines = [json.dumps({"id": e.id, "input": e.input, "expected": e.expected}) for e in rows]
        (home / "data" / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return home


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_copy_loads_and_the_files_are_untouched(folder: Path, tmp_path: Path) -> None:
    before = contents(folder)
    seen = material(load_task(folder))
    written = write_copy(seen, tmp_path / "new", clean=True, redact=False, toml=TOML)
    assert contents(folder) == before
    copied = load_task(written.folder)
    ids = {e.id for e in (*copied.train, *copied.dev)}
    assert not {"repeat", "against", "e1", "e2"} & ids and "e0" in ids
    assert "leaked" in {e.id for e in copied.test}
    review = [json.loads(x) for x in (written.folder / "review.jsonl").read_text().splitlines()]
    assert {"repeat", "against", "e1", "e2"} <= {r["id"] for r in review if r["taken_out"]}
    assert written.taken_out == len({r["id"] for r in review if r["taken_out"]})
    assert copied.documents == seen.task.documents


def test_a_redacted_copy_holds_no_personal_data(folder: Path, tmp_path: Path) -> None:
    seen = material(load_task(folder))
    written = write_copy(seen, tmp_path / "new", clean=False, redact=True, toml=TOML)
    assert written.redactions == 2 and written.taken_out == 0
    assert all(b"jo@firm" not in text for text in contents(written.folder).values())
    assert "[email]" in load_task(written.folder).documents[0].text


def test_suspect_labels_leave_train_and_never_test() -> None:
    splits = label_splits()
    for name in ("train", "test"):
        rows = splits[name]
        for i in range(0, 12):
            other = LABELS[(LABELS.index(str(rows[i].expected)) + 1) % 3]
            rows[i] = rows[i].model_copy(update={"expected": other, "id": f"{name}-wrong-{i}"})
    seen = material(label_task(splits))
    done = cleaning(seen)
    out = {seen.ids[i] for i in done.out}
    assert sum(i.startswith("train-wrong") for i in out) >= 9
    assert {seen.rows[i].part for i in done.out} == {"train"}
    listed = {item.id: item for item in done.review}
    assert sum(i.startswith("test-wrong") for i in listed) >= 10
    truth = LABELS[2]
    assert listed["train-wrong-2"].suggestion == truth


@pytest.mark.parametrize("where", ["task", "."])
def test_a_copy_never_goes_where_the_task_is(folder: Path, tmp_path: Path, where: str) -> None:
    seen = material(load_task(folder), embedded=False)
    with pytest.raises(UserError, match="never changed"):
        write_copy(seen, tmp_path / where, clean=True, redact=False, toml=TOML)


def test_a_folder_of_other_things_is_refused_and_an_earlier_copy_replaced(
    folder: Path, tmp_path: Path
) -> None:
    seen = material(load_task(folder), embedded=False)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("keep")
    with pytest.raises(UserError, match=r"mine\.txt"):
        write_copy(seen, other, clean=True, redact=False, toml=TOML)
    for _ in range(2):
        write_copy(seen, tmp_path / "new", clean=True, redact=False, toml=TOML)
