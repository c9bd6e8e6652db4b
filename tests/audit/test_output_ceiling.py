"""The ceiling of text, JSON and SQL: from repeats, from witnesses, and undecided without either."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rung.audit import Material, audit
from rung.audit.checks import agreement
from rung.audit.checks.shelf import SHELF
from rung.audit.fix import cleaning
from rung.diagnose.witnesses import Witness
from rung.records import Answer, Attempt, Flag
from rung.report.red_flags import audit_text
from rung.scorers import ComparingScorer, gold_answer, scorer_for
from rung.task.types import Example, SchemaOutput, Source, SqlOutput, Target, Task, TextOutput

from .tasks import NOUNS, PLACES, label_task, material

JSON = SchemaOutput(json_schema={"type": "object"})
TABLE = (
    "CREATE TABLE part (name TEXT, stock INT); INSERT INTO part VALUES ('pump', 4), ('rotor', 9)"
)


def task_of(test: list[Example], metric: str = "exact_match", **parts: Any) -> Task:
    whole: dict[str, Any] = {
        "name": "parts",
        "instruction": "Answer.",
        "output": JSON,
        "target": Target(metric=metric, score=0.9),
        "test": tuple(test),
        "source": Source(examples={"test": tuple(test)}),
    }
    return Task(**{**whole, **parts})


def rows(wrong: int = 0, copies: int = 20, single: int = 60) -> list[Example]:
    """JSON rows; the first `copies` stand twice, and the first `wrong` copies are wrong."""
    found = []
    for i in range(copies + single):
        text = f"{NOUNS[i % 10]} in the {PLACES[i // 10 % 10]} {i * 7919 % 997}"
        expected = {"part": NOUNS[i % 10], "place": PLACES[i // 10 % 10], "number": i}
        found.append(Example(id=f"e{i}", input=text, expected=expected))
        if i < copies:
            second = {**expected, "number": 1000 + i} if i < wrong else expected
            found.append(Example(id=f"e{i}-again", input=text, expected=second))
    return found


def found(task: Task, **how: Any) -> tuple[dict[str, Flag], Any]:
    seen = SHELF["output-ceiling"](material(task, embedded=False, **how))
    return {flag.id: flag for flag in seen.flags}, seen


def test_without_repeats_and_witnesses_it_is_undecided_and_never_1() -> None:
    flags, seen = found(task_of(rows(copies=0)))
    assert flags == {} and seen.ceiling is None
    assert "undecided" in seen.skipped and "no input stands more than once" in seen.skipped
    assert audit(Material(task_of(rows(copies=0)))).ceiling is None
    few = found(task_of(rows(copies=4)))[1]
    assert few.ceiling is None and "only 4 scored inputs stand" in few.skipped


def test_wrong_copies_cap_the_score_and_are_listed() -> None:
    flags, seen = found(task_of(rows(wrong=4)))
    top = seen.ceiling
    # 4 of 20 pairs differ: at most one of each is right, so 4 of 100 answers are lost for certain.
    assert top.strict == pytest.approx(0.96) and top.n == 20 and "20 equal" in top.unit
    assert top.low < top.value < top.high <= 0.96 and top.value == pytest.approx(0.8**0.5)
    flag = flags["answer-noise"]
    assert set(flag.examples) == {f"e{i}{s}" for i in range(4) for s in ("", "-again")}
    assert "About 11 % of the expected answers look wrong" in flag.text and "0.960" in flag.text
    assert flags["ceiling-below-target"].severity == "warn"  # 0.96 may still show 0.9


def test_a_target_beyond_what_equal_inputs_allow_blocks() -> None:
    target = Target(metric="exact_match", score=0.97)
    for name, blocked in (("exact_match", True), ("field_f1", False)):
        task = task_of(rows(wrong=4), target=target.model_copy(update={"metric": name}))
        flags, seen = found(task)
        below = flags.get("ceiling-below-target")
        assert (below is not None and below.severity == "block") is blocked
        assert seen.ceiling.strict < 1.0
    # The mean over clusters is another figure than the mean over examples.
    clustered = task_of(rows(wrong=4), target=target, cluster="user")
    flags, seen = found(clustered)
    assert seen.ceiling.strict is None and flags["ceiling-below-target"].severity == "warn"


def test_repeats_that_agree_have_no_flag() -> None:
    flags, seen = found(task_of(rows()))
    assert flags == {} and seen.ceiling.high == 1.0 and 0.8 < seen.ceiling.low < 1.0
    assert seen.ceiling.strict is None


def test_one_contradiction_alone_proves_and_estimates_nothing() -> None:
    _, seen = found(task_of(rows(wrong=1, copies=1)))
    assert seen.ceiling.value == seen.ceiling.high == seen.ceiling.strict
    assert seen.ceiling.strict == pytest.approx(1 - 1 / 62) and "proven" in seen.ceiling.method


def test_a_capital_is_no_proof() -> None:
    test = [
        e.model_copy(update={"input": f"{e.input}!".upper()}) if e.id.endswith("again") else e
        for e in rows(wrong=4)
    ]
    _, seen = found(task_of(test))
    assert seen.ceiling.strict is None and seen.ceiling.value == pytest.approx(0.8**0.5)


def test_repeats_in_train_do_not_cap_a_score_on_test() -> None:
    plain = tuple(rows(copies=0))
    given = {"train": tuple(rows(wrong=8)), "test": plain}
    task = task_of(list(plain), train=given["train"], source=Source(examples=given))
    assert found(task)[1].ceiling is None


@pytest.mark.parametrize(
    ("metric", "output"),
    [("contains", TextOutput()), ("rules", TextOutput(max_words=9)), ("judge", TextOutput())],
)
def test_where_answers_that_differ_may_both_be_right_nothing_is_said(
    metric: str, output: TextOutput
) -> None:
    test = [e.model_copy(update={"expected": str(e.expected["number"])}) for e in rows(wrong=4)]
    flags, seen = found(task_of(test, metric, output=output))
    assert flags == {} and seen.ceiling is None and metric in seen.skipped


def test_long_texts_vary_without_fault() -> None:
    test = [
        e.model_copy(update={"expected": f"The {e.input} is said to be {e.id} and well made there"})
        for e in rows()
    ]
    flags, seen = found(task_of(test, "rouge_l", output=TextOutput()))
    assert set(flags) == {"answers-vary"} and flags["answers-vary"].examples == ()
    assert seen.ceiling.low < seen.ceiling.value <= seen.ceiling.high < 1.0
    assert "estimate only" in seen.ceiling.method


def test_queries_that_return_the_same_rows_do_not_differ() -> None:
    pairs = [("SELECT stock FROM part", "SELECT stock FROM part ORDER BY name")] * 8
    pairs += [("SELECT stock FROM part", "SELECT name FROM part")] * 2
    test = [
        Example(
            id=f"{i}{which}",
            input=f"Stock of {NOUNS[i]}, {i * 7919}?",
            expected=query,
            meta={"script": TABLE},
        )
        for i, pair in enumerate(pairs)
        for which, query in zip("ab", pair, strict=True)
    ]
    task = task_of(test, "execution", output=SqlOutput(script_field="script"))
    _, seen = found(task)
    assert seen.ceiling.strict == pytest.approx(0.9)
    assert seen.ceiling.value == pytest.approx(0.8**0.5)
    (flag,) = SHELF["contradictions"](material(task, embedded=False)).flags
    assert set(flag.examples) == {"8a", "8b", "9a", "9b"}
    other = [
        e.model_copy(update={"meta": {"script": TABLE.replace("9", "8")}})
        if e.id.endswith("b")
        else e
        for e in test
    ]
    # Tables of its own may tell the two apart: right for both is possible, so nothing is proven.
    assert (
        found(task.model_copy(update={"test": tuple(other), "source": None}))[1].ceiling.strict
        is None
    )
    broken = [e.model_copy(update={"expected": "SELECT gone FROM part"}) for e in test[:1]] + test[
        1:
    ]
    assert "fails" in found(task_of(broken, "execution", output=task.output))[1].skipped


def said(task: Task, answers: dict[str, Any], technique: str) -> Witness:
    """A candidate that is right but for these answers."""
    scorer = scorer_for(task)
    assert isinstance(scorer, ComparingScorer)
    attempts = {}
    for example in task.test:
        answer = gold_answer(task, example)
        if example.id in answers:
            value = answers[example.id]
            text = value if isinstance(value, str) else json.dumps(value)
            answer = Answer(text=text, value=value)
        attempts[example.id] = Attempt(
            candidate=technique,
            split="test",
            example_id=example.id,
            answer=answer,
            score=scorer.compare(example, answer).value,
        )
    return Witness(f"{technique}-1", technique, attempts)


def heard(task: Task, *witnesses: Witness) -> agreement.Heard:
    seen = agreement.heard(material(task, embedded=False, witnesses=witnesses))
    assert isinstance(seen, agreement.Heard)
    return seen


def test_techniques_that_agree_accuse_an_answer_and_bound_the_score() -> None:
    task = task_of(rows(copies=0, single=100))
    wrong = {f"e{i}": {"part": "other", "place": "x", "number": i} for i in range(12)}
    alone = {"e20": {"part": "alone"}}
    witnesses = [said(task, {**wrong, **alone}, "rag"), said(task, wrong, "fine-tuning")]
    seen = heard(task, *witnesses)
    assert {task.test[d.row].id for d in seen.doubts} == set(wrong)
    assert (seen.judged, seen.decided, seen.unshared, seen.placebo_alone) == (100, 99, 1, 0)
    low, most, high = seen.noise()
    assert most == pytest.approx(12 / 99) and 0.03 < low < most < high < 0.25
    flags, found_ = found(task, witnesses=witnesses)
    assert found_.ceiling.high == pytest.approx(1 - low)
    assert set(flags["answer-noise"].examples) == set(wrong)
    review = cleaning(material(task, embedded=False, witnesses=witnesses)).review
    assert {item.id for item in review if not item.taken_out} == set(wrong)
    assert json.loads(review[0].suggestion)["part"] == "other"


def test_shared_mistakes_as_many_as_lone_ones_prove_no_noise() -> None:
    task = task_of(rows(copies=0, single=100))
    wrong = {f"e{i}": {"part": "other", "number": i} for i in range(6)}
    lone = {f"e{i}": {"part": "mine"} for i in range(20, 40)}
    witnesses = [said(task, {**wrong, **lone}, "rag"), said(task, wrong, "fine-tuning")]
    low, most, high = heard(task, *witnesses).noise()
    assert low == 0.0 and most == pytest.approx(6 / 80) and high > most
    flags, seen = found(task, witnesses=witnesses)
    assert flags == {} and seen.ceiling is None and "their own mistakes" in seen.skipped


def test_another_form_of_the_answer_and_one_technique_twice_accuse_nobody() -> None:
    test = [e.model_copy(update={"expected": f"the {e.expected['part']}"}) for e in rows(copies=0)]
    task = task_of(test, output=TextOutput())
    shorter = {f"e{i}": f"{NOUNS[i]} here" for i in range(5)}
    assert heard(task, said(task, shorter, "rag"), said(task, shorter, "hybrid")).doubts == ()
    other = {f"e{i}": "a whale" for i in range(5)}
    twice = [said(task, other, "rag"), said(task, other, "rag")._replace(key="rag-2")]
    assert isinstance(agreement.heard(material(task, embedded=False, witnesses=twice)), str)
    poor = said(task, {e.id: "a whale" for e in task.test[:40]}, "hybrid")
    kept = said(task, other, "rag")
    assert isinstance(agreement.heard(material(task, embedded=False, witnesses=[kept, poor])), str)


def test_labels_keep_their_own_ceiling() -> None:
    seen = audit(material(label_task()))
    skipped = {check.id: check.skipped for check in seen.checked}
    assert skipped["output-ceiling"] == "label-noise judges the labels"
    assert seen.ceiling is not None and seen.ceiling.unit == "labels"


def test_the_table_says_it_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    Console(width=300).print(audit_text(audit(Material(task_of(rows(wrong=4))))))
    out = capsys.readouterr().out
    assert "going by 20 inputs that stand more than once, 20 equal and 0 nearly." in out
    assert "No system at all exceeds 0.960 on the test examples." in out
