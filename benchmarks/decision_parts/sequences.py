"""Hostile sequences, end to end: real climbs of scripted models, with what users do in between.

Every climb goes through `rung.climb`: pilot, ledger, looks, verdict; only the audit, which asks and
certifies nothing, and the search for installed versions are left out, for they take half the time.
The models are right on just below the target's share of inputs, so whatever is certified is
certified falsely, unless a scenario says otherwise. What a hostile user learnt in between, the next
model knows.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from datasketch import lsh

import rung
from decision_parts.ordinary import ALPHA, MEAN, TARGET
from decision_parts.report import Goal, Report
from rung.audit.base import Audit
from rung.candidate import Candidate, Prompt
from rung.climbing.ledger import TestLedger
from rung.climbing.tools import ClimbOptions
from rung.evidence import binomial_interval
from rung.loop.shipping.promote import promote
from rung.models.base import ChatRequest
from rung.records.results import RunResult
from rung.task.splits import How, split_one
from rung.task.types import Example, LabelsOutput, Models, Target, Task
from scripted import ScriptedEmbedder, ScriptedModel

SEED = 1302
MODEL = "http://localhost:1/v1#m"
OUTPUT = LabelsOutput(labels=("a", "b"))
EMBEDDER = "scripted/embedder"
CLIMBS = 4
ROWS = 140
TRAIN, DEV, TEST = slice(0, 30), slice(30, 60), slice(60, 130)


def example(number: int, words: str = "asks for", label: str | None = None) -> Example:
    """Row `number`, with an id of its own."""
    word = np.base_repr(number * 7919 + 104729, 36)
    text = f"{word} {word[::-1]} {words} {number}"
    return Example(id=f"e{number}", input=text, expected=label or "ab"[number % 3 % 2])


class Place:
    """One user's project: a folder, and models that are right on a share of the rows."""

    def __init__(self, root: Path, rng: np.random.Generator) -> None:
        self.root, self.rng, self.number = root, rng, 0
        self.known: set[int] = set()
        """Rows whose answers the user has seen: the next model is right on them."""

    def task(self, rows: list[Example] | None = None, **parts: Any) -> Task:
        """The task of `rows`, in the order train, dev, test where `parts` do not split them."""
        rows = rows or [example(n) for n in range(ROWS)]
        split = {"train": tuple(rows[TRAIN]), "dev": tuple(rows[DEV]), "test": tuple(rows[TEST])}
        plain: dict[str, Any] = {
            "name": "t",
            "instruction": "x",
            "output": OUTPUT,
            "target": Target(metric="accuracy", score=TARGET),
            "models": Models(to_try=(MODEL,), embedder=EMBEDDER),
            "costs": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1},
            "root": self.root,
        }
        return Task(**{**plain, **split, **parts})

    def climb(
        self, task: Task | Path, share: float = MEAN, name: str | None = None, **prompt: Any
    ) -> RunResult:
        """A climb with one new model, or the one called `name`, right on that share."""
        self.number += 1
        right = self.rng.random(10 * ROWS) < share
        right[list(self.known)] = True
        expected = (
            {}
            if isinstance(task, Path)
            else {
                e.input: e.expected
                for s in ("dev", "test")
                for e in task.split(s)  # type: ignore[arg-type]
            }
        )

        def answer(request: ChatRequest) -> str:
            asked = request.messages[-1].content
            number = int(asked.split()[-1])
            truth = str(expected.get(asked, example(number).expected))
            return truth if right[number] else {"a": "b", "b": "a"}[truth]

        wanted = Prompt(instruction=name or f"prompt {self.number}", max_output_tokens=4, **prompt)
        return rung.climb(
            task,
            ClimbOptions(
                models={MODEL: ScriptedModel(answer, MODEL)},
                embedders={EMBEDDER: ScriptedEmbedder()},
                candidates=(Candidate(model=MODEL, prompt=wanted),),
                anyway=True,
            ),
        )

    def has_seen(self, rows: tuple[Example, ...]) -> None:
        self.known |= {int(e.id[1:]) for e in rows}


Sequence = Callable[[Place], Iterator[bool]]
"""Yields, climb after climb, whether it certified falsely."""


def certified(result: RunResult) -> bool:
    return result.verdict.choice is not None


def split_changed(place: Place) -> Iterator[bool]:
    """`[split] test` a tenth larger each time; what was dev is known by then."""
    rows = [example(n) for n in range(ROWS)]
    for number in range(CLIMBS):
        parts = split_one(rows, How(OUTPUT, 0, test=0.3 + 0.08 * number))
        task = place.task(rows, train=parts.train, dev=parts.dev, test=parts.test)
        yield certified(place.climb(task))
        place.has_seen(parts.dev)


def seed_changed(place: Place) -> Iterator[bool]:
    """Another seed each time; what was dev is known by then."""
    rows = [example(n) for n in range(ROWS)]
    for seed in range(CLIMBS):
        parts = split_one(rows, How(OUTPUT, seed))
        task = place.task(rows, train=parts.train, dev=parts.dev, test=parts.test)
        yield certified(place.climb(task))
        place.has_seen(parts.dev)


def dev_becomes_test(place: Place) -> Iterator[bool]:
    """What failed on dev is known, then the dev file is given as the test file."""
    rows = [example(n) for n in range(ROWS)]
    place.climb(place.task(rows))
    place.has_seen(tuple(rows[DEV]))
    task = place.task(rows, dev=tuple(rows[TEST]), test=tuple(rows[DEV]))
    yield certified(place.climb(task))


def reworded(place: Place) -> Iterator[bool]:
    """Every input is put into other words before each climb; the ids stay."""
    for words in ("asks for", "wants", "would like to have", "is in need of"):
        yield certified(place.climb(place.task([example(n, words) for n in range(ROWS)])))


def relabelled(place: Place) -> Iterator[bool]:
    """A few labels are mended before each climb."""
    for number in range(CLIMBS):
        rows = [example(n, label="a" if n % 40 < number else None) for n in range(ROWS)]
        yield certified(place.climb(place.task(rows)))


def growing(place: Place) -> Iterator[bool]:
    """Ten test examples more before each climb."""
    for number in range(CLIMBS):
        more = tuple(example(n) for n in range(ROWS, ROWS + 10 * number))
        task = place.task()
        yield certified(place.climb(task.model_copy(update={"test": (*task.test, *more)})))


def deleted(place: Place) -> Iterator[bool]:
    """`.rung` is deleted before each climb of another prompt."""
    for _ in range(CLIMBS):
        shutil.rmtree(place.root / ".rung", ignore_errors=True)
        yield certified(place.climb(place.task()))


def thrown_again(place: Place) -> Iterator[bool]:
    """`.rung` is deleted before the same prompt answers anew, at a temperature."""
    for _ in range(CLIMBS):
        shutil.rmtree(place.root / ".rung", ignore_errors=True)
        yield certified(place.climb(place.task(), name="one", temperature=0.7))


def revealed(place: Place) -> Iterator[bool]:
    """The test answers are shown and known from then on; sixty fresh examples are added, which
    have an error of their own."""
    task = place.task()
    place.climb(task)
    TestLedger(place.root / ".rung", task, ()).show()
    place.has_seen(task.test)
    more = tuple(example(n) for n in range(ROWS, ROWS + 60))
    grown = task.model_copy(update={"test": (*task.test, *more)})
    for _ in range(CLIMBS - 1):
        yield certified(place.climb(grown))


def surer(place: Place) -> Iterator[bool]:
    """Climbs at 95 %, then others at 99 %, which alone are counted."""
    place.climb(place.task())
    wanted = Target(metric="accuracy", score=TARGET, confidence=0.99)
    for _ in range(CLIMBS - 1):
        yield certified(place.climb(place.task(target=wanted)))


def promoted(place: Place) -> Iterator[bool]:
    """Two good winners and a promotion first; then climbs of what is not good enough."""
    _write(place.root)
    place.climb(place.root, 0.97)
    options = ClimbOptions(
        models={MODEL: ScriptedModel(lambda _: "a", MODEL)},
        embedders={EMBEDDER: ScriptedEmbedder()},
    )
    promote(place.root, options)
    place.climb(place.root, 0.99)
    if (place.root / ".rung/challenger").exists():
        promote(place.root, options)
    for _ in range(CLIMBS - 2):
        yield certified(place.climb(place.root))


def _write(root: Path) -> None:
    rows = [example(n) for n in range(ROWS)]
    for name, part in (("train", rows[TRAIN]), ("dev", rows[DEV]), ("test", rows[TEST])):
        lines = [e.model_dump_json(include={"id", "input", "expected"}) for e in part]
        (root / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    (root / "rung.toml").write_text(
        '[task]\ninstruction = "x"\ntrain = "train.jsonl"\ndev = "dev.jsonl"\ntest = "test.jsonl"\n'
        f'[output]\nlabels = ["a", "b"]\n[target]\nmetric = "accuracy"\nscore = {TARGET}\n'
        f'[models]\ntry = ["{MODEL}"]\nembedder = "{EMBEDDER}"\n'
        "[costs]\ninput_usd_per_mtok = 1\noutput_usd_per_mtok = 1\n"
    )


class Scenario(NamedTuple):
    """What users do, and what may be certified falsely by it."""

    climbs: Sequence
    alpha: float = ALPHA


SCENARIOS = {
    "promote between climbs": Scenario(promoted),
    "[split] changed between climbs": Scenario(split_changed),
    "seed changed between climbs": Scenario(seed_changed),
    "the dev file given as the test file": Scenario(dev_becomes_test),
    "every row reworded between climbs": Scenario(reworded),
    "rows relabelled between climbs": Scenario(relabelled),
    "test examples added between climbs": Scenario(growing),
    ".rung deleted between climbs": Scenario(deleted),
    ".rung deleted, the same prompt sampled anew": Scenario(thrown_again),
    "test rows revealed, then climbs": Scenario(revealed),
    "confidence raised": Scenario(surer, 0.01),
}


def run(replicates: int) -> Report:
    """A tenth of the replicates of each, for one takes half a second; `ordinary` runs them all."""
    times = max(replicates // 10, 1)
    report = Report(
        "sequences",
        f"{CLIMBS} climbs end to end, models of {MEAN} at target {TARGET}: false certificates",
        SEED,
        {"replicates": times},
    )
    together = 0, 0
    for number, (name, scenario) in enumerate(SCENARIOS.items()):
        wrong = sum(falsely(scenario.climbs, [SEED, number, i]) for i in range(times))
        _told(report, name, wrong, times, scenario.alpha)
        if scenario.alpha == ALPHA:
            together = together[0] + wrong, together[1] + times
    _told(report, f"all of {ALPHA} together", *together, ALPHA)
    return report


def _told(report: Report, name: str, wrong: int, times: int, alpha: float) -> None:
    upper = binomial_interval(wrong, times, 0.90).high
    report.rows.append({"scenario": name, "false": wrong / times, "upper 95 %": upper})
    report.goals.append(Goal.at_most(f"upper limit, {name}", upper, alpha))


_optimal_param = lru_cache(lsh._optimal_param)
"""Of the search for repeats: the same for every climb."""


async def _unaudited(*_: Any) -> Audit:
    return Audit(task="t", flags=(), checked=(), sizes={})


def falsely(climbs: Sequence, seed: list[int]) -> bool:
    """Whether any climb of one sequence certifies what is not so."""
    with ExitStack() as stack:
        stack.enter_context(patch("rung.climbing.climber.audit_of", _unaudited))
        stack.enter_context(patch("rung.climbing.rows.versions", dict))
        stack.enter_context(patch("datasketch.lsh._optimal_param", _optimal_param))
        work = stack.enter_context(tempfile.TemporaryDirectory())
        return any(list(climbs(Place(Path(work), np.random.default_rng(seed)))))
