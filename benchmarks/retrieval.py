"""Retrieval on real data: word search, meaning search and both, beside measured floors and bm25s.

    python benchmarks/retrieval.py [--json] [--only SET …] [--search lexical …] [--chunk-chars N]

Seconds are of the processor. bm25s (with English stop words and stems) reads the same passages; it
is skipped where it is not installed. Queries are the inputs of test.jsonl that name a relevant
document, scored at document level. Sets that are absent, and meaning search where the embedder is,
are skipped with a reason.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from retrieval_metrics import RetrievalScores, document_ranking, judge
from rung.candidate import Context
from rung.errors import RungError
from rung.knowledge.chunking import chunk
from rung.knowledge.lexical import searched_text
from rung.knowledge.retriever import Retriever
from rung.models.base import Embedder
from rung.models.registry import open_embedder
from rung.records import Passage
from rung.task.types import Document, Example

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
EMBEDDER = "local/all-minilm-l6-v2"
SEARCHES = ("lexical", "dense", "hybrid", "bm25s")
DEPTH = 100
"""Passages asked for, so that ten different documents are among them."""

FLOORS = {
    "wiki-docs-qa": {"lexical": 0.974},
    "scifact-mini": {"lexical": 0.787},
    "scifact-full": {"lexical": 0.659, "dense": 0.645},
    "pubmedqa": {"lexical": 0.969},
    "tldr-cli": {"lexical": 0.940},
    "monkey-code": {"lexical": 0.449},
}
"""nDCG@10 as README.md of the data gives it: plain BM25 over whole documents (k1 0.9, b 0.4, no
stems), all-MiniLM-L6-v2 as published by MTEB."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", nargs="+", choices=FLOORS, default=list(FLOORS))
    parser.add_argument("--search", nargs="+", choices=SEARCHES, default=list(SEARCHES))
    parser.add_argument("--chunk-chars", type=int, default=Context().chunk_chars)
    args = parser.parse_args()
    rows = asyncio.run(measure(args.only, args.search, args.chunk_chars, not args.json))
    if args.json:
        print(json.dumps({"chunk_chars": args.chunk_chars, "rows": rows}, indent=2))


async def measure(
    names: list[str], searches: list[str], chunk_chars: int, show: bool
) -> list[dict[str, Any]]:
    """One row per set and search; a skipped one says why in `skipped`."""
    embedder, missing = _embedder() if set(searches) != {"lexical"} else (None, "")
    if show:
        print(f"passages of at most {chunk_chars} characters, embedder {EMBEDDER}")
        print(f"{'set':14}{'search':9}{'n':>5}{'nDCG@10':>9}{'floor':>7}", end="")
        print(f"{'R@1':>7}{'R@3':>7}{'R@10':>7}{'MRR@10':>8}{'build s':>9}{'query ms':>10}")
    rows = []
    for name in names:
        for search in searches:
            row: dict[str, Any] = {"set": name, "search": search}
            if not (DATA / name).is_dir():
                row["skipped"] = "../shared/data has no such folder"
            elif search == "bm25s" and find_spec("bm25s") is None:
                row["skipped"] = "bm25s is not installed"
            elif search in ("dense", "hybrid") and embedder is None:
                row["skipped"] = missing
            else:
                row |= await _measure_one(name, search, chunk_chars, embedder)
            rows.append(row)
            if show:
                print(_line(row), flush=True)
    return rows


async def _measure_one(
    name: str, search: Any, chunk_chars: int, embedder: Embedder | None
) -> dict[str, Any]:
    documents, examples = read(DATA / name)
    if search == "bm25s":
        return _measure_bm25s(name, chunk(documents, chunk_chars), examples)
    started = time.process_time()
    context = Context(kind="retrieved", search=search, chunk_chars=chunk_chars)
    retriever = await Retriever.build(documents, context, embedder)
    built = time.process_time()
    found = [await retriever.search(example.input_text(), DEPTH) for example in examples]
    asked = time.process_time()
    return _row(name, search, found, examples, (started, built, asked)) | {
        "passages": len(retriever.passages)
    }


def _measure_bm25s(
    name: str, passages: Sequence[Passage], examples: Sequence[Example]
) -> dict[str, Any]:
    import bm25s
    from Stemmer import Stemmer

    stemmer = Stemmer("english")

    def tokens(texts: list[str]) -> Any:
        return bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)

    started = time.process_time()
    index = bm25s.BM25()
    index.index(tokens([searched_text(p) for p in passages]), show_progress=False)
    built = time.process_time()
    found = []
    for example in examples:
        places, scores = index.retrieve(
            tokens([example.input_text()]), k=min(DEPTH, len(passages)), show_progress=False
        )
        pairs = zip(places[0], scores[0], strict=True)
        found.append([passages[place] for place, score in pairs if score > 0])
    return _row(name, "bm25s", found, examples, (started, built, time.process_time()))


def _row(
    name: str,
    search: str,
    found: Sequence[Sequence[Passage]],
    examples: Sequence[Example],
    times: tuple[float, float, float],
) -> dict[str, Any]:
    pairs = zip(
        (document_ranking(f) for f in found), (e.context_ids for e in examples), strict=True
    )
    scores: RetrievalScores = judge(pairs)
    started, built, asked = times
    return {
        **scores._asdict(),
        "floor": FLOORS[name].get(search),
        "build_s": built - started,
        "query_ms": 1000 * (asked - built) / len(examples),
    }


def read(folder: Path) -> tuple[list[Document], list[Example]]:
    """Documents, and the test examples that name a relevant one."""
    plain = folder / "knowledge" / "docs.jsonl"
    raw = (
        plain.read_bytes() if plain.exists() else gzip.decompress(Path(f"{plain}.gz").read_bytes())
    )
    documents = [
        Document(id=row["id"], title=row.get("title") or "", text=row["text"])
        for row in map(json.loads, raw.decode().splitlines())
    ]
    with (folder / "test.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    fields = ("id", "input", "expected", "context_ids")
    examples = [
        Example(**{field: row[field] for field in fields}) for row in rows if row.get("context_ids")
    ]
    return documents, examples


def _embedder() -> tuple[Embedder | None, str]:
    try:
        return open_embedder(EMBEDDER), ""
    except (RungError, ImportError) as error:
        return None, f"{EMBEDDER} cannot be opened: {error}"


def _line(row: dict[str, Any]) -> str:
    head = f"{row['set']:14}{row['search']:9}"
    if "skipped" in row:
        return f"{head}skipped: {row['skipped']}"
    floor = "–" if row["floor"] is None else f"{row['floor']:.3f}"
    return (
        f"{head}{row['n']:5}{row['ndcg_at_10']:9.3f}{floor:>7}{row['recall_at_1']:7.3f}"
        f"{row['recall_at_3']:7.3f}{row['recall_at_10']:7.3f}{row['mrr_at_10']:8.3f}"
        f"{row['build_s']:9.2f}{row['query_ms']:10.2f}"
    )


if __name__ == "__main__":
    main()
