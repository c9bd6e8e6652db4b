"""The shelf's list, by the name that a climb gives."""

from collections.abc import Callable

from rung.measure.executors.base import Executor
from rung.measure.executors.here import Here

EXECUTORS: dict[str, Callable[[], Executor]] = {"here": Here}
