"""Property tests draw fewer examples in a quick run; `make test` asks for all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from postgres import started

settings.register_profile("fast", max_examples=8, deadline=None)
settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=50, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session", autouse=True)
def label_noise_is_looked_for_once() -> Iterator[None]:
    """Many climbs share their examples, and a third of a scripted climb is spent on their labels.

    What is found depends on vectors, labels and seed alone.
    """
    from rung.audit import noise

    looked, seen = noise.find, {}

    def find(vectors, labels, seed):
        key = (vectors.shape, vectors.tobytes(), labels.tobytes(), labels.dtype, seed)
        if key not in seen:
            seen[key] = looked(vectors, labels, seed)
        return seen[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise, "find", find)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that ask for the most time go first, so that none begins when another core is done."""

    def asked(item: pytest.Item) -> float:
        marker = item.get_closest_marker("timeout")
        return float(marker.args[0]) if marker else 0.0

    longest: dict[Path, float] = {}
    for item in items:
        longest[item.path] = max(longest.get(item.path, 0.0), asked(item))
    items.sort(key=lambda item: -longest[item.path])


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server, started here and stopped at the end."""
    with started() as url:
        yield url
