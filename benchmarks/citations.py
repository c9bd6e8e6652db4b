"""How far citations found without markers can be trusted, by the overlap asked for.

    python benchmarks/citations.py [--json]

Answers are sentences that restate one document in other words: the supported claims of
scifact-mini and the written conclusions of pubmedqa. Five passages are given, by word search.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator
from typing import Any

from retrieval import DATA, read
from rung.candidate import Context
from rung.knowledge import citations
from rung.knowledge.retriever import Retriever
from rung.records import Passage

GIVEN = 5
OVERLAPS = (0.3, 0.4, 0.5, 0.6, 0.7)
Item = tuple[str, set[str], tuple[Passage, ...]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    rows = []
    for name in ("scifact-mini", "pubmedqa"):
        if (DATA / name).is_dir():
            rows += measure(name, asyncio.run(collect(name)))
        else:
            rows.append({"set": name, "skipped": "../shared/data has no such folder"})
    for row in [] if args.json else rows:
        print(
            "  ".join(
                f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()
            )
        )
    if args.json:
        print(json.dumps({"given": GIVEN, "rows": rows}, indent=2))


async def collect(name: str) -> list[Item]:
    """Answers with their relevant documents and the passages given, where one is relevant."""
    documents, examples = read(DATA / name)
    answers = dict(sentences(name))
    retriever = await Retriever.build(documents, Context(search="lexical"), None)
    items = []
    for example in examples:
        given = await retriever.search(example.input_text(), GIVEN)
        relevant = set(example.context_ids)
        if example.id in answers and any(p.document_id in relevant for p in given):
            items.append((answers[example.id], relevant, given))
    return items


def sentences(name: str) -> Iterator[tuple[str, str]]:
    with (DATA / name / "test.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if name == "pubmedqa":
                yield row["id"], row["meta"]["long_answer"]
            elif row["expected"] == "SUPPORT":
                yield row["id"], row["input"]


def measure(name: str, items: list[Item]) -> list[dict[str, Any]]:
    """Share of cited passages that are right, and of answers with a right citation."""
    rows = []
    for overlap in OVERLAPS:
        citations.MIN_OVERLAP = overlap
        cited = right = answered = 0
        for answer, relevant, given in items:
            hits = [given[i].document_id in relevant for i in citations.cite(answer, given)]
            cited, right, answered = cited + len(hits), right + sum(hits), answered + any(hits)
        rows.append(
            {
                "set": name,
                "overlap": overlap,
                "n": len(items),
                "cited": cited,
                "right": right / max(cited, 1),
                "answered": answered / len(items),
            }
        )
    return rows


if __name__ == "__main__":
    main()
