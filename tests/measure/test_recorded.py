"""What tells two recordings of a tool apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.knowledge.tools import ToolResult
from rung.measure.budget import Budget
from rung.measure.cache import Cache
from rung.measure.recorded import RecordedTool
from rung.task.tools import ToolSettings
from rung.task.types import digest

SCHEMA = {"type": "object"}
PLAIN = {"name": "stock", "url": "https://shop.example/stock", "schema": SCHEMA}


class Counting:
    def __init__(self, settings: ToolSettings) -> None:
        self.settings, self.calls = settings, 0

    async def call(self, arguments: object) -> ToolResult:
        self.calls += 1
        return ToolResult(text=str(arguments), at="2026-11-29", seconds=0.1)


async def asked_twice(cache: Cache, first: dict[str, object], second: dict[str, object]) -> int:
    """How often the second of two tools was really asked."""
    tools = [Counting(ToolSettings.model_validate(one)) for one in (first, second)]
    for tool in tools:
        await RecordedTool(tool, cache, Budget(None)).call({"part": 7})
    return tools[1].calls


@pytest.mark.parametrize(
    ("changed", "anew"),
    [
        ({"protocol": "mcp"}, 1),
        ({"name": "stock_eu"}, 1),
        ({"max_chars": 10}, 1),
        ({"headers": {"Authorization": "$STOCK_KEY"}}, 0),
        ({"timeout_s": 3.0, "usd_per_call": 0.5, "description": "How many are there."}, 0),
    ],
)
async def test_a_recording_is_of_a_place_and_how_it_is_spoken_to(
    tmp_path: Path, changed: dict[str, object], anew: int
) -> None:
    cache = Cache(tmp_path / "calls.sqlite")
    assert await asked_twice(cache, PLAIN, PLAIN | changed) == anew


async def test_two_models_of_one_reranking_endpoint_are_two_recordings(tmp_path: Path) -> None:
    ranks = {"name": "best", "url": "https://rank.example/v1", "protocol": "rerank"}
    assert (
        await asked_twice(
            Cache(tmp_path / "calls.sqlite"), {**ranks, "model": "a"}, {**ranks, "model": "b"}
        )
        == 1
    )


async def test_a_recording_of_plain_http_is_found_under_its_old_key(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "calls.sqlite")
    key = digest(["stock", PLAIN["url"], None, 4000, {"part": 7}])
    cache.keep_said(key, "stock", ToolResult(text="12", at="then", seconds=1.0).model_dump_json())
    tool = Counting(ToolSettings.model_validate(PLAIN))
    said = await RecordedTool(tool, cache, Budget(None)).call({"part": 7})
    assert said.text == "12" and tool.calls == 0
