"""What corrections teach beside the rows themselves: tuned on rows, and then by preference (DPO).

    python benchmarks/preferring.py [--set NAME] [--gold N] [--traffic N] [--test N]
                                    [--rates a,b] [--epochs N] [--least N]

A winner tuned on the first `--gold` train rows answers the next `--traffic`; a person corrects what
is wrong. All of these rows then tune the embedded 135M model anew, without and with learning the
corrections against what they replaced. Answers and adapters are kept beside the set's rung.toml.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

from ladder import cut
from prompting import MODELS, Bench
from rung.behaviour.trainers import base
from rung.behaviour.weights import preferences
from rung.candidate import Candidate, Context
from rung.decide import ladder
from rung.decide.ladder import candidates
from rung.solver import fit
from rung.solver.answering import answers
from rung.task.contract import render
from rung.task.corrections import REJECTED
from rung.task.types import ClimbSettings, Example, Task


def reviewed(task: Task, rows: list[Example], given: list[str | None]) -> list[Example]:
    """The rows as a harvest leaves them: what is right approved, what is wrong corrected."""
    made = []
    for row, text in zip(rows, given, strict=True):
        wrong = text is not None and text != render(task.output, row.expected)
        made.append(row.model_copy(update={"meta": {REJECTED: text}}) if wrong else row)
    return made


async def measured(args: argparse.Namespace, folder: Path) -> None:
    """Every line of the table, said as it comes."""
    cut(args.set)
    ladder.FEWEST_PREFERENCES = args.least
    bench = Bench(args.set, MODELS[0], folder)
    whole = bench.task
    gold, traffic = whole.train[: args.gold], list(whole.train[args.gold :][: args.traffic])
    climb = ClimbSettings(epochs=args.epochs, dev_size=20)

    def tuned(rows: tuple[Example, ...]) -> tuple[Candidate, ...]:
        changes = {"train": rows, "climb": climb, "documents": (), "dev": whole.dev}
        bench.task = bench.tools.task = whole.model_copy(update=changes)
        return tuple(
            c for c in candidates(bench.task, bench.tools.chat, Context()) if c.weights.tuned
        )

    winner = await fit(tuned(gold)[0], bench.task, bench.workshop)
    given = [a.text if a is not None else None for a in await answers(winner, traffic)]
    rows = (*gold, *reviewed(whole, traffic, given))
    plain, preferring = tuned(rows)
    print(json.dumps({"corrections": preferences(bench.task), "train": len(rows)}), flush=True)
    told = bench.workshop.tuned
    for name, candidate, rate in (
        ("rows", plain, None),
        *(("rows, then corrections", preferring, float(r)) for r in args.rates.split(",")),
    ):
        base.PREFERENCE_RATE = rate or base.PREFERENCE_RATE
        started = time.process_time()
        # Of its own: what was answered at one rate is no other's answer.
        bench.runner = bench._runner(folder / f"{rate}")
        row = await bench.measured(candidate, whole.test[: args.test])
        took = told[candidate.key].took
        row |= {"what": name, "rate": rate, "preferred": took.get("preferred")}
        row |= {"guard": took["guard"]["after"], "processor_s": time.process_time() - started}
        print(json.dumps(row), flush=True)
    await bench.tools.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--set", default="snips-slots")
    parser.add_argument("--gold", type=int, default=60)
    parser.add_argument("--traffic", type=int, default=60)
    parser.add_argument("--test", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--least", type=int, default=ladder.FEWEST_PREFERENCES)
    parser.add_argument("--rates", default=str(base.PREFERENCE_RATE))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measured(parser.parse_args(), Path(folder)))


if __name__ == "__main__":
    main()
