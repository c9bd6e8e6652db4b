"""The embedded chat engine: batches, shared prefixes, adapters, constrained decoding."""

from rung.models.local.engine import LocalModel
from rung.models.local.opening import open_local

__all__ = ["LocalModel", "open_local"]
