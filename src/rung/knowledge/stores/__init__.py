"""The shelf of stores: where passages lie and are searched, one file a kind."""

from rung.knowledge.stores.base import Store
from rung.knowledge.stores.shelf import STORES

__all__ = ["STORES", "Store"]
