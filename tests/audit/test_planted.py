"""A flag appears when its fault is planted, and not on the clean twin."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rung.audit import Material, Window, audit
from rung.audit.checks import breadth, documents, moving
from rung.audit.checks.shelf import SHELF
from rung.records import Flag
from rung.task.types import (
    Document,
    Example,
    Facts,
    LabelsOutput,
    SchemaOutput,
    Source,
    Target,
    Task,
    TextOutput,
    Workload,
)
from rung.task.unlabelled import as_example

from .tasks import FILLER, LABELS, label_splits, label_task, material, sentence, text_task, words


def flags(check: str, task: Task, **how: Any) -> dict[str, Flag]:
    return {flag.id: flag for flag in SHELF[check](material(task, **how)).flags}


def test_too_few_to_tune_shows_every_figure_of_the_documents() -> None:
    few = label_task(train=tuple(label_splits()["train"][:40]))
    flag = flags("enough-examples", few)["too-few-examples"]
    assert flag.severity == "warn" and flag.figure == 40 and flag.threshold == 200
    assert all(figure in flag.text for figure in ("100", "500", "200", "50", "2,000 noisy"))
    assert flag.source.count(";") == 3  # four documents
    some = label_task(train=tuple(label_splits()["train"][:120]))
    assert flags("enough-examples", some)["too-few-examples"].severity == "info"
    assert "too-few-examples" not in flags("enough-examples", label_task())


def test_too_few_to_certify_blocks_and_says_how_many_are_needed() -> None:
    target = Target(metric="accuracy", score=0.8)
    # 0.8 ** 13 > 0.05 > 0.8 ** 14
    for n, blocked in ((13, True), (14, False)):
        task = label_task(test=tuple(label_splits()["test"][:n]), target=target)
        flag = flags("enough-examples", task)["too-few-test-examples"]
        assert (flag.severity == "block") is blocked
        if blocked:
            assert flag.threshold == 14
    assert "too-few-test-examples" not in flags("enough-examples", label_task())


def test_clusters_count_once() -> None:
    rows = [
        e.model_copy(update={"meta": {"user": i // 12}})
        for i, e in enumerate(label_splits()["test"])
    ]
    task = label_task(test=tuple(rows), cluster="user")
    assert flags("enough-examples", task)["too-few-test-examples"].figure == 10


def relabelled(share: float, parts: tuple[str, ...] = ("train", "dev", "test")) -> Task:
    draw = random.Random(3)
    splits = label_splits()
    for name in parts:
        rows = splits[name]  # type: ignore[index]
        for i in draw.sample(range(len(rows)), round(share * len(rows))):
            other = LABELS[(LABELS.index(rows[i].expected) + 1) % 3]
            rows[i] = rows[i].model_copy(update={"expected": other, "id": f"wrong-{rows[i].id}"})
    return label_task(splits)


def test_wrong_labels_are_found_and_cap_the_score() -> None:
    task = relabelled(0.15).model_copy(update={"target": Target(metric="accuracy", score=0.97)})
    found = SHELF["label-noise"](material(task))
    by_id = {flag.id: flag for flag in found.flags}
    flag = by_id["label-noise"]
    assert flag.severity == "warn" and 0.1 < float(flag.figure or 0) < 0.2
    first = flag.examples[:30]
    assert sum(ident.startswith("wrong-") for ident in first) >= 28
    assert found.ceiling is not None and found.ceiling.low <= 0.85 <= found.ceiling.high
    assert by_id["ceiling-below-target"].severity == "warn"
    clean = SHELF["label-noise"](material(label_task()))
    assert clean.flags == () and clean.ceiling is not None and clean.ceiling.high == 1.0


def test_noise_in_train_does_not_cap_a_score_on_test() -> None:
    found = SHELF["label-noise"](material(relabelled(0.2, ("train",))))
    assert found.flags[0].id == "label-noise" and len(found.flags) == 1
    assert found.ceiling is not None and found.ceiling.value > 0.97


def test_labels_that_no_vector_tells_are_not_doubted() -> None:
    draw = random.Random(1)
    rows = [e.model_copy(update={"expected": draw.choice(LABELS)}) for e in label_splits()["train"]]
    found = SHELF["label-noise"](material(label_task({"train": rows, "dev": [], "test": []})))
    assert not found.flags and found.ceiling is None and "tell too little" in found.skipped


def facts_task(wrong: int) -> Task:
    """Facts put into words; in the first `wrong` answers a fact is another one."""
    draw = random.Random(4)
    foods = {"thai": "spicy dishes", "greek": "olives and feta", "irish": "stew and stout"}
    areas = {"river": "down by the water", "centre": "in the middle of town"}
    rows = []
    for i in range(200):
        food, area = draw.choice(list(foods)), draw.choice(list(areas))
        said = next(f for f in foods if f != food) if i < wrong else food
        text = f"A house with {foods[said]}, {areas[area]}, {draw.choice(FILLER)}"
        rows.append(
            Example(id=f"f{i}", input=f"food[{food}], area[{area}], stars[{i % 3}]", expected=text)
        )
    return text_task(
        output=TextOutput(),
        documents=(),
        train=tuple(rows[:100]),
        test=tuple(rows[100:]),
        source=None,
    )


def test_answers_that_make_up_a_fact_are_found() -> None:
    assert flags("output-noise", facts_task(0)) == {}
    flag = flags("output-noise", facts_task(24))["output-noise"]
    assert flag.severity == "warn"
    assert {f"f{i}" for i in range(24)} <= set(flag.examples) and len(flag.examples) <= 26


def with_rows(task: Task, **parts: list[Example]) -> Task:
    given = {name: tuple(rows) for name, rows in parts.items()}
    return task.model_copy(update={**given, "source": Source(examples=given)})


def test_equal_inputs_with_other_answers_contradict() -> None:
    splits = label_splits()
    first = splits["train"][0]
    splits["train"].append(
        first.model_copy(
            update={"id": "c", "expected": "returns", "input": f" {str(first.input).upper()}!"}
        )
    )
    flag = flags("contradictions", label_task(splits))["contradictory-duplicates"]
    assert set(flag.examples) == {first.id, "c"}
    assert flags("contradictions", label_task()) == {}


SAID = "please send my parcel number 4711 to the new address in the harbour"


@pytest.mark.parametrize(
    ("change", "contradicts"),
    [
        (("parcel", "parcell"), True),
        (("please ", "hello "), True),
        (("4711", "4712"), False),
        (("send", "do not send"), False),
        (("harbour", "market"), False),
    ],
)
def test_nearly_equal_inputs_contradict_only_where_they_say_the_same(
    change: tuple[str, str], contradicts: bool
) -> None:
    splits = label_splits()
    splits["train"] += [
        Example(id="a", input=SAID, expected="billing"),
        Example(id="b", input=SAID.replace(*change), expected="shipping"),
    ]
    assert (
        "contradictory-duplicates" in flags("contradictions", label_task(splits))
    ) is contradicts


def test_repeats_are_told_and_weigh_in_test() -> None:
    assert flags("duplicates", label_task()) == {}
    splits = label_splits()
    splits["test"] += [e.model_copy(update={"id": f"r-{e.id}"}) for e in splits["test"][:10]]
    flag = flags("duplicates", label_task(splits))["duplicates"]
    assert flag.severity == "warn" and set(flag.examples) == {f"r-e{i}" for i in range(234, 244)}


def test_leaks_of_both_kinds_are_found_and_templates_are_not() -> None:
    splits = label_splits()
    exact, near = splits["train"][0], splits["train"][1]
    splits["test"] += [
        exact.model_copy(update={"id": "exact", "input": f"{exact.input} ".upper()}),
        near.model_copy(update={"id": "near", "input": str(near.input).replace("e", "a", 1)}),
    ]
    flag = flags("leakage", label_task(splits))["leakage"]
    assert flag.examples == ("exact", "near") and flag.severity == "warn"
    assert flags("leakage", label_task()) == {}
    template = [
        Example(
            id=f"t{i}", input=f"What does part number {i} of the machine cost?", expected=f"{i}"
        )
        for i in range(100, 160)
    ]
    task = with_rows(text_task(), train=template[:30], test=template[30:])
    assert flags("leakage", task) == {}


def test_a_test_split_that_is_mostly_remembered_blocks() -> None:
    splits = label_splits()
    splits["test"] = [
        e.model_copy(update={"id": f"x-{e.id}", "input": f"{e.input} indeed"})
        for e in splits["train"][:60]
    ]
    assert flags("leakage", label_task(splits))["leakage"].severity == "block"


def test_questions_that_stand_in_documents_are_told() -> None:
    task = text_task()
    asked = str(task.test[3].input) + " And what else should I know about it?"
    test = list(task.test)
    test[3] = test[3].model_copy(update={"input": asked})
    docs = (*task.documents, Document(id="faq", title="FAQ", text=f"FAQ. {asked} See sheet."))
    leaking = with_rows(task, train=list(task.train), test=test).model_copy(
        update={"documents": docs}
    )
    assert flags("leakage", leaking)["leakage-documents"].examples == (test[3].id,)
    assert "leakage-documents" not in flags("leakage", task)


def test_test_examples_in_the_instruction_block() -> None:
    task = text_task()
    pasted = f"Answer as here: {str(task.test[3].input).upper()} -> so and so."
    found = flags("leakage", task.model_copy(update={"instruction": pasted}))["leakage-prompts"]
    assert found.examples == (task.test[3].id,) and found.severity == "block"
    assert "leakage-prompts" not in flags("leakage", task)


def test_a_paste_that_was_cut_or_is_one_field_or_stands_elsewhere_is_found_too() -> None:
    task = text_task()
    words = "my parcel went to the old address although I had changed it a week before"
    test = list(task.test)
    test[3] = test[3].model_copy(update={"input": {"subject": "Hello", "body": f"Hi, {words}."}})
    leaking = with_rows(task, train=list(task.train), test=test)

    def found(**parts: Any) -> list[str]:
        changed = leaking.model_copy(update=parts)
        material = Material(changed, prompts=[parts.get("instruction", "")])
        return [f.id for f in audit(material).flags if f.id == "leakage-prompts"]

    cut = " ".join(words.split()[:-2])
    rule = SchemaOutput(json_schema={"type": "object", "description": f"As in: {words}"})
    assert found() == []
    assert found(instruction=f"Like this: {cut}") == ["leakage-prompts"]
    assert found(instruction="Say where my parcel went and which address was the old one") == []
    assert found(output=rule) == ["leakage-prompts"]
    prompts = [f"Like: {words.replace('week', 'month')}"]
    flagged = audit(Material(leaking, prompts=prompts)).flags
    assert "leakage-prompts" in {flag.id for flag in flagged}


def test_short_inputs_in_the_instruction_are_found_by_their_answers() -> None:
    task = label_task()
    test = [e.model_copy(update={"input": f"part {n}"}) for n, e in enumerate(task.test, 100)]
    short = with_rows(task, train=list(task.train), test=test)

    def found(rows: list[Any]) -> tuple[str, ...]:
        said = ", ".join(f"{str(e.input).upper()} is of the kind {e.expected}" for e in rows)
        told = short.model_copy(update={"instruction": f"Name the kind. {said}."})
        flag = flags("leakage", told).get("leakage-prompts")
        return flag.examples if flag else ()

    assert set(found(test[:3])) == {e.id for e in test[:3]}
    assert found(test[:2]) == (), "one or two stand there by chance"
    other = {e.expected: next(o.expected for o in test if o.expected != e.expected) for e in test}
    wrong = [e.model_copy(update={"expected": other[e.expected]}) for e in test[:9:3]]
    assert found(wrong) == (), "these are not their answers"


def test_labels_without_examples_are_named() -> None:
    task = label_task(output=LabelsOutput(labels=(*LABELS, "fraud")))
    flag = flags("label-members", task)["small-classes"]
    assert flag.severity == "warn" and "'fraud' (0)" in flag.text and flag.figure == 0
    assert flags("label-members", label_task()) == {}


def test_a_constant_answer_that_reaches_the_target_is_told() -> None:
    splits = label_splits()
    splits["test"] = [e for e in splits["test"] if e.expected == "billing"] + splits["test"][1:3]
    flag = flags("imbalance", label_task(splits))["imbalance"]
    assert flag.severity == "warn" and float(flag.figure or 0) > 0.9 and "0.33" in flag.text
    assert flags("imbalance", label_task()) == {}


def test_two_jobs_in_one_task_are_two_tasks() -> None:
    draw = random.Random(2)
    sums = [
        Example(id=f"a{i}", input=sentence(draw, "billing", i), expected=f"[{i}; {i + 2}]\n- {i}\n")
        for i in range(100)
    ]
    prose = [
        Example(
            id=f"b{i}",
            input=sentence(draw, "shipping", i),
            expected=" ".join(draw.choices(FILLER, k=9)) + ".",
        )
        for i in range(100)
    ]
    both = text_task(documents=(), train=tuple(sums), test=tuple(prose), source=None)
    flag = flags("breadth", both)["task-too-broad"]
    assert flag.severity == "warn" and 1.8 < float(flag.figure or 0) < 2.2
    one = text_task(documents=(), train=tuple(prose[:50]), test=tuple(prose[50:]), source=None)
    assert flags("breadth", one) == {}


def test_instructions_that_name_many_jobs_are_broad() -> None:
    said = "Answer questions, summarise threads, translate replies and improve drafts. Be kind."
    assert breadth.jobs_named(said) == ["answer", "summarise", "translate", "improve"]
    assert "task-too-broad" in flags("breadth", text_task(instruction=said))
    assert breadth.jobs_named("Classify the message. Answer with the label.") == [
        "classify",
        "answer",
    ]


def dated(move: bool, seed: int = 0) -> Task:
    """Messages over a year; in its second half a fifth of one label is called another."""
    draw = random.Random(seed)
    splits = label_splits(seed)
    for name, rows in splits.items():
        for i, e in enumerate(rows):
            day = draw.randrange(365)
            label = e.expected
            if move and day > 182 and label == "billing":
                label = "returns"
            stamp = f"2025-{1 + day // 31:02}-{1 + day % 28:02}"
            splits[name][i] = e.model_copy(update={"expected": label, "meta": {"day": stamp}})
    return label_task(splits)


def test_labels_that_move_with_time_are_found() -> None:
    flag = flags("moving-target", dated(True))["moving-target"]
    assert float(flag.figure or 1) <= 0.01 and "meta.day" in flag.text
    assert flags("moving-target", dated(False)) == {}
    assert "no field of meta" in SHELF["moving-target"](material(label_task())).skipped


def test_the_test_on_dates_keeps_its_level() -> None:
    # Where nothing moves, 100 p-values at 1 %: more than 5 alarms have a chance below 0.1 %.
    draw = np.random.default_rng(0)
    alarms = 0
    for seed in range(100):
        left = draw.standard_normal((80, 3)) * draw.random((80, 1))
        alarms += moving.p_of(left * draw.choice([-0.5, 0.5], (80, 1)), seed) <= 0.01
    assert alarms <= 5


@pytest.mark.parametrize(
    ("value", "read"),
    [("2024-05-01", True), ("2024-05-01T10:00:00", True), (1999, True), ("1999", True),
     ("soon", False), (3, False), (None, False), (True, False), ("12345", False)],
)  # fmt: skip
def test_what_counts_as_a_date(value: Any, read: bool) -> None:
    assert (moving.day_of(value) is not None) is read


def test_documents_that_are_empty_repeated_or_contradict() -> None:
    task = text_task()
    assert flags("documents", task) == {}
    second = task.documents[4].model_copy(
        update={
            "id": "d4-new",
            "title": f"{task.documents[4].title} (version 2, 2025)",
            "text": task.documents[4].text.replace("shelf ", "shelf 9"),
        }
    )
    copy = task.documents[7].model_copy(update={"id": "copy", "title": "other"})
    source = Source(examples={}, empty_documents=("blank.md",))
    faulty = task.model_copy(
        update={"documents": (*task.documents, second, copy), "source": source}
    )
    found = flags("documents", faulty)
    assert set(found["contradictory-documents"].examples) == {"d4", "d4-new"}
    assert found["duplicate-documents"].examples == ("copy",)
    assert found["empty-documents"].examples == ("blank.md",)


def test_an_old_version_is_told_by_the_word_alone() -> None:
    assert documents.subject("Rule 3 (old version)") == documents.subject("Rule 3")


def test_questions_that_need_several_documents() -> None:
    task = text_task()
    rows = list(task.train)
    sheets = {doc.id: doc for doc in task.documents}
    for i in (0, 1, 2, 3):  # a plan says who, the sheet where: neither is enough
        sheet, name = rows[i].context_ids[0], f"Wanda{i}"
        sheets[f"plan{i}"] = Document(id=f"plan{i}", text=f"{name} looks after Zeppelin{i}.")
        text = f"Zeppelin{i} lies on {rows[i].expected}."
        sheets[sheet] = sheets[sheet].model_copy(update={"text": text})
        asked = {"input": f"On which shelf is what {name} looks after?"}
        rows[i] = rows[i].model_copy(update={**asked, "context_ids": (f"plan{i}", sheet)})
    for i in (4, 5, 6):  # a second document that says the same is no hop
        again = sheets[rows[i].context_ids[0]].model_copy(update={"id": f"again{i}"})
        sheets[again.id] = again
        both = (*rows[i].context_ids, again.id)
        rows[i] = rows[i].model_copy(update={"context_ids": both})
    for i in (7, 8, 9):
        parts = [
            Document(id=f"p{i}{n}", text=f"Customer {n} of {w}{i} complains.")
            for n, w in enumerate(["delay", "price", "noise", "smell", "queue", "colour"])
        ]
        sheets |= {part.id: part for part in parts}
        change = {
            "input": f"delay{i} price{i} noise{i} smell{i} queue{i} colour{i}: which is worst?",
            "expected": "delay",
            "context_ids": tuple(part.id for part in parts),
        }
        rows[i] = rows[i].model_copy(update=change)
    faulty = task.model_copy(
        update={"train": tuple(rows), "documents": tuple(sheets.values()), "source": None}
    )
    found = flags("several-documents", faulty)
    assert set(found["several-hops"].examples) == {rows[i].id for i in range(4)}
    assert set(found["many-documents"].examples) == {rows[i].id for i in (7, 8, 9)}
    assert flags("several-documents", task) == {}


def test_gold_documents_that_lost_the_answer() -> None:
    task = text_task()
    docs = list(task.documents)
    docs[2] = docs[2].model_copy(update={"text": "Nothing of it is left here."})
    faulty = task.model_copy(update={"documents": tuple(docs)})
    assert flags("gold-passages", faulty)["gold-without-answer"].examples == ("q2",)
    assert flags("gold-passages", task) == {}


def test_personal_data_warns_where_it_would_leave_the_machine() -> None:
    splits = label_splits()
    splits["train"][5] = splits["train"][5].model_copy(
        update={"input": "call me on +49 30 1234 5678 or write to jo@firm.example"}
    )
    task = label_task(splits)
    here = flags("personal-data", task)["personal-data"]
    there = flags("personal-data", task, hosted=("openai/gpt",))["personal-data"]
    assert (here.severity, there.severity) == ("info", "warn")
    assert here.examples == ("e5",) and "jo@" not in here.text and "1234" not in here.text
    assert flags("personal-data", label_task()) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"meta": {"rejected": "write to jo@firm.example"}},
        {"meta": {"rejected": [{"role": "assistant", "content": "write to jo@firm.example"}]}},
        {"alternatives": ("write to jo@firm.example",)},
    ],
)
def test_personal_data_is_found_in_every_answer_that_a_model_may_be_given(changes) -> None:
    splits = label_splits()
    splits["train"][5] = splits["train"][5].model_copy(update=changes)
    assert flags("personal-data", label_task(splits))["personal-data"].examples == ("e5",)


def test_unlabelled_inputs_are_read_for_personal_data_and_named_apart() -> None:
    splits = label_splits()
    splits["train"][5] = splits["train"][5].model_copy(update={"input": "write to al@firm.example"})
    asked = ("hello", {"from": "jo@firm.example", "text": "Where is it?"})
    task = label_task(splits).model_copy(update={"unlabelled": asked})
    flag = flags("personal-data", task, hosted=("openai/gpt",))["personal-data"]
    assert flag.figure == 2 and flag.examples == ("e5", as_example(asked[1]).id)
    assert "2 texts hold personal data" in flag.text and "jo@" not in flag.text
    assert "), 1 of them unlabelled, for a teacher to answer: they would be sent" in flag.text
    alone = label_task(splits).model_copy(update={"unlabelled": asked[:1]})
    assert "unlabelled" not in flags("personal-data", alone)["personal-data"].text


def test_secrets_always_warn() -> None:
    splits = label_splits()
    key = "sk-" + "abcdefghijklmnopqrstuvwxyz012345"
    splits["dev"][0] = splits["dev"][0].model_copy(update={"input": f"my key is {key}"})
    flag = flags("personal-data", label_task(splits))["secrets"]
    assert flag.severity == "warn" and key not in flag.text


def test_prompts_beyond_a_window() -> None:
    narrow = {"local/tiny": Window(tokens=30, measure=words)}
    splits = label_splits()
    assert flags("windows", label_task(splits), windows=narrow) == {}
    splits["test"][0] = splits["test"][0].model_copy(update={"input": "word " * 40})
    flag = flags("windows", label_task(splits), windows=narrow)["window-exceeded"]
    assert flag.examples == (splits["test"][0].id,) and flag.threshold == 30


TRAINS = {"local/m": Window(tokens=2048, measure=words, trains=True)}


@pytest.mark.parametrize(
    ("facts", "windows", "make", "flag"),
    [
        (Facts(knowledge_changes="monthly"), TRAINS, label_task, "knowledge-changes"),
        (Facts(definition_changes="often"), TRAINS, label_task, "definition-changes"),
        (Facts(needs_citations=True), TRAINS, label_task, "sources-without-rag"),
    ],
)
def test_what_the_task_states_raises_the_frameworks_flags(
    facts: Facts, windows: dict[str, Window], make: Callable[..., Task], flag: str
) -> None:
    found = flags("framework", make(facts=facts), windows=windows)
    assert found[flag].severity == "warn" and found[flag].source
    assert flag not in flags("framework", make(), windows=windows)


def test_what_does_not_follow_is_not_said() -> None:
    calm = Facts(knowledge_changes="monthly", needs_citations=True)
    fixed = {"openai/x": Window(tokens=2048, measure=words)}
    # Nothing can be tuned, and the documents are there.
    assert flags("framework", text_task(facts=calm), windows=fixed) == {}
    bare = flags("framework", label_task(workload=Workload()), windows=fixed)
    assert set(bare) == {"no-unit-economics"}
