"""A serious climb: what it looks for on dev, what it asks at most, and what it says of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rung.behaviour.refiners.prompts import contract, head, reasoning, shots
from rung.behaviour.refiners.racing import FEWEST, LED, can_race, confirmed, parted, race
from rung.behaviour.shots import in_turn
from rung.candidate import Candidate, Context, Prompt, Shots, Weights
from rung.models.base import ChatRequest
from rung.records import Attempt
from rung.report.words import describe_candidate
from rung.task.types import ClimbSettings, Example, Task
from scripted import ScriptedModel

from .tasks import EMBEDDER, LABELS, MODEL, asked, climb, fact_task, label_of, label_task, shots_of

SERIOUS = ClimbSettings(effort="serious", search_calls=400)
NEAREST = Candidate(model=MODEL, prompt=Prompt(shots=Shots(kind="nearest", k=5)), embedder=EMBEDDER)


def task(**parts: Any) -> Task:
    return label_task(dev=40, climb=SERIOUS, **parts)


def needs_eight(request: ChatRequest) -> str:
    """Right where eight solved examples are shown; else always the same."""
    return label_of(asked(request)) if shots_of(request) >= 8 else LABELS[0]


def test_a_rung_is_climbed_with_the_best_that_was_found(tmp_path: Path) -> None:
    model = ScriptedModel(needs_eight, MODEL)
    result = climb(task(), tmp_path, model)
    chosen = next(r for r in result.candidates if r.key == result.verdict.choice)
    assert chosen.candidate.prompt.shots.k >= 8 and chosen.search is not None
    found = chosen.search
    assert found.start != found.best == chosen.key and "shots" in found.searched
    assert 0 < found.calls <= SERIOUS.search_calls and found.after == 1.0 > (found.before or 0)
    assert "instruction" in found.untried
    start, best = found.prompts
    assert start.count("assistant:") < best.count("assistant:")
    assert any(
        found.best in n and "instruction" in n.partition("not tried: ")[2] for n in result.notes
    )
    calls = model.calls
    again = climb(task(), tmp_path, model)
    assert again.verdict == result.verdict and model.calls == calls, "nothing is paid twice"


def test_a_quick_climb_looks_for_nothing(tmp_path: Path) -> None:
    result = climb(label_task(dev=40), tmp_path, ScriptedModel(needs_eight, MODEL))
    assert all(r.search is None for r in result.candidates)


def test_where_nothing_is_better_the_plan_stands(tmp_path: Path) -> None:
    result = climb(task(), tmp_path, ScriptedModel(lambda _: LABELS[0], MODEL))
    tried = [r.search for r in result.candidates if r.search is not None]
    assert tried and all(s.best == s.start and len(s.prompts) == 1 for s in tried)
    assert sum("None did better" in n for n in result.notes) == len(tried)


def test_no_test_example_is_seen_by_a_search(tmp_path: Path) -> None:
    rows = {e.input for e in task().test}
    model = ScriptedModel(lambda _: LABELS[0], MODEL)
    climb(
        task().model_copy(update={"target": task().target.model_copy(update={"score": 0.95})}),
        tmp_path,
        model,
    )
    assert model.calls and not any(r.messages[-1].content in rows for r in model.requests)


def test_slots_offer_only_what_fits() -> None:
    labels, facts = label_task(train=6), fact_task()
    ways = {(c.prompt.shots.choice, c.prompt.shots.k) for c in shots(NEAREST, labels)}
    assert ("meaning", 5) not in ways and ("labels", 5) in ways and max(k for _, k in ways) == 5
    assert all(c.prompt.shots.choice != "labels" for c in shots(NEAREST, facts))
    assert shots(Candidate(model=MODEL), labels) == []
    assert [c.prompt.head for c in head(NEAREST, labels)] == [True]
    assert head(NEAREST, facts) == [] == contract(NEAREST, facts)
    reading = NEAREST.model_copy(update={"context": Context(kind="retrieved")})
    assert head(reading, labels) == []
    assert {(c.prompt.contract, c.prompt.constrained) for c in contract(NEAREST, labels)} == {
        (False, True),
        (True, False),
    }
    steps, voted = reasoning(NEAREST, labels)
    assert voted == steps.model_copy(update={"way": "vote"})
    assert steps.prompt.reasoning and steps.prompt.max_output_tokens > 500
    made = [
        *shots(NEAREST, labels),
        *head(NEAREST, labels),
        *contract(NEAREST, labels),
        steps,
        voted,
    ]
    assert len({c.key for c in made}) == len({describe_candidate(c) for c in made}) == len(made)
    tuned = NEAREST.model_copy(update={"weights": Weights(kind="lora")})
    serious = task()
    assert can_race(NEAREST, serious)
    assert not can_race(tuned, serious) and not can_race(NEAREST, label_task(dev=40))


def test_train_chooses_and_dev_confirms_where_train_has_rows_to_spare() -> None:
    large = task(train=80)
    choosing, confirming = parted(large)
    assert len(choosing) == 20 and tuple(confirming) == large.dev
    ids = {e.id for e in large.train} - {e.id for e in in_turn(large, LED)}
    assert {e.id for e in choosing} <= ids, "fixed shots stay those of the plan"
    small = task(train=LED)
    assert parted(small) == (small.dev[:20], small.dev[20:])
    assert not can_race(NEAREST, label_task(train=80, dev=FEWEST - 1, climb=SERIOUS))
    assert can_race(NEAREST, label_task(train=80, dev=FEWEST, climb=SERIOUS))
    assert not can_race(NEAREST, label_task(train=LED, dev=2 * FEWEST - 1, climb=SERIOUS))


def test_no_row_that_chooses_is_shown_while_it_does(tmp_path: Path) -> None:
    asked_of = {e.input: e for e in task(train=80).train}
    model = ScriptedModel(needs_eight, MODEL)
    result = climb(task(train=80), tmp_path, model)
    chosen = {e.input for e in parted(task(train=80))[0]}
    racing = [r for r in model.requests if r.messages[-1].content in chosen]
    assert racing and all(r.messages[-1].content in asked_of for r in racing)
    for request in racing:
        shown = {m.content for m in request.messages[:-1] if m.role == "user"}
        assert not shown & chosen
    best = next(r.search for r in result.candidates if r.key == result.verdict.choice)
    assert best is not None and best.n == 40 and best.after == 1.0


class Drawn:
    """A trial whose candidates are right on rows that a table names."""

    def __init__(self, rights: dict[int, Sequence[int]], left: int) -> None:
        self.task, self.left, self.rights = task().model_copy(update={"test": ()}), left, rights

    def cost(self, candidate: Candidate, examples: Sequence[Example]) -> int:
        return len(examples)

    async def ask(self, candidate: Candidate, examples: Sequence[Example]) -> list[Attempt]:
        self.left -= len(examples)
        places = {e.id: at for at, e in enumerate(self.task.dev)}
        right = self.rights[candidate.prompt.shots.k]
        return [
            Attempt(
                candidate=candidate.key,
                split="dev",
                example_id=e.id,
                score=float(places[e.id] in right),
            )
            for e in examples
        ]


def of(k: int) -> Candidate:
    return NEAREST.model_copy(update={"prompt": Prompt(shots=Shots(kind="nearest", k=k))})


@pytest.mark.parametrize(("right", "best"), [(range(20), 5), (range(20, 40), 5), (range(40), 9)])
async def test_luck_on_the_rows_that_choose_is_not_enough(right: range, best: int) -> None:
    trial = Drawn({5: range(10, 32), 9: right, 11: range(0)}, left=200)
    raced = await race(of(5), [of(9), of(11)], trial)
    both = await confirmed(of(5), raced.best, trial)
    won = raced.best if both[1].score > both[0].score else of(5)  # type: ignore[operator]
    assert won == of(best)
    assert all(v.n == 20 and v.confirmed for v in both)


async def test_a_race_stays_within_its_calls() -> None:
    trial = Drawn({k: range(k) for k in range(1, 31)}, left=250)
    found = await race(of(5), [of(k) for k in range(1, 31)], trial)
    assert trial.left >= 0 and len(found.tried) > 1
