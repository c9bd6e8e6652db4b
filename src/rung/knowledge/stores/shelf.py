"""The shelf's list, by the name that a context gives."""

from rung.knowledge.stores.base import Store
from rung.knowledge.stores.embedded import EmbeddedStore
from rung.knowledge.stores.pgvector import PgvectorStore
from rung.knowledge.stores.qdrant import QdrantStore

STORES: dict[str, type[Store]] = {
    "embedded": EmbeddedStore,
    "pgvector": PgvectorStore,
    "qdrant": QdrantStore,
}
