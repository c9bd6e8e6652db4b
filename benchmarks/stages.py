"""What each further stage of retrieval gains with an embedded model, one row a stage.

    python benchmarks/stages.py --set tldr-cli [--stage queries …] [--model …] [--questions N]

`plain` searches by words and meaning evenly, in passages of at most `--chunk-chars` characters, for
the first N test questions that name a relevant document. "held" is the share, of those whose answer
stands in a passage as a whole, for which one of the three handed over holds it; "characters" is how
much that is. Milliseconds are of the processor, the model's included, eight questions at once. The
interval is of the gain in nDCG@10 over plain, paired, 95 % by bootstrap over questions.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from retrieval import DATA, EMBEDDER, read
from retrieval_metrics import document_ranking, ndcg_at, recall_at
from rung.candidate import Context
from rung.knowledge.retriever import Retriever
from rung.knowledge.stages import Hunt
from rung.knowledge.words import occurrences, words
from rung.models.base import ChatModel
from rung.models.registry import open_embedder, open_model
from rung.records import Passage
from rung.task.types import Example

STAGES: dict[str, dict[str, Any]] = {
    "queries": {"rewrite": "queries"},
    "hypothetical": {"rewrite": "hypothetical"},
    "reranked": {"rerank": "model"},
    "neighbours": {"expand": "neighbours"},
    "section": {"expand": "section"},
    "document": {"expand": "document"},
}
DEPTH, AT_ONCE = 100, 8
DRAWS = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--set", default="tldr-cli")
    parser.add_argument("--stage", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--model", default="local/smollm2-135m-instruct")
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--chunk-chars", type=int, default=Context().chunk_chars)
    parser.add_argument("--search", default="hybrid", choices=["lexical", "dense", "hybrid"])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    rows = asyncio.run(measured(args))
    if args.json:
        print(json.dumps({"model": args.model, "embedder": EMBEDDER, "rows": rows}, indent=2))


async def measured(args: argparse.Namespace) -> list[dict[str, Any]]:
    """A row of the table for plain, and for each stage."""
    documents, examples = read(DATA / args.set)
    examples = examples[: args.questions]
    embedder = None if args.search == "lexical" else open_embedder(EMBEDDER)
    context = Context(kind="retrieved", search=args.search, chunk_chars=args.chunk_chars)
    plain = await Retriever.build(documents, context, embedder)
    chat = open_model(args.model)
    rows, before = [], None
    for stage in ("plain", *args.stage):
        own = context.model_copy(update=STAGES.get(stage, {}))
        row, gains = await one(plain.as_of(own), examples, chat)
        before = gains if before is None else before
        row = {"set": args.set, "stage": stage, "n": len(gains), **row}
        rows.append(row | {"interval": interval(gains - before)})
        if not args.json:
            print(line(rows[-1]), flush=True)
    return rows


async def one(
    retriever: Retriever, examples: list[Example], chat: ChatModel
) -> tuple[dict[str, float], Any]:
    """Means over the questions, and each one's nDCG@10."""
    k, places = retriever.context.k, asyncio.Semaphore(AT_ONCE)

    async def asked(example: Example, depth: int) -> Hunt:
        async with places:
            return await retriever.search_metered(example.input_text(), depth, chat=chat)

    began = time.process_time()
    hunts = await asyncio.gather(*(asked(example, DEPTH) for example in examples))
    spent = time.process_time() - began
    handed = [hunt.passages[:k] for hunt in hunts]
    if retriever.context.expand:  # what one passage is expanded to depends on how many there are
        handed = [h.passages for h in await asyncio.gather(*(asked(e, k) for e in examples))]
    rankings = [document_ranking(hunt.passages) for hunt in hunts]
    pairs = list(zip(rankings, (e.context_ids for e in examples), strict=True))
    ndcg = np.array([ndcg_at(10, *pair) for pair in pairs])
    known = [i for i, e in enumerate(examples) if holds(e, retriever.passages)]
    held = [holds(examples[i], handed[i]) for i in known]
    return {
        "ndcg": float(ndcg.mean()),
        "recall_at_1": float(np.mean([recall_at(1, *pair) for pair in pairs])),
        "held": float(np.mean(held)) if held else float("nan"),
        "held_n": len(held),
        "characters": float(np.mean([sum(len(p.text) for p in given) for given in handed])),
        "calls": float(np.mean([len(hunt.replies) for hunt in hunts])),
        "ms": 1000 * spent / len(examples),
    }, ndcg


def holds(example: Example, passages: Sequence[Passage]) -> bool:
    """Whether the answer's words stand in one of them, one after another."""
    sought = words(str(example.expected))
    return any(occurrences(sought, words(passage.text)) for passage in passages)


def interval(gains: Any) -> tuple[float, float]:
    """Of the mean, percentiles of resampled questions."""
    rng = np.random.default_rng(0)
    means = gains[rng.integers(len(gains), size=(DRAWS, len(gains)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def line(row: dict[str, Any]) -> str:
    """A row of the page's table."""
    low, high = row["interval"]
    return (
        f"| {row['set']} | {row['stage']} | {row['n']} | {row['ndcg']:.3f} | {low:+.3f} to "
        f"{high:+.3f} | {row['recall_at_1']:.3f} | {row['held']:.3f} ({row['held_n']}) | "
        f"{row['characters']:,.0f} | {row['calls']:.1f} | {row['ms']:,.0f} |"
    )


if __name__ == "__main__":
    main()
