"""What `expected` means: spellings of labels, several labels, several right answers, none."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rung.errors import UserError
from rung.models.no_llm import load_label_model
from rung.models.no_llm_sets import fit_set_model
from rung.records import Answer
from rung.scorers import grade_gold, micro_f1, scorer_for
from rung.task.contract import describe, parse, render
from rung.task.examples import read_examples
from rung.task.expected import GoldError, answer_texts, read_expected, row_expected
from rung.task.load import load_task
from rung.task.scripts import count_words
from rung.task.types import (
    Example,
    LabelsOutput,
    MultiLabelOutput,
    Output,
    SchemaOutput,
    Target,
    Task,
    TextOutput,
)

CELLS = {
    "json": ('["Rome", "Roma"]', "Rome", ("Roma",), "e.csv: expected holds lists written as text"),
    "python": ("['Rome', 'Roma']", "Rome", ("Roma",), "e.csv: expected holds lists written as"),
    "thoughts": (
        "<think>Hm?\n</think>\n\nRome",
        "Rome",
        (),
        "e.csv: thoughts (<think>…</think>) before 2 expected answers are left out, as those of",
    ),
    "a tag inside": ("Say <think>x</think>", "Say <think>x</think>", (), ""),
    "numbers": ("[1, 2]", "[1, 2]", (), ""),
}
LABELS = LabelsOutput(labels=("Billing", "0", "1", "true", "a, b", "01", "US", "us"))
MANY = MultiLabelOutput(labels=("a", "a, b", "b", "c", "1"))


@pytest.mark.parametrize("kind", CELLS)
def test_free_text_is_taken_as_it_is_meant(tmp_path: Path, kind: str) -> None:
    cell, expected, others, note = CELLS[kind]
    with (tmp_path / "e.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["input", "expected"], ["a", cell], ["b", cell]])
    read = read_examples(tmp_path / "e.csv", "e.csv", TextOutput())
    assert {(one.expected, one.alternatives) for one in read.examples} == {(expected, others)}
    assert read.notes[0].startswith(note) if note else not read.notes


@pytest.mark.parametrize(
    ("word", "said", "none"),
    [
        ("I don’t know", "I don't know.", True), ("I don't know", "I don’t know…", True),
        ("no answer", "No  answer!", True), ("İ yok", "i yok", True), ("無", "（無）。", True),
        ("N/A", "(n/a)", True), ("N/A", "NA", False), ("none", "none of them", False),
    ],
)  # fmt: skip
def test_the_word_for_no_answer_in_any_spelling(word: str, said: str, none: bool) -> None:
    output = TextOutput(no_answer=word)
    assert (parse(output, said).value == "") is none
    assert (read_expected(output, said).expected == "") is none


def test_a_list_in_one_cell_of_many_is_text(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("input,expected\na,\"['x']\"\nb,c\n", encoding="utf-8")
    read = read_examples(tmp_path / "e.csv", "e.csv", TextOutput())
    assert [one.expected for one in read.examples] == ["['x']", "c"] and not read.notes


def test_a_whole_number_that_a_table_program_wrote() -> None:
    assert read_expected(TextOutput(), 12.0).expected == "12"
    assert read_expected(TextOutput(), 12.5).expected == "12.5"


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("billing", "Billing"), (" BILLING\n", "Billing"), ("Ｂilling", "Billing"),
        ("0.0", "0"), (0, "0"), (1.0, "1"), ("+1", "1"), ("01", "01"),
        (True, "true"), ("TRUE", "true"), ("US", "US"), ("us", "us"), ("A,  B", "a, b"),
        (["billing"], "Billing"),
    ],
)  # fmt: skip
def test_a_label_in_any_spelling(written: Any, label: str) -> None:
    assert read_expected(LABELS, written).expected == label


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("bill", "did you mean 'Billing'?"),
        ("Us", "is not one of the 8 labels"),
        ("", "is empty"),
        (None, "is empty"),
        (["0", "1"], "multiple = true"),
        ({"a": 1}, "write one label"),
        ("001", "is not one of the 8 labels"),
    ],
)
def test_what_is_no_label(written: Any, sentence: str) -> None:
    with pytest.raises(GoldError, match=sentence.replace("?", r"\?")):
        read_expected(LABELS, written)


def test_any_of_several_labels() -> None:
    output = LABELS.model_copy(update={"any_of": True})
    gold = read_expected(output, [1, "billing", "1.0"])
    assert (gold.expected, gold.alternatives) == ("1", ("Billing",))


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        (["c", "A"], ["a", "c"]), ("a; c", ["a", "c"]), ("c, a", ["a", "c"]),
        ("a|b\nc", ["a", "b", "c"]),
        ("a, b", ["a, b"]), ("a, b, c", ["a, b", "c"]), ('["b", "c"]', ["b", "c"]),
        ("- b\n- c", ["b", "c"]), ("", []), (None, []), ([], []), ("none", []), ("[]", []),
        (1, ["1"]), ([1.0], ["1"]), (["c", "c"], ["c"]),
    ],
)  # fmt: skip
def test_several_labels(written: Any, labels: list[str]) -> None:
    assert read_expected(MANY, written).expected == labels
    assert parse(MANY, render(MANY, labels)).value == labels


def test_a_model_writes_several_labels() -> None:
    assert parse(MANY, '```json\n["c", "a"]\n```').value == ["a", "c"]
    assert not parse(MANY, "a, z").valid and not parse(MANY, "").valid
    assert '"a, b"' in describe(MANY) and MANY.json_schema["items"]["enum"][0] == "a"
    with pytest.raises(GoldError, match="'z' is not of the 5 labels"):
        read_expected(MANY, "a; z")


def test_micro_and_sample_f1_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(0)
    gold, said = rng.random((30, 5)) < 0.4, rng.random((30, 5)) < 0.4
    names = MANY.labels
    both = [
        [[n for n, on in zip(names, row, strict=True) if on] for row in rows]
        for rows in (gold, said)
    ]
    sets = list(zip(*both, strict=True))
    assert micro_f1(sets) == pytest.approx(metrics.f1_score(gold, said, average="micro"))
    task = Task(name="t", instruction="x", output=MANY, target=Target(metric="sample_f1", score=1))
    scorer = scorer_for(task)
    values = [
        scorer.compare(Example(id="1", input="x", expected=g), Answer(text="", value=s)).value
        for g, s in sets
    ]
    theirs = metrics.f1_score(gold, said, average="samples", zero_division=1)
    assert np.mean(values) == pytest.approx(theirs)
    assert micro_f1([]) is None and micro_f1([(["a"], None)]) == 0.0


@pytest.mark.lengthy
@pytest.mark.parametrize("name", ["no-llm/nearest", "no-llm/linear"])
def test_labels_without_a_model(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(80, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    sets = [[n for n, x in zip("abc", row, strict=False) if x > 0] for row in vectors]
    texts = [f"row {i}" for i in range(80)]
    model = fit_set_model(name, vectors, texts, sets, ["a", "b", "c", "never"])
    model.save(tmp_path / "m.npz")
    told = load_label_model(tmp_path / "m.npz").predict(vectors, texts)
    assert told == model.predict(vectors, texts)
    right = [json.loads(text) == one for (text, _), one in zip(told, sets, strict=True)]
    assert np.mean(right) > 0.85 and all(0 < sure <= 1 for _, sure in told)
    with pytest.raises(UserError, match="some training examples have"):
        fit_set_model("no-llm/linear", vectors, texts, [["a"]] * 80, ["a", "b"])


FREE = TextOutput()


@pytest.mark.parametrize(
    ("written", "expected", "alternatives"),
    [
        ("x", "x", ()), (["x", "y", "x"], "x", ("y",)), ([], "", ()), ("", "", ()), (None, "", ()),
        (3.5, "3.5", ()), (["", "z"], "z", ()), (["", None], "", ()), (False, "false", ()),
        ({"text": ["a", "b"], "answer_start": [1, 2]}, "a", ("b",)), ({"text": []}, "", ()),
    ],
)  # fmt: skip
def test_texts(written: Any, expected: str, alternatives: tuple[str, ...]) -> None:
    gold = read_expected(FREE, written)
    assert (gold.expected, gold.alternatives) == (expected, alternatives)
    assert read_expected(FREE, row_expected(gold)) == gold


def test_a_list_under_a_schema_is_one_answer() -> None:
    gold = read_expected(SchemaOutput(json_schema={"type": "array"}), ["a", "b"])
    assert gold.expected == ["a", "b"] and gold.alternatives == ()


def judged(output: Output, metric: str, example: Example, said: str) -> float | None:
    task = Task(name="t", instruction="x", output=output, target=Target(metric=metric, score=1))
    read = parse(output, said)
    answer = Answer(text=said, value=read.value, valid=read.valid, problem=read.problem)
    return asyncio.run(scorer_for(task).score(example, answer)).value


TEXT_METRICS = ("exact_match", "token_f1", "contains", "rouge_l", "chrf")


@pytest.mark.parametrize("metric", TEXT_METRICS)
def test_the_best_of_several_right_answers(metric: str) -> None:
    example = Example(id="1", input="x", expected="Town", alternatives=("City of Town", "T."))
    for said in ("Town", "City of Town", "T."):
        assert judged(FREE, metric, example, said) == 1.0
    assert (judged(FREE, metric, example, "Village") or 0) < 1.0
    assert answer_texts(FREE, example) == ("Town", "City of Town", "T.")


@pytest.mark.parametrize("metric", TEXT_METRICS)
def test_no_answer_is_right_only_where_there_is_none(metric: str) -> None:
    """The rule of SQuAD 2.0's script: where one of the two is empty, F1 is 1 only if both are."""
    output = TextOutput(no_answer="unanswerable", max_words=2)
    none, some = (Example(id=e, input="x", expected=e) for e in ("", "blue"))
    for said in ("unanswerable", "Unanswerable.", ""):
        assert judged(output, metric, none, said) == 1.0
        assert judged(output, metric, some, said) == 0.0
    assert judged(output, metric, none, "blue") == 0.0
    assert (
        "write exactly: unanswerable" in describe(output) and render(output, "") == "unanswerable"
    )
    assert answer_texts(output, none) == ()


def test_a_task_with_empty_and_respelt_answers(tmp_path: Path) -> None:
    rows = [{"input": f"q {i}", "expected": "" if i % 3 == 0 else f"thing {i}"} for i in range(60)]
    toml = '[task]\ninstruction = "x"\nexamples = "e.jsonl"\n[output]\n{}\n[target]\nscore = 0.5\n'
    (tmp_path / "e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "rung.toml").write_text(toml.format("text = {}"))
    task = load_task(tmp_path)
    assert task.output == TextOutput(no_answer="unanswerable")
    assert any(note.startswith("expected is empty in 20 of 60") for note in task.notes)
    asyncio.run(grade_gold(task))
    rows = [{"input": f"q {i}", "expected": (0, "1.0", 2.0)[i % 3]} for i in range(60)]
    (tmp_path / "e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "rung.toml").write_text(toml.format("labels = [0, 1, 2]"))
    task = load_task(tmp_path)
    assert {e.expected for e in task.train} == {"0", "1", "2"}
    (note,) = [note for note in task.notes if note.startswith("labels: 40 rows spell")]
    assert "'1.0' as '1' (20)" in note and "a table program writes 1.0 for 1" in note


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("two words", 2), ("a - b", 3), ("東京タワー", 5), ("北京 is big", 4), ("", 0),
        ("กรุงเทพ", 2), ("서울은 수도", 2), ("ភ្នំពេញ", 2),
    ],
)  # fmt: skip
def test_words_are_counted_in_every_script(text: str, words: int) -> None:
    assert count_words(text) == words
