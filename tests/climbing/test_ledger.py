"""Clusters are one unit each, and a test split remembers how often it was used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.candidate import Candidate, Prompt
from rung.climbing.certify import in_order
from rung.errors import StoreError
from rung.task.types import Target

from .tasks import MODEL, climb, comparable, example, label_task, model, share

ALPHA = 0.05


def prompts(*instructions: str) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(model=MODEL, prompt=Prompt(instruction=text, max_output_tokens=8))
        for text in instructions
    )


def granted(folder: Path) -> dict[str, float]:
    (split,) = json.loads((folder / "ledger.json").read_text()).values()
    return split["granted"]


def test_candidates_share_four_fifths_of_alpha(tmp_path: Path) -> None:
    result = climb(label_task(), tmp_path, model(), everything=True)
    shares = [r.alpha for r in result.candidates]
    assert shares == pytest.approx([0.8 * ALPHA / len(shares)] * len(shares))
    assert result.ledger == (
        f"this test split has been used by {len(result.candidates)} candidates; "
        "error left for further ones: 0.01"
    )


def test_the_same_candidate_spends_once(tmp_path: Path) -> None:
    task = label_task()
    first = climb(task, tmp_path, model())
    before = granted(tmp_path)
    second = climb(task, tmp_path, model())
    assert granted(tmp_path) == before and comparable(second)["ledger"] == first.ledger


def test_new_candidates_on_the_same_split_live_off_the_reserve(tmp_path: Path) -> None:
    task = label_task()
    (first,) = climb(task, tmp_path, model(), candidates=prompts("one")).candidates
    later = climb(task, tmp_path, model(), candidates=prompts("two", "three"), everything=True)
    assert first.alpha == pytest.approx(0.8 * ALPHA)
    shares = sorted((r.alpha or 0.0 for r in later.candidates), reverse=True)
    assert shares == pytest.approx([0.2 * ALPHA / 2, 0.2 * ALPHA / 6])
    assert sum(granted(tmp_path).values()) <= ALPHA


def test_another_target_on_the_same_split_is_another_question(tmp_path: Path) -> None:
    task = label_task()
    climb(task, tmp_path, model(), candidates=prompts("one"))
    easier = task.model_copy(update={"target": Target(metric="accuracy", score=0.7)})
    climb(easier, tmp_path, model(), candidates=prompts("one"))
    assert len(granted(tmp_path)) == 2


def test_a_used_up_split_says_so_and_leaves_the_verdict_open(tmp_path: Path) -> None:
    task = label_task(test=20)
    result = climb(task, tmp_path, model(), candidates=prompts(*map(str, range(14))))
    late = [r for r in result.candidates if r.alpha is None]
    assert len(late) == 0  # all of them were planned together
    result = climb(task, tmp_path, model(), candidates=prompts(*map(str, range(20, 40))))
    late = [r for r in result.candidates if r.alpha is None]
    assert late and {r.state for r in late} == {"undecided"}
    assert late[0].reason.startswith("This test split has been used by ")
    assert "is used up; add fresh test examples" in late[0].reason
    assert result.ledger.endswith("no error is left for further ones: add examples")
    assert result.verdict.status == "undecided"


def test_a_ledger_that_cannot_be_read_stops_the_climb(tmp_path: Path) -> None:
    task = label_task()
    climb(task, tmp_path, model())
    (tmp_path / "ledger.json").write_text("{")
    with pytest.raises(StoreError, match=r"ledger\.json cannot be read .*restore it from a copy"):
        climb(task, tmp_path, model())


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
    assert row.test and row.test.n == 60
    assert [len(unit) for unit in in_order(task)] == [4] * 60
    alone = task.model_copy(update={"cluster": None})
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
