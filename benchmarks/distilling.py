"""What a student gains by a teacher's answers: gold rows alone, taught, and the teacher itself.

    python benchmarks/distilling.py [--set NAME] [--teacher MODEL] [--gold N] [--new N] [--test N]
                                    [--dev N] [--epochs N] [--by-trl]

Of a set, the first `--gold` train rows keep their labels, the next `--new` lose them; the embedded
135M model is the student, taught by its own nearest-examples prompt or by that of `--teacher`.
With `--by-trl` the student of the gold rows is trained once more, by TRL. What was answered and
trained is kept beside the set's rung.toml: running again goes on with what is left.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from ladder import cut
from prompting import MODELS, Bench
from rung.candidate import Context
from rung.decide.ladder import candidates
from rung.errors import UserError
from rung.task.types import ClimbSettings

TOLD = ("taught", "dev_losses", "steps", "seconds", "guard")
"""What is said of a training."""


async def measured(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Every row of the table, said as it comes."""
    cut(args.set)
    bench = Bench(args.set, MODELS[0], folder)
    whole = bench.task
    named = dict.fromkeys((MODELS[0], args.teacher or MODELS[0]))
    bench.task = bench.tools.task = whole.model_copy(
        update={
            "train": whole.train[: args.gold],
            "unlabelled": tuple(e.input for e in whole.train[args.gold : args.gold + args.new]),
            "models": whole.models.model_copy(update={"to_try": tuple(named)}),
            "climb": ClimbSettings(epochs=args.epochs, dev_size=args.dev),
        }
    )
    bench.workshop.price = bench.tools.price
    ladder = candidates(bench.task, bench.tools.chat, Context())
    student = next(c for c in ladder if c.teacher is not None)
    assert student.teacher is not None
    alone = student.model_copy(update={"teacher": None})
    by_trl = alone.model_copy(update={"weights": alone.weights.model_copy(update={"kind": "trl"})})
    tried = {"teacher": student.teacher, "gold": alone, "gold by TRL": by_trl, "taught": student}
    rows = []
    for kind, candidate in tried.items():
        if candidate is by_trl and not args.by_trl:
            continue
        started = time.process_time()
        row: dict[str, Any] = {"kind": kind, "key": candidate.key}
        try:
            row |= await bench.measured(candidate, whole.test[: args.test])
        except UserError as refused:  # the teacher is no better, or nothing passed
            row["refused"] = str(refused)
        told = bench.workshop.tuned.get(candidate.key)
        row |= {name: told.took[name] for name in TOLD if told and name in told.took}
        rows.append({**row, "processor_s": round(time.process_time() - started)})
        print(json.dumps(rows[-1]), flush=True)
    await bench.tools.aclose()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--set", default="snips-intent")
    parser.add_argument("--teacher", default="")
    parser.add_argument("--gold", type=int, default=60)
    parser.add_argument("--new", type=int, default=120)
    parser.add_argument("--test", type=int, default=100)
    parser.add_argument("--dev", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--by-trl", action="store_true")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measured(parser.parse_args(), Path(folder)))


if __name__ == "__main__":
    main()
