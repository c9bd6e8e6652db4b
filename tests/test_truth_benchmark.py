"""The truth benchmark: its replay is a climb, its advisers do what they are named for."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from rung.candidate import Candidate, Context, Weights
from rung.climbing.run import climb
from rung.climbing.tools import ClimbOptions
from rung.models.base import ChatRequest
from rung.task.types import Example, Models, Target, Task, TextOutput
from scripted import ScriptedEmbedder, ScriptedModel

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import truth  # noqa: E402
from truth_parts import elimination, words  # noqa: E402
from truth_parts.advisers import ADVISERS, FEW, passes  # noqa: E402
from truth_parts.replay import PILOT, Draw, InMemory, Said, climbed, draw  # noqa: E402
from truth_parts.tables import Table, collect, recorded  # noqa: E402
from truth_parts.tally import OUTCOMES, Tally, could_tell, outcome, rows, targets  # noqa: E402
from truth_parts.written import BEGIN, END, written  # noqa: E402

sys.path.remove(str(ROOT / "benchmarks"))

ROWS = 1000


def table(*means: float, usd: tuple[float, ...] = (), candidates: tuple = ()) -> Table:
    scores = np.array([[float(row < round(mean * ROWS)) for row in range(ROWS)] for mean in means])
    return Table(
        name="made",
        source="test",
        candidates=candidates or tuple(Candidate(model=f"table/m{k}") for k in range(len(means))),
        monthly_usd=usd or tuple(float(10**k) for k in range(len(means))),
        scores=scores,
    )


def rows_of(*means: float, examples: int = 200) -> Draw:
    """A draw whose pilot and test have exactly these means."""

    def made(count: int) -> np.ndarray:
        return np.array([[float(c < round(m * count)) for c in range(count)] for m in means])

    order = np.random.default_rng(3).permutation(examples)
    return Draw(made(PILOT), made(examples)[:, order])


def test_a_replayed_climb_names_the_cheapest_that_clearly_suffices():
    said = climbed(table(0.4, 0.95, 0.97), rows_of(0.4, 0.95, 0.97), 0.8)
    assert (said.status, said.choice) == ("sufficient", 1)
    # The first is left after its pilot, the second certified early, the third never asked.
    assert 2 * PILOT < said.calls < 2 * PILOT + 200


@pytest.mark.parametrize("target", [0.75, 0.97])
def test_a_replayed_climb_says_what_a_climb_of_the_same_rows_says(tmp_path: Path, target: float):
    made, drawn = table(0.5, 0.9), rows_of(0.5, 0.9, examples=100)
    splits = {"dev": drawn.pilot, "test": drawn.test}
    inputs = {
        f"{split} {hashlib.md5(f'{split}{k}'.encode()).hexdigest()}": (split, k)
        for split, scores in splits.items()
        for k in range(scores.shape[1])
    }

    def answering(place: int):
        def answer(request: ChatRequest) -> str:
            split, k = inputs[request.messages[-1].content]
            return "yes" if splits[split][place, k] else "no"

        return answer

    def examples(wanted: str) -> tuple[Example, ...]:
        return tuple(
            Example(id=f"{split}-{k}", input=text, expected="yes")
            for text, (split, k) in inputs.items()
            if split == wanted
        )

    task = Task(
        name="made",
        instruction="Say yes or no.",
        output=TextOutput(),
        target=Target(metric="exact_match", score=target),
        dev=examples("dev"),
        test=examples("test"),
        models=Models(to_try=tuple(c.model for c in made.candidates), embedder="scripted/embedder"),
    )
    models = {c.model: ScriptedModel(answering(k), c.model) for k, c in enumerate(made.candidates)}
    options = ClimbOptions(
        candidates=made.candidates,
        models=models,
        embedders={"scripted/embedder": ScriptedEmbedder()},
        folder=tmp_path,
        anyway=True,
        diagnose=False,
    )
    result = climb(task, options)
    said = climbed(made, drawn, target)
    keys = [c.key for c in made.candidates]
    choice = None if said.choice is None else keys[said.choice]
    assert (said.status, choice) == (result.verdict.status, result.verdict.choice)
    assert said.calls <= result.calls.used  # which begins a batch ahead of an endpoint's answers


def test_a_replayed_climb_spends_its_error(monkeypatch):
    left = []

    def write(self, ledger):
        self.ledger = ledger
        left.append(self.left)

    monkeypatch.setattr(InMemory, "_write", write)
    climbed(table(0.8, 0.8, 0.8), rows_of(0.8, 0.8, 0.8), 0.8)
    # Which rows are dev is written down first: it costs nothing.
    assert len(left) == 4 and 0 < left[3] < left[2] < left[1] < left[0]
    assert left[0] == pytest.approx(0.05)


def test_a_draw_keeps_rows_whole_and_is_the_same_twice():
    made = table(0.5, 0.5)
    first, again, other = draw(made, 50, 1), draw(made, 50, 1), draw(made, 50, 2)
    assert np.array_equal(first.test, again.test) and not np.array_equal(first.test, other.test)
    assert first.pilot.shape == (2, PILOT) and first.test.shape == (2, 50)
    assert np.array_equal(first.test[0], first.test[1])


def test_outcomes_against_the_truth():
    made, drawn = table(0.6, 0.85, 0.95), rows_of(0.6, 0.85, 0.95)
    found = {
        what: outcome(made, drawn, 0.7, said)
        for what, said in {
            "cheapest": Said("sufficient", 1),
            "dearer": Said("sufficient", 2),
            "below": Said("sufficient", 0),
            "none": Said("insufficient"),
            "open": Said("undecided"),
        }.items()
    }
    assert found == {
        "cheapest": "cheapest",
        "dearer": "dearer",
        "below": "false",
        "none": "none, falsely",
        "open": "cannot tell",
    }
    assert outcome(made, drawn, 0.97, Said("insufficient")) == "none, rightly"
    # .85 is true, but 20 rows can never certify .84.
    few = rows_of(0.6, 0.85, 0.95, examples=20)
    assert not could_tell(made, few, 0.84)
    assert outcome(made, few, 0.84, Said("sufficient", 2)) == "dearer, untold"
    assert set(found.values()) < set(OUTCOMES)


def test_candidates_that_cost_alike_are_both_the_cheapest():
    made = table(0.8, 0.9, 0.95, usd=(10.0, 10.05, 30.0))
    assert made.cheapest(0.7) == (0, 1)
    assert made.cheapest(0.85) == (1,)
    assert made.cheapest(0.99) == ()


def test_targets_lie_between_outside_and_just_above_the_scores():
    found = targets(table(0.6, 0.8))
    assert found["between"] == pytest.approx([0.57, 0.7, 0.83])
    assert found["just above"] == pytest.approx([0.605, 0.805])
    assert targets(table(1.0))["just above"] == []


def test_advisers_do_what_they_are_named_for():
    made = table(0.6, 0.85, 0.95)
    drawn = rows_of(0.6, 0.85, 0.95)
    said = {name: adviser(made, drawn, 0.7) for name, adviser in ADVISERS.items()}
    assert said["best mean wins"] == Said("sufficient", 2, 600)
    assert said["cheapest whose mean reaches"] == Said("sufficient", 1, 600)
    assert said["fixed test, all rows, Bonferroni"] == Said("sufficient", 1, 600)
    assert said[f"fixed test, {FEW} rows, 5% each"].calls == 3 * FEW
    assert said["always prompt"] == Said("sufficient", 2, 3 * PILOT)
    assert said["always RAG"] is None and said["always tune"] is None


def test_a_fixed_test_cannot_tell_where_a_mean_says_yes():
    made, drawn = table(0.7, 0.8), rows_of(0.7, 0.8, examples=60)
    assert ADVISERS["best mean wins"](made, drawn, 0.79).choice == 1
    assert ADVISERS["fixed test, all rows, Bonferroni"](made, drawn, 0.79).status == "undecided"
    assert ADVISERS["fixed test, all rows, Bonferroni"](made, drawn, 0.99).status == "insufficient"


def test_techniques_are_told_apart():
    kinds = (
        Candidate(model="table/a"),
        Candidate(model="table/a", context=Context(kind="retrieved", k=1)),
        Candidate(model="table/a", weights=Weights(kind="lora")),
    )
    made, drawn = table(0.6, 0.85, 0.95, candidates=kinds), rows_of(0.6, 0.85, 0.95)
    chosen = [ADVISERS[f"always {w}"](made, drawn, 0.7).choice for w in ("prompt", "RAG", "tune")]
    assert chosen == [0, 1, 2]


def test_the_prior_follows_what_the_task_answers():
    kinds = (
        Candidate(model="table/a"),
        Candidate(model="table/a", context=Context(kind="retrieved", k=1)),
    )
    made, drawn = table(0.9, 0.9, candidates=kinds), rows_of(0.9, 0.9)
    changing = {"knowledge_missing": True, "knowledge_changes": "daily", "needs_citations": True}
    with_answers = Table(**{**made.__dict__, "answers": changing})
    assert ADVISERS["the framework's prior alone"](with_answers, drawn, 0.8).choice == 1


def test_graded_scores_are_tested_by_a_bound():
    good, poor = np.array([0.9, 1.0] * 60), np.array([0.4, 0.6] * 60)
    assert passes(good, 0.8, 0.05) and not passes(poor, 0.8, 0.05)


def test_arm_elimination_names_its_arm_only_where_it_reaches():
    drawn = rows_of(0.6, 0.9)
    assert elimination.reaching(Said("sufficient", 1, 70), drawn, 0.8).choice == 1
    assert elimination.reaching(Said("sufficient", 1, 70), drawn, 0.95).status == "insufficient"
    assert elimination.reaching(None, drawn, 0.8) is None


def test_a_model_asked_in_words_is_read_by_its_number():
    assert words.read("2", 3) == Said("sufficient", 1)
    assert words.read("0", 3).status == "insufficient"
    assert words.read("4", 3).status == words.read("the second", 3).status == "undecided"
    assert "80%" in words.question(table(0.5, 0.9), 0.8)


def test_a_tally_says_nothing_of_nothing():
    tally = Tally()
    assert tally.share("false") is None
    tally.add("false", 10)
    tally.add("cheapest", 30)
    assert (tally.share("false"), tally.bad, tally.total) == (0.5, 1, 2)
    lines = list(rows({"a": tally, "b": Tally()}))
    assert lines[0]["answers asked, mean"] == 20 and lines[1] == {"adviser": "b", "answers": 0}


def test_the_whole_runs_and_counts_every_replay():
    made = table(0.6, 0.9)
    reports = truth.run([made], [60], 2, agentopt=False, asked=False)
    between = {row["adviser"]: row for row in reports[0].rows}
    assert between[truth.CLIMB]["answers"] == 3 * 2
    shares = [between[truth.CLIMB][o] for o in OUTCOMES]
    assert sum(shares) == pytest.approx(1)
    assert between["always RAG"] == {"adviser": "always RAG", "answers": 0}
    text = written(f"before\n{BEGIN}\nstale figures\n{END}\nafter\n", [made], reports)
    assert text.startswith("before\n") and text.endswith("after\n") and "stale figures" not in text


def test_a_kept_table_is_read_back():
    made = table(0.6, 0.9)
    again = Table.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again.candidates == made.candidates and np.array_equal(again.scores, made.scores)


def test_every_kept_table_is_whole():
    for kept in recorded():
        assert kept.scores.shape[0] == len(kept.candidates) == len(kept.monthly_usd) > 0
        assert np.isfinite(kept.scores).all() and kept.scores.min() >= 0 <= 1 - kept.scores.max()
        assert len({c.key for c in kept.candidates}) == len(kept.candidates)


@pytest.mark.slow
def test_any_task_can_be_collected(tmp_path: Path):
    words = {"bill": "charged twice", "late": "never arrived"}
    rows = [
        {
            "id": f"r{k}",
            "input": f"{words[label]} {hashlib.sha256(label.encode() + bytes([k])).hexdigest()}",
            "expected": label,
        }
        for k, label in enumerate(["bill", "late"] * 60)
    ]
    home = tmp_path / "desk"
    home.mkdir()
    (home / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (home / "rung.toml").write_text(
        '[task]\nname = "desk"\ninstruction = "Name the queue."\nexamples = "examples.jsonl"\n'
        '[output]\nlabels = ["bill", "late"]\n[target]\nmetric = "accuracy"\nscore = 0.8\n'
        "[climb]\ntest_size = 10\n"
    )
    made = collect(str(home), ("no-llm",), tmp_path / "kept")
    assert {c.technique for c in made.candidates} == {"no-llm"} and made.scores.shape[1] > 10
    (again,) = recorded(tmp_path / "kept")
    assert again.name == "desk" and np.array_equal(again.scores, made.scores)
    assert not (home / "rung.ledger.json").exists()
