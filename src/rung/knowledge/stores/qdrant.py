"""Passages in Qdrant: on the server of `RUNG_KNOWLEDGE_URL`, else in its client's local mode.

A collection is named by its content and never changed. Points are numbered by position, so that
whoever writes it writes the same, and it is whole when it has as many as there are passages: a
build that was broken off is found by nobody, and filled up by the next one. Local mode compares all
passages in this process's memory; the content is then saved with the solver.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from rung.errors import MissingExtraError, SourceError, UserError
from rung.knowledge.lexical import Ranking, searched_text
from rung.knowledge.stores import bm25
from rung.knowledge.stores.addresses import URL, has_address, store_url
from rung.knowledge.stores.base import EVERYTHING, Store, Where, content_name, matches
from rung.knowledge.stores.embedded import EmbeddedStore
from rung.models.base import Vectors
from rung.records import Passage
from rung.task.types import Frozen, JsonValue

if TYPE_CHECKING:
    from qdrant_client import QdrantClient
    from qdrant_client.models import Filter, PointStruct

COLLECTION = "collection.json"
SUCH_AS, WITH_KEY = "http://host:6333", "https://any:API-KEY@host:6333"
MEANING, WORDS = "meaning", "words"
"""Names of the vectors."""
PART = 64
"""Points sent at once: far below the 32 MB that a server takes."""
READ = 1000
"""Points read at once."""
SEARCH_S = 30
"""A request that takes longer is given up."""
DEEPER = 4
"""HNSW looks at so many times the passages that are asked for, and at 100 at least."""
MOST_VALUES = 1_000_000
"""Different values of `meta` among which a range is looked for."""

T = TypeVar("T")


class Collection(Frozen):
    """What a name stands for."""

    name: str
    passages: int
    words: bool
    dimension: int = 0
    """0: no vectors."""


class QdrantStore(Store):
    """One collection. Requests run in threads."""

    def __init__(self, collection: Collection, kept: EmbeddedStore | None = None) -> None:
        self.collection, self._kept = collection, kept
        self._said: list[list[JsonValue]] | None = None
        if kept is not None:
            self.passages = kept.passages

    @cached_property
    def passages(self) -> tuple[Passage, ...]:  # type: ignore[override]
        """All of them, read once where somebody asks: a search does not."""
        return tuple(passage for _, passage in sorted(self._scrolled(None)))

    def __len__(self) -> int:
        return self.collection.passages

    @classmethod
    def note(cls) -> str:
        """Where no address is set."""
        if has_address():
            return ""
        return (
            f"the store 'qdrant' has no {URL}: its client's local mode is used, in this process's "
            f"memory; for a server set {URL}, such as {SUCH_AS}"
        )

    @classmethod
    async def build(
        cls,
        passages: tuple[Passage, ...],
        vectors: Vectors | None,
        *,
        words: bool,
        after: Self | None = None,
    ) -> Self:
        """Found by its name, or written; what `after` holds is sent again."""
        kept = None if has_address() else EmbeddedStore(passages, vectors, words=False)
        return await asyncio.to_thread(cls._built, passages, vectors, words, kept)

    @classmethod
    def _built(
        cls,
        passages: tuple[Passage, ...],
        vectors: Vectors | None,
        words: bool,
        kept: EmbeddedStore | None,
    ) -> Self:
        made = Collection(
            name=content_name(passages, vectors, words=words),
            passages=len(passages),
            words=words,
            dimension=0 if vectors is None or not passages else vectors.shape[1],
        )
        store = cls(made, kept)
        store.passages = passages
        if passages:
            with store._asking() as client:
                _fill(client, made, passages, vectors)
        return store

    @cached_property
    def _local(self) -> QdrantClient | None:
        return None if self._kept is None else _library()(location=":memory:")

    @contextmanager
    def _asking(self) -> Iterator[QdrantClient]:
        if self._local is not None:
            yield self._local
            return
        with _server() as client:
            yield client

    async def _asked(self, ask: Callable[[QdrantClient], T]) -> T:
        def there() -> T:
            with self._asking() as client:
                return ask(client)

        return await asyncio.to_thread(there)

    async def by_words(self, query: str, k: int, where: Where = EVERYTHING) -> Ranking:
        """By BM25, over every passage that holds a term of the query; the collection itself counts
        how many hold each."""
        terms = bm25.asked(query)
        if k < 1 or not terms or not self.collection.words:
            return []
        from qdrant_client.models import SparseVector

        ones = SparseVector(indices=terms, values=[1.0] * len(terms))
        return await self._asked(lambda client: self._found(client, ones, WORDS, k, where))

    async def by_vector(self, vector: Vectors, k: int, where: Where = EVERYTHING) -> Ranking:
        """By HNSW where the server has made such an index, else exact."""
        if k < 1 or not self.collection.dimension:
            return []
        query = vector.tolist()
        return await self._asked(lambda client: self._found(client, query, MEANING, k, where))

    def _found(self, client: QdrantClient, query: Any, using: str, k: int, where: Where) -> Ranking:
        from qdrant_client.models import SearchParams

        if not self.collection.passages:
            return []
        keys = [self._keys(client, name, wanted) for name, wanted in where.items()]
        if not all(keys):
            return []
        deep = SearchParams(hnsw_ef=max(100, DEEPER * k)) if using == MEANING else None
        answer = client.query_points(
            self.collection.name,
            query=query,
            using=using,
            limit=min(k, self.collection.passages),
            query_filter=_any_of([("said", each) for each in keys]),
            search_params=None if self._kept is not None else deep,
            with_payload=False,
        )
        ranking = [(int(point.id), float(point.score)) for point in answer.points]
        return sorted(ranking, key=lambda one: (-one[1], one[0]))

    def _keys(self, client: QdrantClient, name: str, wanted: JsonValue) -> list[str]:
        """Of `said`, those of which a passage must have one."""
        if isinstance(wanted, dict):
            values = [one[1] for one in self._values(client) if one[0] == name]
            return [_key(name, one) for one in values if matches({name: one}, {name: wanted})]
        return [_key(name, one) for one in (wanted if isinstance(wanted, list) else [wanted])]

    def _values(self, client: QdrantClient) -> list[list[JsonValue]]:
        """Every field of `meta` with each value that it has; read once, since nothing changes."""
        if self._said is None:
            name = self.collection.name
            hits = client.facet(name, "said", limit=MOST_VALUES, exact=True).hits
            self._said = [json.loads(str(hit.value)) for hit in hits]
        return self._said

    async def read(self, places: Sequence[int]) -> tuple[Passage, ...]:
        """From memory where all are there, else from the server."""
        if "passages" in self.__dict__ or not places:
            return await super().read(places)
        name, ids = self.collection.name, list(places)
        points = await self._asked(lambda client: client.retrieve(name, ids))
        by_place = {int(point.id): _passage(point.payload) for point in points}
        return tuple(by_place[place] for place in places)

    async def of_documents(self, ids: Sequence[str]) -> dict[str, list[Passage]]:
        """From memory where all are there, else from the server."""
        if "passages" in self.__dict__:
            return await super().of_documents(ids)
        by_id: dict[str, list[Passage]] = {name: [] for name in ids}
        meant = _any_of([("document_id", list(by_id))])
        for _, passage in await asyncio.to_thread(lambda: sorted(self._scrolled(meant))):
            by_id[passage.document_id].append(passage)
        return {name: sorted(each, key=lambda p: p.start) for name, each in by_id.items()}

    def _scrolled(self, meant: Filter | None) -> Iterator[tuple[int, Passage]]:
        name, at = self.collection.name, None
        while self.collection.passages:
            with self._asking() as client:
                points, at = client.scroll(name, scroll_filter=meant, limit=READ, offset=at)
            yield from ((int(point.id), _passage(point.payload)) for point in points)
            if at is None:
                return

    def files(self) -> dict[str, bytes]:
        """The collection's name and form; in local mode its content too."""
        own = {COLLECTION: (self.collection.model_dump_json(indent=1) + "\n").encode()}
        return own | (self._kept.files() if self._kept is not None else {})

    @classmethod
    def opened(cls, files: Mapping[str, bytes], *, words: bool) -> Self:
        """Reaches no server before something is searched."""
        collection = Collection.model_validate_json(files[COLLECTION])
        if len(files) == 1:
            return cls(collection)
        kept = EmbeddedStore.opened(files, words=False)
        return cls._built(kept.passages, kept.vectors, words, kept)


def _fill(
    client: QdrantClient,
    made: Collection,
    passages: Sequence[Passage],
    vectors: Vectors | None,
) -> None:
    """Create the collection where it is not there, and write what is not whole."""
    from qdrant_client import models

    if not client.collection_exists(made.name):
        _create(client, made)
    elif client.count(made.name, exact=True).count == made.passages:
        return
    counts = [bm25.named(searched_text(p)) for p in passages] if made.words else []
    mean = sum(c.total() for c in counts) / max(1, len(counts))

    def point(place: int) -> PointStruct:
        vector: dict[str, Any] = {}
        if made.words:
            weights = bm25.of_passage(counts[place], mean)
            own = models.SparseVector(indices=list(weights), values=list(weights.values()))
            vector[WORDS] = own
        if vectors is not None:
            vector[MEANING] = vectors[place].tolist()
        return models.PointStruct(id=place, vector=vector, payload=_row(passages[place]))

    for at in range(0, len(passages), PART):
        points = [point(place) for place in range(at, min(at + PART, len(passages)))]
        client.upsert(made.name, points, wait=True)


def _create(client: QdrantClient, made: Collection) -> None:
    from qdrant_client import models
    from qdrant_client.http.exceptions import UnexpectedResponse

    form = models.VectorParams(size=max(1, made.dimension), distance=models.Distance.DOT)
    rare = models.SparseVectorParams(modifier=models.Modifier.IDF)
    try:
        client.create_collection(
            made.name,
            vectors_config={MEANING: form} if made.dimension else {},
            sparse_vectors_config={WORDS: rare} if made.words else None,
        )
    except UnexpectedResponse as error:
        if error.status_code != 409:  # somebody else was quicker
            raise
    if client.init_options.get("location") != ":memory:":  # which has no use for an index
        for field in ("said", "document_id"):
            client.create_payload_index(made.name, field, models.PayloadSchemaType.KEYWORD)


def _row(passage: Passage) -> dict[str, Any]:
    """A passage as a payload; `said` has each field of `meta` with each of its values, as one word:
    exact for every name and kind of value, and never read as a path."""
    words_of_meta = {
        _key(name, one)
        for name, value in passage.meta.items()
        for one in (value if isinstance(value, list) else [value])
    }
    return passage.model_dump(mode="json", exclude={"score"}) | {"said": sorted(words_of_meta)}


def _passage(payload: Mapping[str, Any] | None) -> Passage:
    own = dict(payload or {})
    own.pop("said", None)
    return Passage.model_validate(own)


def _key(name: str, value: JsonValue) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return json.dumps([name, int(value) if whole else value], sort_keys=True)


def _any_of(fields: Iterable[tuple[str, list[str]]]) -> Filter | None:
    """Each field has one of its values."""
    from qdrant_client.models import FieldCondition, Filter, MatchAny

    must = [FieldCondition(key=name, match=MatchAny(any=any_)) for name, any_ in fields]
    return Filter(must=[*must]) if must else None


def _library() -> type[QdrantClient]:
    try:
        from qdrant_client import QdrantClient
    except ImportError:
        raise MissingExtraError("the store 'qdrant'", "qdrant") from None
    return QdrantClient


_clients: dict[str, QdrantClient] = {}
"""By address."""
_opening = threading.Lock()


@contextmanager
def _server() -> Iterator[QdrantClient]:
    """The server's client, and what its errors mean.

    Raises `SourceError` where it is away or lacks the collection, `UserError` where the address or
    what is asked is not fit for it.
    """
    library = _library()
    from httpx import TimeoutException
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    url = store_url("qdrant", SUCH_AS)
    place = urlsplit(url).netloc.rpartition("@")[2]
    try:
        with _opening:
            client = _clients.get(url) or _clients.setdefault(url, _opened(library, url))
        yield client
    except ResponseHandlingException as error:
        if isinstance(error.source, TimeoutException):
            raise SourceError(f"the store at {place} did not answer in {SEARCH_S} s") from None
        raise SourceError(
            f"the store at {place} cannot be reached ({str(error)[:200]}): start it, or correct "
            f"{URL}; nothing was scored",
            outage=True,
        ) from None
    except UnexpectedResponse as error:
        raise _refused(place, error.status_code or 0) from None
    except (QdrantException, ValueError) as error:
        raise SourceError(f"the store at {place} gave no answer ({type(error).__name__})") from None


def _refused(place: str, status: int) -> SourceError | UserError:
    if status == 404:
        return SourceError(
            f"the store at {place} no longer holds this collection: climb again, which writes it "
            "and asks nothing twice",
            outage=True,
        )
    if status in (401, 403):
        return SourceError(
            f"the store at {place} refuses the key (status {status}): {URL} holds it as the "
            f"password, such as {WITH_KEY}; nothing was scored",
            outage=True,
        )
    if status == 429 or status >= 500:
        return SourceError(f"the store at {place} answered with status {status}")
    return UserError(
        f"the store at {place} cannot be used (status {status}): it needs Qdrant 1.15 or newer"
    )


def _opened(library: type[QdrantClient], url: str) -> QdrantClient:
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    key = unquote(parts.password) if parts.password else None
    port = parts.port or (443 if parts.scheme == "https" else 6333)
    return library(url=bare, port=port, api_key=key, timeout=SEARCH_S, check_compatibility=False)
