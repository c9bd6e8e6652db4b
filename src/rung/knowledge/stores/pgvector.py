"""Passages in PostgreSQL, searched by pgvector: vectors exactly, or by HNSW where there are many.

    rung_collections            a row for each name: its shelf, and the version of it
    rung_<hash>                 a shelf: passages, each from one version on and until another
    rung_<hash>_terms           in how many of them a term stands, as a change at each version

All of a build is one transaction under a lock on its name. A store made `after` another adds a
version to its shelf, so what did not change is neither sent nor indexed again, and the old name
still answers as it did; only the mean length in BM25 stays that of the first version.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from rung.knowledge.lexical import Ranking, searched_text
from rung.knowledge.stores import bm25
from rung.knowledge.stores.base import EVERYTHING, Store, Where, content_name
from rung.knowledge.stores.postgres import condition, connected
from rung.models.base import Vectors
from rung.records import Passage
from rung.task.types import Frozen

if TYPE_CHECKING:
    from psycopg import Connection

COLLECTION = "collection.json"
EXACT_UP_TO = 10_000
"""Passages of a shelf without an HNSW index: all are compared."""
SEARCH_S = 30
"""A search that takes longer is broken off."""
NODE = 500
"""Bytes that a passage takes in the graph of HNSW while it is built, beside two a dimension."""
DEEPER = 4
"""HNSW looks at so many times the passages that are asked for, and at 100 at least."""
LIVE = "since <= %(version)s AND (until IS NULL OR until > %(version)s)"
_COLUMNS = "document, title, body, start, meta"

T = TypeVar("T")


class Collection(Frozen):
    """What a name stands for."""

    name: str
    shelf: str
    version: int
    passages: int
    words: bool
    dimension: int = 0
    """0: no vectors."""
    mean_length: float = 0.0
    """Terms of a passage."""
    indexed: bool = False
    """Searched by HNSW, which may miss a neighbour."""


class PgvectorStore(Store):
    """One version of a shelf. Queries run in threads, each on a connection of the pool."""

    def __init__(self, collection: Collection, passages: tuple[Passage, ...] | None = None) -> None:
        self.collection = collection
        if passages is not None:
            self.passages = passages

    @cached_property
    def passages(self) -> tuple[Passage, ...]:  # type: ignore[override]
        """All of them, read once where somebody asks: a search does not."""
        query = f"SELECT {_COLUMNS} FROM {self.collection.shelf} WHERE {LIVE} ORDER BY id"
        with connected() as connection:
            return tuple(_passage(row) for row in connection.execute(query, self._version))

    def __len__(self) -> int:
        return self.collection.passages

    @classmethod
    async def build(
        cls,
        passages: tuple[Passage, ...],
        vectors: Vectors | None,
        *,
        words: bool,
        after: Self | None = None,
    ) -> Self:
        """Found by its name, or written."""
        name = content_name(passages, vectors, words=words)
        return await asyncio.to_thread(cls._built, name, passages, vectors, words, after)

    @classmethod
    def _built(
        cls,
        name: str,
        passages: tuple[Passage, ...],
        vectors: Vectors | None,
        words: bool,
        after: Self | None,
    ) -> Self:
        counts = [bm25.named(searched_text(p)) for p in passages] if words else None
        with connected() as connection, connection.transaction():
            _locked(connection, name)
            known = _collection(connection, name)
            if known is not None:
                return cls(known, passages if known.version == 1 else None)
            if after is not None and after._holds(connection, vectors, words):
                made = after._changed(connection, name, passages, vectors, counts)
                return cls(made)
            mean = 0.0 if not counts else sum(c.total() for c in counts) / len(counts)
            made = Collection(
                name=name,
                shelf=name,
                version=1,
                passages=len(passages),
                words=words,
                dimension=0 if vectors is None or not passages else vectors.shape[1],
                mean_length=mean,
                indexed=vectors is not None and len(passages) > EXACT_UP_TO,
            )
            _make_shelf(connection, made)
            _write(connection, made, range(len(passages)), passages, vectors, counts)
            _make_indexes(connection, made)
            _register(connection, made)
        return cls(made, passages)

    def _holds(self, connection: Connection[Any], vectors: Vectors | None, words: bool) -> bool:
        """Whether its shelf can take the next version: of its form, and this being its newest."""
        own = self.collection
        _locked(connection, own.shelf)
        newest = connection.execute(
            "SELECT max(version) FROM rung_collections WHERE shelf = %s", [own.shelf]
        ).fetchone()
        dimension = 0 if vectors is None else vectors.shape[1]
        same = (own.words, own.dimension, own.version) == (words, dimension, newest and newest[0])
        return same and own.passages > 0

    def _changed(
        self,
        connection: Connection[Any],
        name: str,
        passages: tuple[Passage, ...],
        vectors: Vectors | None,
        counts: Sequence[Counter[int]] | None,
    ) -> Collection:
        """The next version: what is gone ends, what is new begins."""
        own, version = self.collection, self.collection.version + 1
        gone: dict[str, list[int]] = {}
        query = f"SELECT id, {_COLUMNS} FROM {own.shelf} WHERE {LIVE} ORDER BY id DESC"
        for ident, *row in connection.execute(query, self._version):
            gone.setdefault(_identity(_passage(row)), []).append(ident)
        fresh = []
        for place, passage in enumerate(passages):
            same = gone.get(_identity(passage))
            if same:
                same.pop()
            else:
                fresh.append(place)
        ended = [ident for idents in gone.values() for ident in idents]
        rows = connection.execute(
            f"UPDATE {own.shelf} SET until = %s WHERE id = ANY(%s) RETURNING terms",
            [version, ended],
        ).fetchall()
        lost = Counter(term for (terms,) in rows for term in terms or ())
        last = connection.execute(f"SELECT max(id) FROM {own.shelf}").fetchone()
        made = own.model_copy(update={"name": name, "version": version, "passages": len(passages)})
        first = last[0] + 1 if last else 0
        _write(
            connection,
            made,
            range(first, first + len(fresh)),
            [passages[i] for i in fresh],
            None if vectors is None else vectors[fresh],
            None if counts is None else [counts[i] for i in fresh],
            lost,
        )
        _register(connection, made)
        return made

    @property
    def _version(self) -> dict[str, Any]:
        return {"version": self.collection.version}

    @cached_property
    def _idents(self) -> np.ndarray[Any, Any] | None:
        """The passages' ids in order; None where they are the positions themselves."""
        if self.collection.version == 1:
            return None
        query = f"SELECT id FROM {self.collection.shelf} WHERE {LIVE} ORDER BY id"
        with connected() as connection:
            return np.array([row[0] for row in connection.execute(query, self._version)])

    async def by_words(self, query: str, k: int, where: Where = EVERYTHING) -> Ranking:
        """By BM25, over every passage that holds a term of the query."""
        terms = bm25.asked(query)
        if k < 1 or not terms or not self.collection.passages:
            return []
        return await asyncio.to_thread(self._by_words, terms, k, where)

    def _by_words(self, terms: list[int], k: int, where: Where) -> Ranking:
        own, narrowed, values = self.collection, *condition(where)
        with _searching() as connection:
            counts = connection.execute(
                f"SELECT term, sum(change) FROM {own.shelf}_terms "
                "WHERE term = ANY(%(terms)s) AND since <= %(version)s GROUP BY term",
                {"terms": terms, **self._version},
            ).fetchall()
            weights = bm25.of_query({term: int(n) for term, n in counts}, own.passages)
            if not weights:
                return []
            rows = connection.execute(
                f"SELECT id, -(weights <#> %(query)s::sparsevec) AS score FROM {own.shelf} "
                f"WHERE terms && %(terms)s AND {LIVE}{narrowed} "
                "ORDER BY score DESC, id LIMIT %(k)s",
                {"query": _sparse(weights), "terms": [*weights], "k": k, **self._version, **values},
            ).fetchall()
        return self._ranking(rows)

    async def by_vector(self, vector: Vectors, k: int, where: Where = EVERYTHING) -> Ranking:
        """Exact up to `EXACT_UP_TO` passages, by HNSW above."""
        if k < 1 or not self.collection.dimension:
            return []
        return await asyncio.to_thread(self._by_vector, vector, k, where)

    def _by_vector(self, vector: Vectors, k: int, where: Where) -> Ranking:
        from pgvector import Vector

        own, narrowed, values = self.collection, *condition(where)
        near = "vector <#> %(query)s"
        # With a second key the index would not be used; equal ones are put in order below.
        order = near + ("" if own.indexed else ", id")
        if own.indexed:
            order = f"vector::halfvec({own.dimension}) <#> %(query)s::halfvec({own.dimension})"
        with _searching() as connection:
            if own.indexed:
                deep = f"SET LOCAL hnsw.ef_search = {min(1000, max(100, DEEPER * k))}"
                connection.execute(f"{deep}; SET LOCAL hnsw.iterative_scan = strict_order")
            rows = connection.execute(
                f"SELECT id, -({near}) FROM {own.shelf} WHERE {LIVE}{narrowed} "
                f"ORDER BY {order} LIMIT %(k)s",
                {"query": Vector(vector), "k": k} | self._version | values,
            ).fetchall()
        return self._ranking(sorted(rows, key=lambda row: (-row[1], row[0])))

    def _ranking(self, rows: Sequence[tuple[int, float]]) -> Ranking:
        held = self._idents
        places = (i if held is None else int(np.searchsorted(held, i)) for i, _ in rows)
        return [(place, float(score)) for place, (_, score) in zip(places, rows, strict=True)]

    async def read(self, places: Sequence[int]) -> tuple[Passage, ...]:
        """From memory where all are there, else from the database."""
        if "passages" in self.__dict__:
            return await super().read(places)
        return await asyncio.to_thread(self._read, list(places))

    def _read(self, places: list[int]) -> tuple[Passage, ...]:
        ids = self._idents
        wanted = places if ids is None else [int(ids[place]) for place in places]
        query = f"SELECT id, {_COLUMNS} FROM {self.collection.shelf} WHERE id = ANY(%s)"
        with _searching() as connection:
            rows = {row[0]: _passage(row[1:]) for row in connection.execute(query, [wanted])}
        return tuple(rows[ident] for ident in wanted)

    async def of_documents(self, ids: Sequence[str]) -> dict[str, list[Passage]]:
        """From memory where all are there, else from the database."""
        if "passages" in self.__dict__:
            return await super().of_documents(ids)
        return await asyncio.to_thread(self._of_documents, list(ids))

    def _of_documents(self, ids: list[str]) -> dict[str, list[Passage]]:
        query = (
            f"SELECT {_COLUMNS} FROM {self.collection.shelf} "
            f"WHERE {LIVE} AND document = ANY(%(ids)s) ORDER BY start"
        )
        by_id: dict[str, list[Passage]] = {name: [] for name in ids}
        with _searching() as connection:
            for row in connection.execute(query, {"ids": ids, **self._version}):
                by_id[row[0]].append(_passage(row))
        return by_id

    def files(self) -> dict[str, bytes]:
        """The collection's name and form; its content stays in the database."""
        return {COLLECTION: (self.collection.model_dump_json(indent=1) + "\n").encode()}

    @classmethod
    def opened(cls, files: Mapping[str, bytes], *, words: bool) -> Self:
        """Reaches no database before something is searched."""
        return cls(Collection.model_validate_json(files[COLLECTION]))


def _searching() -> Any:
    return connected(f"SET LOCAL statement_timeout = '{SEARCH_S}s'")


def _locked(connection: Connection[Any], name: str) -> None:
    """Nobody else builds it until this transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _collection(connection: Connection[Any], name: str) -> Collection | None:
    query = "SELECT about FROM rung_collections WHERE name = %s"
    row = connection.execute(query, [name]).fetchone()
    return None if row is None else Collection.model_validate(row[0])


def _register(connection: Connection[Any], made: Collection) -> None:
    connection.execute(
        "INSERT INTO rung_collections (name, shelf, version, about) VALUES (%s, %s, %s, %s)",
        [made.name, made.shelf, made.version, made.model_dump_json()],
    )


def _make_shelf(connection: Connection[Any], made: Collection) -> None:
    vector = f", vector vector({made.dimension})" if made.dimension else ""
    words = f", terms int[], weights sparsevec({bm25.SIZE})" if made.words else ", terms int[]"
    connection.execute(
        f"CREATE TABLE {made.shelf} (id int PRIMARY KEY, since int NOT NULL, until int, "
        "document text NOT NULL, title text NOT NULL, body text NOT NULL, start int NOT NULL, "
        f"meta jsonb NOT NULL{words}{vector}); "
        f"CREATE TABLE {made.shelf}_terms "
        "(term int, since int, change int NOT NULL, PRIMARY KEY (term, since))"
    )


def _make_indexes(connection: Connection[Any], made: Collection) -> None:
    """After the rows are in: much faster than before. A graph beyond its memory goes to disk."""
    connection.execute(f"CREATE INDEX ON {made.shelf} (document)")
    if made.words:
        connection.execute(f"CREATE INDEX ON {made.shelf} USING gin (terms)")
    if made.indexed:
        memory = made.passages * (NODE + 2 * made.dimension) // 2**30 + 1
        connection.execute(f"SET LOCAL maintenance_work_mem = '{memory}GB'")
        connection.execute(
            f"CREATE INDEX ON {made.shelf} USING hnsw "
            f"((vector::halfvec({made.dimension})) halfvec_ip_ops)"
        )
    connection.execute(f"ANALYZE {made.shelf}")


def _write(
    connection: Connection[Any],
    made: Collection,
    idents: range,
    passages: Sequence[Passage],
    vectors: Vectors | None,
    counts: Sequence[Counter[int]] | None,
    lost: Counter[int] | None = None,
) -> None:
    """Rows that begin with the version, and what the version changes of the terms' counts."""
    from pgvector import Vector

    names = ["id", "since", "document", "title", "body", "start", "meta"]
    kinds = ["int4", "int4", "text", "text", "text", "int4", "jsonb"]
    if counts is not None:
        names, kinds = [*names, "terms", "weights"], [*kinds, "int4[]", "sparsevec"]
    if made.dimension:
        names, kinds = [*names, "vector"], [*kinds, "vector"]
    copy = f"COPY {made.shelf} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(copy) as rows:
        rows.set_types(kinds)
        for place, (ident, passage) in enumerate(zip(idents, passages, strict=True)):
            row: list[Any] = [ident, made.version, *_row(passage)]
            if counts is not None:
                weights = bm25.of_passage(counts[place], made.mean_length)
                row += [list(weights), _sparse(weights)]
            if made.dimension and vectors is not None:
                row.append(Vector(vectors[place]))
            rows.write_row(row)
    held = Counter(term for count in counts or () for term in count)
    held.subtract(lost or {})
    with connection.cursor() as cursor, cursor.copy(f"COPY {made.shelf}_terms FROM STDIN") as rows:
        for term, change in held.items():
            rows.write_row((term, made.version, change))


def _row(passage: Passage) -> tuple[Any, ...]:
    from psycopg.types.json import Jsonb

    title, text = (part.replace("\0", "\ufffd") for part in (passage.title, passage.text))
    return (passage.document_id, title, text, passage.start, Jsonb(passage.meta))


def _passage(row: Iterable[Any]) -> Passage:
    return Passage(**dict(zip(("document_id", "title", "text", "start", "meta"), row, strict=True)))


def _identity(passage: Passage) -> str:
    """What makes two passages one, whatever order a database gives the fields of `meta` in."""
    return json.dumps([*_row(passage)[:-1], passage.meta], sort_keys=True)


def _sparse(weights: bm25.Sparse) -> Any:
    from pgvector import SparseVector

    return SparseVector(dict(sorted(weights.items())), bm25.SIZE)
