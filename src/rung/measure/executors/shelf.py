"""The shelf's list, by the name that a climb gives."""

from collections.abc import Callable
from functools import partial

from rung.errors import UserError
from rung.measure.executors.base import Executor
from rung.measure.executors.here import Here
from rung.measure.executors.on_ray import OnRay

EXECUTORS: dict[str, Callable[[], Executor]] = {
    "here": Here,
    "ray": OnRay,
    "auto": partial(OnRay, "auto"),
}
RAY = "ray://"


def executor_of(name: str) -> Callable[[], Executor]:
    """What makes the executor of that name, or of a Ray cluster's address; else `UserError`."""
    if name.startswith(RAY):
        return partial(OnRay, name)
    if name not in EXECUTORS:
        raise UserError(
            f"the executor {name!r} is unknown; known are {', '.join(EXECUTORS)}, {RAY}HOST:PORT"
        )
    return EXECUTORS[name]
