"""Clusters are one unit each, and a test split remembers how often it was used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.candidate import Candidate, Prompt
from rung.climbing.certify import in_order
from rung.climbing.ledger import LEDGER_FILE, TestLedger, row_name
from rung.decide.claims import by_method
from rung.errors import StoreError, UserError
from rung.evidence import chance_to_reach
from rung.evidence.ledger import DEV
from rung.task.types import Target, Task

from .tasks import MODEL, climb, comparable, example, label_task, model, share, why

ALPHA = 0.05


def prompts(*instructions: str) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(model=MODEL, prompt=Prompt(instruction=text, max_output_tokens=8))
        for text in instructions
    )


def granted(folder: Path) -> dict[str, float]:
    kept = json.loads((folder / LEDGER_FILE).read_text())
    tests = [use for use in kept["uses"] if use["key"] != DEV]
    assert len({use["rows"] for use in tests}) == 1
    return {use["key"]: use["alpha"] for use in tests}


def test_candidates_share_four_fifths_of_alpha_where_all_are_asked(tmp_path: Path) -> None:
    result = climb(label_task(), tmp_path, model(), everything=True)
    shares = [r.alpha for r in result.candidates]
    assert shares == pytest.approx([0.8 * ALPHA / len(shares)] * len(shares))
    assert result.ledger == (
        f"this test split has been used by {len(result.candidates)} candidates; "
        "error left for further ones: 0.01"
    )


def test_who_does_well_on_dev_gets_most_of_what_is_left(tmp_path: Path) -> None:
    """With four test examples nobody passes, so that everybody's share is seen."""
    good = model(lambda n, _: n % 10 < 9 or n > 49)
    result = climb(
        label_task(test=4), tmp_path, good, candidates=prompts("one", "two", "three"), anyway=True
    )
    first, second, last = (r.alpha or 0.0 for r in result.candidates)
    chance = chance_to_reach([1.0] * 18 + [0.0] * 2, 0.8)
    assert first == pytest.approx(0.7 * chance**2 * ALPHA)
    assert second == pytest.approx(0.7 * chance**2 * (ALPHA - first))
    assert last == pytest.approx(0.8 * (ALPHA - first - second))


def test_the_same_candidate_spends_once(tmp_path: Path) -> None:
    task = label_task()
    first = climb(task, tmp_path, model())
    before = granted(tmp_path)
    second = climb(task, tmp_path, model())
    assert granted(tmp_path) == before and comparable(second)["ledger"] == first.ledger


def test_new_candidates_on_the_same_split_live_off_what_is_left(tmp_path: Path) -> None:
    task = label_task()
    (first,) = climb(task, tmp_path, model(), candidates=prompts("one")).candidates
    later = climb(task, tmp_path, model(), candidates=prompts("two", "three"), everything=True)
    assert first.alpha == pytest.approx(0.8 * ALPHA)
    shares = [r.alpha for r in later.candidates]
    assert shares == pytest.approx([0.8 * 0.2 * ALPHA / 2] * 2)
    assert sum(granted(tmp_path).values()) <= ALPHA


def test_another_target_on_the_same_split_is_another_question(tmp_path: Path) -> None:
    task = label_task()
    climb(task, tmp_path, model(), candidates=prompts("one"))
    easier = task.model_copy(update={"target": Target(metric="accuracy", score=0.7)})
    climb(easier, tmp_path, model(), candidates=prompts("one"))
    assert len(granted(tmp_path)) == 2


def test_a_used_up_split_says_so_and_leaves_the_verdict_open(tmp_path: Path) -> None:
    task = label_task(test=14)
    result = climb(task, tmp_path, model(), candidates=prompts(*map(str, range(14))))
    late = [r for r in result.candidates if r.alpha is None]
    assert len(late) == 0  # all of them were planned together
    for start in range(20, 60, 5):
        tried = prompts(*map(str, range(start, start + 5)))
        result = climb(task, tmp_path, model(), candidates=tried, everything=True)
    late = [r for r in result.candidates if r.alpha is None]
    assert late and {r.state for r in late} == {"undecided"}
    assert late[0].reason.startswith("These test examples have been used by ")
    assert "the error of 0.05 that a confidence of 0.95 leaves is used up" in late[0].reason
    assert result.ledger.endswith("no error is left for further ones: add examples")
    assert result.verdict.status == "undecided"


def test_a_ledger_that_cannot_be_read_stops_the_climb(tmp_path: Path) -> None:
    task = label_task()
    climb(task, tmp_path, model())
    (tmp_path / LEDGER_FILE).write_text("{")
    with pytest.raises(StoreError, match=r"ledger\.json cannot be read .*restore it from a copy"):
        climb(task, tmp_path, model())


def ledger(folder: Path, task: Task, *planned: str) -> TestLedger:
    return TestLedger(folder / ".rung", task, planned)


def test_the_ledger_stands_beside_the_task_and_outlives_the_project_folder(tmp_path: Path) -> None:
    task = label_task().model_copy(update={"root": tmp_path})
    spent = ledger(tmp_path, task).alpha("a", 0.5)
    assert spent == pytest.approx(ALPHA / 2) and [*tmp_path.iterdir()] == [tmp_path / LEDGER_FILE]
    again = ledger(tmp_path, task)
    assert not again.unused and again.offer("a") == spent
    assert again.offer("b", 1.0) == pytest.approx(ALPHA / 2)


def test_one_more_example_is_no_fresh_split(tmp_path: Path) -> None:
    """Ten climbs, each with another example, spend no more than one split may err."""
    task, total = label_task(test=60), 0.0
    for number in range(40):
        rows = (*task.test, *(example(1000 + i) for i in range(number)))
        grown = task.model_copy(update={"test": rows})
        try:
            total += ledger(tmp_path, grown, "a").alpha("a")
        except UserError as error:
            assert "is used up" in str(error)
    assert 0.8 * ALPHA < total <= ALPHA


def test_a_row_is_known_by_its_letters_whatever_its_label_or_its_commas(tmp_path: Path) -> None:
    one = example(1)
    same = one.model_copy(
        update={"id": "other", "expected": "other", "input": f" {one.input_text().upper()}, "}
    )
    assert row_name(one) == row_name(same) != row_name(example(2))
    signs = [one.model_copy(update={"input": text}) for text in ("?!", "!?")]
    assert row_name(signs[0]) != row_name(signs[1])


def test_offering_writes_nothing_and_granting_writes_once(tmp_path: Path) -> None:
    task = label_task()
    kept = ledger(tmp_path, task)
    alpha = kept.offer("a", 0.3)
    assert not kept.path.exists()
    kept.grant("a", alpha)
    before = kept.path.read_bytes()
    kept.grant("a", alpha)
    assert kept.path.read_bytes() == before and kept.offer("a", 0.9) == alpha
    # Two climbs at once: the second sees what the first has written.
    one, two = ledger(tmp_path, task), ledger(tmp_path, task)
    share = one.offer("b", 1.0)
    assert two.offer("c", 1.0) == share
    one.grant("b", share)
    with pytest.raises(UserError, match=r"error of 0 left, not"):
        two.grant("c", share)


def test_what_was_kept_split_by_split_is_taken_over(tmp_path: Path) -> None:
    task = label_task()
    folder = tmp_path / ".rung"
    folder.mkdir()
    name = f"{task.fingerprint()[:12]}/a"
    kept = {"x" * 64: {"alpha": ALPHA, "planned": 2, "granted": {name: 0.02, "else/b": 0.02}}}
    (folder / "ledger.json").write_text(json.dumps(kept))
    found = ledger(tmp_path, task)
    assert found.offer("a") == 0.02 and found.left == pytest.approx(0.01)
    found.alpha("c", 0.5)
    (folder / "ledger.json").unlink()
    assert ledger(tmp_path, task).left == pytest.approx(0.005)
    (folder / LEDGER_FILE).unlink()
    (folder / "ledger.json").write_text('{"x": 3}')
    with pytest.raises(StoreError, match=r"ledger\.json cannot be read .*restore it"):
        ledger(tmp_path, task)


def clustered(size: int, clusters: int = 60):
    """`clusters` conversations of `size` messages, all right or all wrong together."""
    numbers = iter(range(50, 50 + size * clusters))
    test = tuple(
        example(next(numbers), meta={"talk": f"t{i}"}) for i in range(clusters) for _ in range(size)
    )
    return label_task(test=0, cluster="talk").model_copy(update={"test": test})


def test_a_cluster_is_one_unit(tmp_path: Path) -> None:
    task = clustered(4)
    talk_of = {int(e.id[1:]): str(e.meta["talk"]) for e in task.test}
    knows = model(lambda n, _: share(85)(int(talk_of[n][1:]), _) if n in talk_of else True)
    result = climb(task, tmp_path, knows, only=("prompting",), everything=True)
    row = result.candidates[0]
    assert row.test and row.test.n == 60 and by_method(row.test)  # the last test is Gaffke's
    early = climb(task, tmp_path / "early", model(), only=("prompting",))
    (best,) = (r.test for r in early.candidates if r.state == "pass")
    assert best and best.n < 60 and not by_method(best)  # the bets alone
    assert "not proven" not in " ".join(why(early))
    assert [len(unit) for unit in in_order(task)] == [4] * 60
    found = task.model_copy(update={"cluster": None})  # nobody declared it
    again = climb(found, tmp_path / "found", knows, only=("prompting",), everything=True)
    assert again.candidates[0].test == row.test
    assert any("60 groups by meta.talk, which nobody declared" in note for note in again.notes)
    alone = task.model_copy(update={"cluster": "id"})
    wide = climb(alone, tmp_path / "alone", knows, only=("prompting",), everything=True)
    single = wide.candidates[0].test
    assert single and single.n == 240 and single.value == row.test.value
    width = (row.test.high or 0) - (row.test.low or 0)
    assert width > 1.5 * ((single.high or 0) - (single.low or 0))


def test_a_batch_never_cuts_a_cluster(tmp_path: Path) -> None:
    task = clustered(3)
    result = climb(task, tmp_path, model(), only=("prompting",))
    (run,) = (tmp_path / "runs").iterdir()
    lines = map(json.loads, (run / "attempts.jsonl").read_text().splitlines())
    answered = {a["example_id"] for a in lines if a["split"] == "test"}
    passed = next(r for r in result.candidates if r.state == "pass")
    looked_at = in_order(task)[: passed.test.n if passed.test else 0]
    assert {e.id for unit in looked_at for e in unit} <= answered
