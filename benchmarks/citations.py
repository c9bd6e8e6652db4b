"""How far citations found without markers can be trusted, by the overlap asked for; and claims.

    python benchmarks/citations.py [--json] [--claims]

Answers are sentences that restate one document in other words: the supported claims of
scifact-mini and the written conclusions of pubmedqa. Five passages are given, by word search.

`--claims` instead counts what the text tells of claims against whole documents
(`rung.knowledge.claims`), by the share of words asked for: those that their document supports, that
it contradicts, and conclusions beside three documents of others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from retrieval import DATA, read
from rung.candidate import Context
from rung.knowledge import citations, claims
from rung.knowledge.retriever import Retriever
from rung.records import Passage

GIVEN = 5
SHARES = (0.6, 0.7, 0.8, 0.9)
OVERLAPS = (0.3, 0.4, 0.5, 0.6, 0.7)
Item = tuple[str, set[str], tuple[Passage, ...]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--claims", action="store_true", help="claims, not citations")
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in ("scifact-mini", "pubmedqa"):
        if args.claims and (DATA / name).is_dir():
            rows += supported(name)
        elif (DATA / name).is_dir():
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


def supported(name: str) -> list[dict[str, Any]]:
    """How many claims of each kind the text tells, and which way."""
    documents, _ = read(DATA / name)
    by_id = {d.id: Passage(document_id=d.id, title=d.title, text=d.text) for d in documents}
    with (DATA / name / "test.jsonl").open(encoding="utf-8") as lines:
        examples = [row for row in map(json.loads, lines) if row.get("context_ids")]
    kinds: dict[str, list[tuple[str, list[Passage]]]] = {}
    for place, row in enumerate(examples):
        own = [by_id[i] for i in row["context_ids"] if i in by_id]
        if name == "scifact-mini":
            kinds.setdefault(row["expected"].lower(), []).append((row["input"], own))
            continue
        said = row["meta"]["long_answer"]
        others = [by_id[i] for e in examples[place - 3 : place] for i in e["context_ids"]]
        kinds.setdefault("own document", []).append((said, own))
        kinds.setdefault("documents of others", []).append((said, others))
    rows = []
    for share in SHARES:
        claims.MIN_SHARE = share
        for kind, items in kinds.items():
            told = Counter(c.support for item in items for c in claims.claims(*item))
            row = {"set": name, "share": share, "claims": kind, "n": told.total()}
            rows.append(row | {way: told[way] for way in ("held", "unheld", "untold")})
    return rows


if __name__ == "__main__":
    main()
