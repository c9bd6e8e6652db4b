"""What answers without a language model: the linear head, beside what it was before it chose for
itself, the embedder tuned on the labels, and the tagger of spans.

    python benchmarks/no_llm.py [--sets banking77,complaints-6] [--rows N] [--tuned]

For each labelled set of `shared/data`: accuracy on its test rows of logistic regression on the
embedding at C = 10, and of the head that chooses features and strength by cross-validation; how
far its confidences lie from the rates (expected calibration error, ten bins) with and without its
temperature; processor seconds of the fit, milliseconds of one prediction. For each set of JSON
answers: field F1 of the tagger, the share that is wholly right and its mean confidence beside it,
on all train rows or the first N. With `--tuned`, for each labelled set: accuracy of the linear head
and of the tuned embedder on the same train rows, how far the latter's confidences lie from the
rates without and with the temperature of the dev rows, its epochs, processor seconds of tuning.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ladder import DATA, cut, home
from rung.candidate import Candidate
from rung.models.local.machine import cores
from rung.models.metered import Metered
from rung.models.no_llm import Linear
from rung.models.no_llm_choice import ENCODER, logistic
from rung.models.no_llm_spans import Spans
from rung.models.registry import open_embedder, open_model
from rung.records import Answer
from rung.scorers.exact_match import same_json
from rung.scorers.field_f1 import FieldF1
from rung.solver import Workshop, fit
from rung.task.contract import parse
from rung.task.load import load_task
from rung.task.types import Example

SETS = ("complaints-6", "snips-intent", "banking10-noisy", "banking77")
TUNED_SETS = ("banking12", *SETS)
JSON_SETS = ("usaddress-json", "snips-slots", "wikigold-ner")


def calibration_error(told: Sequence[tuple[str, float]], labels: Sequence[str]) -> float:
    """Mean distance of confidence and rate over ten bins, by their answers (Guo et al. 2017)."""
    sure = np.array([confidence for _, confidence in told])
    right = np.array([label == wanted for (label, _), wanted in zip(told, labels, strict=True)])
    bins = np.minimum((sure * 10).astype(int), 9)
    held = [bins == number for number in range(10) if (bins == number).any()]
    return float(sum(abs(right[b].mean() - sure[b].mean()) * b.mean() for b in held))


async def measure(name: str) -> str:
    """One line of the table."""
    splits = [
        [json.loads(line) for line in (DATA / name / f"{split}.jsonl").open(encoding="utf-8")]
        for split in ("train", "test")
    ]
    texts = [[row["input"] for row in rows] for rows in splits]
    labels = [[row["expected"] for row in rows] for rows in splits]
    embedder = open_embedder("local/all-minilm-l6-v2")
    train, test = [await embedder.embed(part) for part in texts]
    plain = np.mean(logistic(train, labels[0], 10.0).predict(test) == np.array(labels[1]))
    started = time.process_time()
    model = Linear.fit(train, texts[0], labels[0])
    fit_s = time.process_time() - started
    told = model.predict(test, texts[1])
    started = time.process_time()
    model.predict(test[:1], texts[1][:1])
    one_ms = 1000 * (time.process_time() - started)
    raw = Linear(model.head._replace(temperature=1.0), model.labels).predict(test, texts[1])
    accuracy = np.mean([label == want for (label, _), want in zip(told, labels[1], strict=True)])
    reads = "embedding and letters" if model.head.letters else "embedding"
    errors = [calibration_error(one, labels[1]) for one in (raw, told)]
    return (
        f"| {name} | {len(test)} | {plain:.3f} | {accuracy:.3f} | {reads}, C = {model.head.c:g} | "
        f"{errors[0]:.3f} | {errors[1]:.3f} | {fit_s:.1f} | {one_ms:.1f} |"
    )


async def tagged(name: str, rows: int | None) -> str:
    """One line of the table of taggers."""
    cut(name)
    task = load_task(home(name), whole=True)
    train, test = (*task.train, *task.dev)[:rows], task.test
    embedder = open_embedder("local/all-minilm-l6-v2")
    vectors, asked = [
        await embedder.embed([e.input_text() for e in part]) for part in (train, test)
    ]
    started = time.process_time()
    model = Spans.fit(task.output, train, vectors)
    fit_s = time.process_time() - started
    started = time.process_time()
    told = model.predict(asked, [e.input_text() for e in test])
    each_ms = 1000 * (time.process_time() - started) / len(test)
    read = [parse(task.output, text).value for text, _ in told]
    pairs = list(zip(read, test, strict=True))
    scores = [
        FieldF1().against(e.expected, e, Answer(text="", value=value, model="")).value or 0.0
        for value, e in pairs
    ]
    whole = np.mean([same_json(value, e.expected) for value, e in pairs])
    sure = np.mean([confidence for _, confidence in told])
    return (
        f"| {name} | {len(train)} / {len(test)} | {np.mean(scores):.3f} | {whole:.3f} | "
        f"{sure:.3f} | {fit_s:.1f} | {each_ms:.1f} |"
    )


async def tuned(name: str, rows: int | None) -> str:
    """One line of the table of tuned embedders: both fitted on the same rows, as in a climb."""
    cut(name)
    task = load_task(home(name), whole=True)
    task = task.model_copy(update={"train": task.train[:rows]})
    texts, labels = [[part(e) for e in task.test] for part in (Example.input_text, expected)]
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(open_model, open_model, opened, Path(folder))
        cells = []
        for model in ("no-llm/linear", ENCODER):
            candidate = Candidate(model=model, embedder=task.models.embedder)
            solver = await fit(candidate, task, shop)
            vectors = await solver.embedders[0].embed(texts)
            fitted = solver.parts.label_model
            assert isinstance(fitted, Linear)
            told = fitted.predict(vectors, texts)
            raw = Linear(fitted.head._replace(temperature=1.0), fitted.labels)
            said = [label for label, _ in told]
            cells.append(np.mean(np.array(said) == np.array(labels)))
        errors = [calibration_error(one, labels) for one in (raw.predict(vectors, texts), told)]
        took = shop.tuned[candidate.key].took
    sizes = " / ".join(f"{len(part)}" for part in (task.train, task.dev, task.test))
    return (
        f"| {name} | {sizes} | {cells[0]:.3f} | {cells[1]:.3f} | {errors[0]:.3f} | "
        f"{errors[1]:.3f} | {took['epochs']} | {took['seconds'] * cores():.0f} |"
    )


def expected(example: Example) -> str:
    """Its label."""
    return str(example.expected)


def opened(name: str) -> Metered:
    """An embedder, without a cache."""
    return Metered(open_embedder(name))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join((*SETS, *JSON_SETS)))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--tuned", action="store_true", help="the linear head and the encoder")
    args = parser.parse_args()
    for name in args.sets.split(","):
        if args.tuned and name in TUNED_SETS:
            print(asyncio.run(tuned(name, args.rows)), flush=True)
        elif not args.tuned:
            line = tagged(name, args.rows) if name in JSON_SETS else measure(name)
            print(asyncio.run(line), flush=True)


if __name__ == "__main__":
    main()
