"""Counts by label and by field, beside scikit-learn's."""

from __future__ import annotations

from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from rung.records.results import Measured, Part
from rung.report.part_rows import part_rows
from rung.scorers.parts import confusions, parts
from rung.task.types import Example, LabelsOutput, MultiLabelOutput, SchemaOutput, TextOutput

GOLD = ["a", "a", "a", "b", "b", "c", "a", "c"]
SAID = ["a", "b", "a", "b", "c", "c", None, "a"]


def example(expected: object, *alternatives: str) -> Example:
    return Example(id="1", input="q", expected=expected, alternatives=alternatives)


def test_labels_are_counted_as_scikit_learn_counts_them() -> None:
    answered = [(example(gold), said) for gold, said in zip(GOLD, SAID, strict=True)]
    found = {p.name: p for p in parts(LabelsOutput(labels=("a", "b", "c", "d")), answered)}
    said = [one or "none" for one in SAID]
    precision, recall, _, support = precision_recall_fscore_support(
        GOLD, said, labels=["a", "b", "c"], zero_division=0
    )
    for i, name in enumerate("abc"):
        part = found[name]
        assert part.expected == support[i]
        assert part.right / part.expected == recall[i] and part.right / part.given == precision[i]
    matrix = confusion_matrix(GOLD, said, labels=["a", "b", "c"])
    mixed = confusions(answered)
    assert all(
        mixed[one, other] == matrix[i][j]
        for i, one in enumerate("abc")
        for j, other in enumerate("abc")
        if i != j
    )
    assert mixed.total() == 3 and "d" not in found


def test_any_of_several_labels_is_the_expected_one() -> None:
    answered = [(example("a", "b"), "b"), (example("a", "b"), "c")]
    found = parts(LabelsOutput(labels=("a", "b", "c")), answered)
    assert [(p.name, p.expected, p.right) for p in found] == [("a", 1, 0), ("b", 1, 1), ("c", 0, 0)]
    assert confusions(answered) == {("a", "c"): 1}


def test_sets_of_labels_and_fields_of_json() -> None:
    several = parts(
        MultiLabelOutput(labels=("a", "b")), [(example(["a", "b"]), ["a"]), (example([]), ["b"])]
    )
    assert several == (
        Part(name="a", expected=1, given=1, right=1),
        Part(name="b", expected=1, given=1, right=0),
    )
    gold = {"to": {"name": "Ann"}, "lines": [{"n": 1}, {"n": 2}], "note": None}
    said = {"to": {"name": "Bob"}, "lines": [{"n": 2}], "note": "x"}
    output = SchemaOutput(json_schema={"type": "object"})
    found = {p.name: p for p in parts(output, [(example(gold), said), (example(gold), None)])}
    assert found["to.name"] == Part(name="to.name", expected=2, given=1, right=0)
    assert found["lines[]"] == Part(name="lines[]", expected=4, given=1, right=1)
    assert found["note"] == Part(name="note", expected=0, given=1, right=0)
    assert parts(TextOutput(), [(example("x"), "x")]) == ()


def test_shares_have_intervals_and_few_counts_have_none() -> None:
    seen = Measured(
        split="dev",
        parts=(
            Part(name="a", expected=10, given=8, right=8),
            Part(name="b", expected=4, given=0, right=0),
        ),
    )
    many, few = part_rows(seen)
    assert many.recall == "0.80 [0.44–0.97]" and many.precision.startswith("1.00 [0.63")
    assert few.recall == few.precision == "–" and part_rows(None) == ()
