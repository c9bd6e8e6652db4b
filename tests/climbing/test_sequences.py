"""What users do between climbs, end to end: no row certifies beyond its error, and it is said.

How often each sequence certifies falsely is measured by `benchmarks/decision.py --only
sequences,ordinary`; these pin what it rests on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from rung.candidate import Candidate, Prompt
from rung.climbing.ledger import LEDGER_FILE, TestLedger, row_name
from rung.evidence.ledger import DEV
from rung.records.results import RunResult
from rung.task.types import Example, Target, Task

from .tasks import MODEL, climb, label_of, label_task, model, share

ALPHA = 0.05
FIRST, SECOND = 0.8 * ALPHA, 0.8 * 0.2 * ALPHA
"""What one candidate is granted on fresh rows, and the next one on the same."""


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return label_task(test=60).model_copy(update={"root": tmp_path})


def tried(task: Task, name: str, **prompt: Any) -> RunResult:
    """A climb of one candidate that falls short."""
    assert task.root is not None
    chosen = Candidate(model=MODEL, prompt=Prompt(instruction=name, max_output_tokens=8, **prompt))
    short = model(share(75))
    return climb(task, task.root / ".rung", short, candidates=(chosen,), anyway=True)


def alpha(result: RunResult) -> float | None:
    return result.candidates[0].alpha


def again(task: Task, **changes: Any) -> Task:
    return task.model_copy(update=changes)


def each(
    rows: Sequence[Example], change: Callable[[Example], dict[str, Any]]
) -> tuple[Example, ...]:
    return tuple(e.model_copy(update=change(e)) for e in rows)


def reworded(rows: Sequence[Example]) -> tuple[Example, ...]:
    return each(rows, lambda e: {"input": f"which kind is {e.input_text()}"})


def relabelled(rows: Sequence[Example]) -> tuple[Example, ...]:
    return each(rows, lambda e: {"expected": "amber" if e.id.endswith("7") else e.expected})


def grown(task: Task) -> tuple[Example, ...]:
    more = label_task(test=80).test
    return (*task.test, *(e for e in more if e.input not in {t.input for t in task.test}))


CHANGES: dict[str, Callable[[Task], dict[str, Any]]] = {
    "nothing": lambda _: {},
    "rows relabelled": lambda t: {"test": relabelled(t.test)},
    "rows reworded": lambda t: {"test": reworded(t.test)},
    "rows reworded and some relabelled": lambda t: {"test": reworded(relabelled(t.test[:50]))},
    "rows added": lambda t: {"test": grown(t)},
    "rows taken out": lambda t: {"test": t.test[5:]},
    "instruction": lambda _: {"instruction": "Name it."},
    "train and dev swapped": lambda t: {"train": t.dev, "dev": t.train},
    "seed": lambda t: {"climb": t.climb.model_copy(update={"seed": 7})},
}  # fmt: skip


@pytest.mark.parametrize("deleted", [False, True], ids=["kept", "deleted"])
@pytest.mark.parametrize("name", CHANGES)
def test_whatever_changes_between_climbs_the_rows_keep_what_they_spent(
    task: Task, name: str, deleted: bool
) -> None:
    first = tried(task, "one")
    assert alpha(first) == pytest.approx(FIRST)
    if deleted:
        shutil.rmtree((task.root or Path()) / ".rung")
    second = tried(again(task, **CHANGES[name](task)), "two")
    assert alpha(second) == pytest.approx(SECOND)
    assert second.ledger == (
        "this test split has been used by 2 candidates; error left for further ones: 0.002"
    )


def test_fresh_rows_under_old_ids_are_fresh(task: Task) -> None:
    tried(task, "one")
    fresh = label_task(train=1000, test=60).test
    renamed = tuple(
        e.model_copy(update={"id": t.id}) for e, t in zip(fresh, task.test, strict=True)
    )
    assert sum(a.expected == b.expected for a, b in zip(renamed, task.test, strict=True)) < 50
    assert alpha(tried(again(task, test=renamed), "two")) == pytest.approx(FIRST)


def test_what_was_dev_certifies_nothing_later(task: Task) -> None:
    """Reports show dev answers, and the best on dev is what is climbed with next."""
    tried(task, "one")
    mixed = (*task.dev[:8], *label_task(train=1000, test=60).test)
    result = tried(again(task, dev=task.train, test=mixed), "two")
    row = result.candidates[0]
    assert row.alpha == pytest.approx(FIRST) and row.test is not None and row.test.n <= 60
    assert any(
        "8 test examples were dev in an earlier climb, which chose by them and shows their answers "
        "and are left out: 60 others certify." in note
        for note in result.notes
    )
    whole = tried(again(task, dev=task.train, test=task.dev), "three")
    assert whole.candidates[0].state == "undecided" and alpha(whole) is None
    assert whole.verdict.choice is None
    assert "were dev in an earlier climb" in whole.candidates[0].reason
    assert whole.ledger == (
        "the answers of test examples were shown; add examples for further candidates"
    )


def test_dev_that_was_reworded_since_is_still_dev(task: Task) -> None:
    tried(task, "one")
    mixed = (*reworded(task.dev[:8]), *label_task(train=1000, test=60).test)
    result = tried(again(task, dev=task.train, test=mixed), "two")
    assert any(note.startswith("8 test examples were dev") for note in result.notes)


def test_a_climb_that_got_no_answer_has_shown_nothing(task: Task) -> None:
    ledger = TestLedger((task.root or Path()) / ".rung", task, ())
    assert not ledger.path.exists()
    tried(task, "one")
    uses = json.loads(ledger.path.read_text())["uses"]
    assert [use["key"] for use in uses if use["key"] == DEV] == [DEV]


def test_answers_that_are_sampled_anew_are_another_test(task: Task) -> None:
    folder = (task.root or Path()) / ".rung"
    assert alpha(tried(task, "one", temperature=0.7)) == pytest.approx(FIRST)
    assert alpha(tried(task, "one", temperature=0.7)) == pytest.approx(FIRST)  # as they were kept
    shutil.rmtree(folder)
    assert alpha(tried(task, "one", temperature=0.7)) == pytest.approx(SECOND)
    assert alpha(tried(task, "two")) == pytest.approx(0.2 * SECOND)
    shutil.rmtree(folder)
    assert alpha(tried(task, "two")) == pytest.approx(0.2 * SECOND)  # greedy: the same answers


def test_marks_by_other_code_are_another_test(task: Task) -> None:
    strict = again(task, scorer=lambda expected, text: float(text == expected))
    lenient = again(task, scorer=lambda expected, text: float(text[:1] == str(expected)[:1]))
    assert alpha(tried(strict, "one")) == pytest.approx(FIRST)
    assert alpha(tried(strict, "one")) == pytest.approx(FIRST)
    assert alpha(tried(lenient, "one")) == pytest.approx(SECOND)


def test_a_raised_confidence_has_its_own_smaller_total(task: Task) -> None:
    tried(task, "one")
    surer = again(task, target=Target(metric="accuracy", score=0.8, confidence=0.99))
    assert alpha(tried(surer, "two")) == pytest.approx(0.8 * 0.01)
    assert alpha(tried(surer, "three")) == pytest.approx(0.8 * 0.002)
    assert alpha(tried(task, "four")) == pytest.approx(0.8 * (ALPHA - FIRST - 0.8 * 0.012))


def test_after_a_reveal_only_other_rows_certify(task: Task) -> None:
    tried(task, "one")
    TestLedger((task.root or Path()) / ".rung", task, ()).show()
    shown = tried(again(task, instruction="Another."), "two")
    assert alpha(shown) is None and "were shown (`rung reveal`)" in shown.candidates[0].reason
    assert "candidates" not in shown.candidates[0].reason, "to look is no test"
    more = again(task, test=(*reworded(task.test), *label_task(train=1000, test=60).test))
    result = tried(more, "three")
    assert alpha(result) == pytest.approx(FIRST)
    assert any(
        note == "60 test examples were shown (`rung reveal`) and are left out: 60 others certify."
        for note in result.notes
    )


def test_the_ledger_holds_no_answer_and_no_id(task: Task) -> None:
    tried(task, "one")
    kept = ((task.root or Path()) / LEDGER_FILE).read_text()
    assert row_name(task.test[0]) in kept
    assert not any(e.id in kept.split('"') or label_of(int(e.id[1:])) in kept for e in task.test)


def test_what_was_handed_out_for_training_certifies_nothing_later(task: Task) -> None:
    """A model that was trained elsewhere is climbed with after another seed."""
    fresh = label_task(train=1000, test=60).test
    TestLedger((task.root or Path()) / ".rung", task, ()).taught(task.train)
    mixed = again(task, train=task.dev, dev=fresh[:20], test=(*task.train[:8], *fresh[20:]))
    result = tried(mixed, "one")
    assert any(
        "8 test examples were handed out for training (`rung export`, or a provider), and models "
        "may know them and are left out: 40 others certify." in note
        for note in result.notes
    )
    whole = tried(again(task, test=task.train, train=task.test), "two")
    assert whole.candidates[0].alpha is None and whole.verdict.choice is None
