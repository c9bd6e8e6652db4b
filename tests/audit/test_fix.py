"""A cleaned copy: what is certainly wrong is gone, the user's files are as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.audit.fix import cleaning, write_copy
from rung.errors import UserError
from rung.task.load import load_task
from rung.task.types import Example

from .tasks import LABELS, label_splits, label_task, material, text_task

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


def test_a_redacted_copy_hides_what_a_teacher_would_be_asked(folder: Path, tmp_path: Path) -> None:
    rows = ({"input": "is jo@firm.example right?", "asked": 7}, {"input": "hello there"})
    (folder / "more.jsonl").write_text("\n".join(map(json.dumps, rows)))
    toml = TOML.replace("documents =", 'unlabelled = "more.jsonl"\ndocuments =')
    (folder / "rung.toml").write_text(toml)
    seen = material(load_task(folder), embedded=False)
    written = write_copy(seen, tmp_path / "new", clean=False, redact=True, toml=toml)
    assert written.redactions == 3
    assert set(load_task(written.folder).unlabelled) == {"is [email] right?", "hello there"}
    assert all(b"jo@firm" not in text for text in contents(written.folder).values())


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


def test_a_copy_that_was_worked_on_is_not_written_over(folder: Path, tmp_path: Path) -> None:
    seen = material(load_task(folder), embedded=False)
    where = tmp_path / "new"
    write_copy(seen, where, clean=True, redact=True, toml=TOML)
    write_copy(seen, where, clean=True, redact=False, toml=TOML)
    assert not (where / "documents.jsonl").exists()  # of the earlier copy
    train = where / "train.jsonl"
    mine = train.read_text().replace('"billing"', '"shipping"')
    train.write_text(mine)
    with pytest.raises(UserError, match=r"train\.jsonl was changed after it was written"):
        write_copy(seen, where, clean=True, redact=False, toml=TOML)
    assert train.read_text() == mine


def test_a_folder_with_a_review_list_of_its_own_is_no_copy(folder: Path, tmp_path: Path) -> None:
    seen = material(load_task(folder), embedded=False)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "review.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match="is there already"):
        write_copy(seen, mine, clean=True, redact=False, toml=TOML)
    assert (mine / "review.jsonl").read_text() == "{}\n"


def test_the_review_list_says_what_was_asked_and_answered(folder: Path, tmp_path: Path) -> None:
    task = load_task(folder)
    written = write_copy(material(task), tmp_path / "new", clean=True, redact=False, toml=TOML)
    rows = [json.loads(x) for x in (written.folder / "review.jsonl").read_text().splitlines()]
    against = next(r for r in rows if r["id"] == "against")
    assert task.source is not None
    given = next(e for e in task.source.examples["train"] if e.id == "against")
    assert (against["input"], against["expected"]) == (given.input, given.expected)


def test_documents_that_lack_the_answer_are_to_be_reviewed() -> None:
    task = text_task()
    docs = list(task.documents)
    docs[2] = docs[2].model_copy(update={"text": "Nothing of it is left here."})
    done = cleaning(material(task.model_copy(update={"documents": tuple(docs)}), embedded=False))
    assert {(i.id, i.taken_out) for i in done.review} == {("q2", False)}


def test_nothing_is_written_where_nothing_is_left(folder: Path, tmp_path: Path) -> None:
    splits = label_splits()
    dev = [e.model_copy(update={"id": f"x{e.id}"}) for e in splits["test"][:5]]
    task = label_task({**splits, "dev": dev})
    with pytest.raises(UserError, match="nothing is left of 'dev'"):
        write_copy(
            material(task, embedded=False), tmp_path / "new", clean=True, redact=False, toml=TOML
        )
    assert not (tmp_path / "new").exists()


def test_redacted_ids_stay_apart_and_documents_keep_theirs(tmp_path: Path) -> None:
    home = tmp_path / "task"
    home.mkdir()
    rows = [
        {
            "id": f"user{i}@firm.example",
            "input": f"question number {i} about {chr(97 + i % 26) * 7}",
            "expected": f"answer {i}",
            "context_ids": [f"of{i % 2}@firm.example"],
            "meta": {"customer": f"c{i % 20}@firm.example"},
        }
        for i in range(60)
    ]
    docs = [{"id": f"of{i}@firm.example", "title": "", "text": f"Rule {i}."} for i in range(2)]
    for name, lines in (("rows", rows), ("docs", docs)):
        (home / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in lines))
    toml = (
        '[task]\ninstruction = "Answer."\nexamples = "rows.jsonl"\ndocuments = "docs.jsonl"\n'
        'cluster = "customer"\n[output]\ntext = {}\n[target]\nscore = 0.5\n'
    )
    (home / "rung.toml").write_text(toml)
    seen = material(load_task(home), embedded=False)
    written = write_copy(seen, tmp_path / "new", clean=False, redact=True, toml=toml)
    copied = load_task(written.folder)
    every = (*copied.train, *copied.dev, *copied.test)
    assert len({e.id for e in every}) == 60
    assert len({str(e.meta["customer"]) for e in every}) == 20
    assert {i for e in every for i in e.context_ids} == {d.id for d in copied.documents}
    assert all(b"@firm" not in text for text in contents(written.folder).values())


def test_models_in_folders_are_found_from_the_copy(folder: Path, tmp_path: Path) -> None:
    for name in ("mine", "vectors"):
        (folder / name).mkdir()
    toml = TOML + '[models]\ntry = [\n    "mine",  # ours\n    "local/other",\n]\n'
    toml += 'embedder = "vectors"\n[workload]\nrequests_per_month = 5\n'
    seen = material(load_task(folder), embedded=False)
    written = write_copy(seen, tmp_path / "new", clean=True, redact=False, toml=toml)
    models = load_task(written.folder).models
    assert [(written.folder / name).resolve() for name in models.to_try[:1]] == [folder / "mine"]
    assert models.to_try[1] == "local/other"
    assert (written.folder / models.embedder).resolve() == folder / "vectors"
