"""The shelf of stores: where passages lie and are searched, one file a kind."""

from rung.knowledge.stores.base import EVERYTHING, Store, Where
from rung.knowledge.stores.shelf import STORES

__all__ = ["EVERYTHING", "STORES", "Store", "Where"]
