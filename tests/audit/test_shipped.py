"""The shipped examples are not stopped by the audit, and it is quick on them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rung.audit import Material, audit
from rung.climbing.auditing import audit_of
from rung.climbing.tools import ClimbOptions, Tools
from rung.task.load import load_task

EXAMPLES = sorted(p.parent for p in (Path(__file__).parents[2] / "examples").rglob("rung.toml"))
SECONDS = 2.0


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda p: p.name)
def test_nothing_that_needs_no_vector_blocks_them(folder: Path) -> None:
    assert audit(Material(load_task(folder))).blocking == ()


@pytest.mark.slow
@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda p: p.name)
async def test_with_cached_vectors_it_is_quick_calls_no_model_and_blocks_nothing(
    folder: Path, tmp_path: Path
) -> None:
    tools = Tools(load_task(folder), ClimbOptions(folder=tmp_path))
    first = await audit_of(tools)  # embeds, and imports what it needs
    started = time.process_time()
    again = await audit_of(tools)
    assert time.process_time() - started < SECONDS
    await tools.aclose()
    assert again == first and again.blocking == () and tools.counter.made == 0
    assert not any("embedder" in check.skipped for check in again.checked)
