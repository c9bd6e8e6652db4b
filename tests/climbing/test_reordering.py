"""The order is revised by what a pilot measured; unused rows are counted."""

from __future__ import annotations

from pathlib import Path

from rung.candidate import Candidate, Prompt
from rung.climbing.rows import RunRecord
from rung.climbing.summary import left_out_of_test
from rung.task.types import ClimbSettings, Models
from scripted import ScriptedModel

from .tasks import MODEL, climb, knowing, label_task, model

OTHER = "scripted/other"


def test_a_rung_whose_pilot_costs_more_than_one_that_waits_gives_way(
    tmp_path: Path, monkeypatch
) -> None:
    """Thinking that is hidden and paid for: what was expected to be cheapest is not."""
    task = label_task(models=Models(to_try=(MODEL, OTHER), embedder="scripted/embedder"))
    both = tuple(
        Candidate(model=name, prompt=Prompt(max_output_tokens=8)) for name in (MODEL, OTHER)
    )
    extra = {OTHER: ScriptedModel(knowing(), OTHER)}
    plain = climb(task, tmp_path / "a", model(), extra=extra, candidates=both)
    first, second = plain.candidates
    assert plain.verdict.choice == first.key and second.dev is None

    def likely(self: RunRecord, key: str) -> float:
        return 50.0 if key == first.key and self.rows[key].dev is not None else 1.0

    monkeypatch.setattr(RunRecord, "likely_usd", likely)
    turned = climb(task, tmp_path / "b", model(), extra=extra, candidates=both)
    dear, cheap = turned.candidates
    assert turned.verdict.choice == cheap.key and cheap.state == "pass"
    assert dear.state == "planned" and dear.dev is not None and dear.test is None


def test_without_a_limit_on_the_test_split_nothing_lies_unused() -> None:
    assert left_out_of_test(label_task()) == 0
    assert left_out_of_test(label_task(climb=ClimbSettings(test_size=5))) == 0  # no files to read
