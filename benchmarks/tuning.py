"""Tuning recipes on real data: what each scores on test, and the processor seconds it takes.

    python benchmarks/tuning.py [--sets a,b] [--recipes x,y] [--rows N] [--test N] [--epochs N]

Each set of `benchmarks/sets` is tuned with each recipe on the same rows, the embedded 135M model,
and asked the same test rows. Every cell is kept in `.rung/tuning.json` of the set when it is done:
running again goes on with those that are left. `--recipes` takes names of `RECIPES`, or
`rate:rows:share`, perhaps with `:trl`, such as `2e-3:8:0.25`, or `trl-found` after `found`: by TRL
what the embedded race has found.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from ladder import cut, home
from rung.behaviour.trainers import lora
from rung.behaviour.trainers.base import stated
from rung.behaviour.trainers.guard import guards
from rung.candidate import Candidate, Context, Weights
from rung.climbing.summary import unit_scores
from rung.climbing.tools import ClimbOptions, Tools
from rung.decide.ladder import candidates
from rung.measure.runner import Runner
from rung.measure.store import RunStore
from rung.scorers import scorer_for
from rung.solver import Workshop, fit
from rung.task.load import load_task
from rung.task.types import Task

SETS = ("snips-slots", "usaddress-json", "wiki-docs-qa", "banking12", "tldr-style", "wikisql-mini")
RECIPES: dict[str, Callable[[Weights], Weights]] = {
    "first-rise": lambda w: w.model_copy(update={"recipe": "stated", "learning_rate": 5e-4}),
    "sized": lambda w: w.model_copy(update={"recipe": "sized"}),
    "found": lambda w: w.model_copy(update={"recipe": "found"}),
    "trl": lambda w: w.model_copy(update={"kind": "trl", "recipe": "sized"}),
    "trl-default": lambda w: stated(w, kind="trl", learning_rate=2e-5),  # SFTConfig's own rate
}
KEPT = "tuning.json"


def recipe(name: str, weights: Weights) -> Weights:
    """The weights that a recipe's name asks for."""
    if name in RECIPES:
        return RECIPES[name](weights)
    rate, rows, share, *kind = name.split(":")
    changes = {"learning_rate": float(rate), "rows": int(rows), "share": float(share)}
    return stated(weights, **changes, kind=kind[0] if kind else weights.kind)


def task_of(name: str, rows: int, test: int, epochs: int) -> Task:
    """A set with so many train and test rows, and 40 dev rows out of the rest of train."""
    cut(name)
    task = load_task(home(name))
    dev = task.dev[:40]
    climb = task.climb.model_copy(update={"epochs": epochs})
    kept = {"train": task.train[:rows], "dev": dev, "test": task.test[:test], "climb": climb}
    return task.model_copy(update=kept)


def tuned(task: Task, tools: Tools) -> Candidate:
    """The rung that the ladder would tune: a reader where there are documents."""
    context = Context(kind="retrieved", k=1) if task.documents else Context()
    found = candidates(task, tools.chat, context)
    return [c for c in found if c.weights.kind == "lora"][-1]


async def cell(task: Task, name: str) -> dict[str, Any]:
    """Tune with one recipe and ask the test rows."""
    assert task.root is not None
    tools = Tools(task, ClimbOptions(), priced=False)
    store = RunStore(task.root / ".rung" / "tuning" / name.replace(":", "-"))
    try:
        base = tuned(task, tools)
        weights = recipe(name, base.weights)
        candidate = base.model_copy(update={"weights": weights})
        lora.PATIENCE = 1 if name == "first-rise" else 2
        scorer = scorer_for(task)
        started = time.process_time()
        shop = Workshop(tools.chat, tools.raw, tools.embedder, task.root / ".rung" / "tuning")
        solver = await fit(candidate, task, shop)
        trained = time.process_time() - started
        runner = Runner(task, scorer, store, lambda usage, model: 0, 64)
        found = {}
        for split in ("dev", "test"):
            rows = task.split(split)
            attempts = await runner.attempts(solver, rows, split)
            found[split] = sum(scores := unit_scores(task, rows, attempts)) / len(scores)
            found[f"{split}_n"] = len(scores)
        took = next(iter(shop.tuned.values()))
        return {
            **found,
            "processor_s": trained,
            "asking_s": time.process_time() - started - trained,
            **{k: v for k, v in took.took.items() if k != "train_losses"},
        }
    finally:
        store.close()
        await tools.aclose()


def main() -> None:
    """Fill in what is left and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--recipes", default=",".join([*RECIPES, "trl-found"]))
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--test", type=int, default=120)
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()
    for name in args.sets.split(","):
        task = task_of(name, args.rows, args.test, args.epochs)
        assert task.root is not None
        path = task.root / ".rung" / KEPT
        kept = json.loads(path.read_text()) if path.exists() else {}
        for label in args.recipes.split(","):
            cut_to = f"{len(task.train)}/{len(task.test)}, {args.epochs} epochs"
            key = f"{label} {cut_to}"
            if key not in kept:
                if label == "trl-found":  # what the embedded race has found
                    found = kept[f"found {cut_to}"]["weights"]
                    label = "{learning_rate}:{rows}:1:trl".format(**found)
                kept[key] = asyncio.run(cell(task, label))
                path.write_text(json.dumps(kept, indent=1) + "\n")
            one = kept[key]
            print(
                f"{name:16} {label:14} train {len(task.train):4} dev {one['dev']:.3f} "
                f"test {one['test']:.3f} ({one['test_n']}) {one['processor_s']:.0f} processor-s "
                f"{one['steps']} steps, dev loss {min(one['dev_losses']):.3f}",
                flush=True,
            )
            print(*(f"  {guard['said']}" for guard in guards(one)), sep="\n", flush=True)


if __name__ == "__main__":
    main()
