"""The log in SQLite, and in a PostgreSQL that the test starts itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from postgres import new_database
from rung.traffic import log_url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty log, of either kind."""
    if request.param == "sqlite":
        return log_url(tmp_path)
    return new_database(request.getfixturevalue("postgres"))
