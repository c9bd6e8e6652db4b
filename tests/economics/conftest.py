from __future__ import annotations

from datetime import date

import pytest
from hypothesis import settings

settings.register_profile("economics", deadline=None)
settings.load_profile("economics")


@pytest.fixture
def on() -> date:
    return date(2026, 11, 21)
