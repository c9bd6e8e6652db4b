"""`rung mcp`: an agent's own client, the projects a person named, the money a person set."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from rung.cli.mcp_server import server
from rung.errors import UserError

from .test_mistakes import write

mcp = pytest.importorskip("mcp", reason="the extra mcp is not installed")
Ask = Callable[[str, dict[str, Any]], Coroutine[Any, Any, tuple[bool, str]]]


def asked(place: Any, talk: Callable[[Ask], Coroutine[Any, Any, None]]) -> None:
    """Talk to a server with the SDK's client."""

    async def run() -> None:
        async with mcp.Client(place) as client:

            async def ask(tool: str, arguments: dict[str, Any]) -> tuple[bool, str]:
                result = await client.call_tool(tool, arguments)
                return bool(result.is_error), "".join(c.text for c in result.content)

            await talk(ask)

    asyncio.run(run())


def test_over_standard_input_as_an_agent_starts_it(tmp_path: Path) -> None:
    write(tmp_path)
    arguments = ["-m", "rung", "mcp", str(tmp_path), "--budget", "2"]

    async def talk(ask: Ask) -> None:
        failed, said = await ask("projects", {})
        assert not failed
        assert json.loads(said) == {"projects": [tmp_path.name], "budget_left_usd": 2.0}
        failed, said = await ask("plan", {"project": tmp_path.name})
        assert not failed and json.loads(said)["candidates"]

    here = dict(os.environ)
    asked(mcp.StdioServerParameters(command=sys.executable, args=arguments, env=here), talk)


def test_nobody_spends_more_than_is_left_or_elsewhere(tmp_path: Path) -> None:
    write(tmp_path)

    async def talk(ask: Ask) -> None:
        for verb in ("climb", "explain"):
            failed, said = await ask(verb, {"project": tmp_path.name, "budget_usd": 0.5})
            assert failed and "0.5 USD were asked for and 0.25 are left" in said
        failed, said = await ask("climb", {"project": tmp_path.name, "budget_usd": -1.0})
        assert failed and "-1 USD were asked for" in said
        for other in ("elsewhere", str(tmp_path), "../x"):
            failed, said = await ask("plan", {"project": other})
            assert failed and f"unknown project {other!r}; there are: {tmp_path.name}" in said

    asked(server([tmp_path], 0.25), talk)


def test_what_broke_off_counts_as_spent(tmp_path: Path) -> None:
    write(tmp_path, **{"rung.toml": "broken ["})

    async def talk(ask: Ask) -> None:
        failed, _ = await ask("climb", {"project": tmp_path.name, "budget_usd": 0.75})
        _, said = await ask("projects", {})
        assert failed and json.loads(said)["budget_left_usd"] == 0.25

    asked(server([tmp_path], 1.0), talk)


def test_a_refusal_of_the_command_reaches_the_agent(tmp_path: Path) -> None:
    write(tmp_path)

    async def talk(ask: Ask) -> None:
        failed, said = await ask("report", {"project": tmp_path.name})
        assert failed and f"no run below {tmp_path}: run `rung climb" in said

    asked(server([tmp_path], 0.0), talk)


def test_only_projects_are_served(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no rung\.toml"):
        server([tmp_path], 0.0)


@pytest.mark.slow
def test_a_climb_for_an_agent(tmp_path: Path) -> None:
    write(tmp_path)

    async def talk(ask: Ask) -> None:
        failed, said = await ask("climb", {"project": tmp_path.name})
        assert not failed and said.startswith("### ") and "undecided" in said
        failed, said = await ask("cost", {"project": tmp_path.name})
        assert not failed and json.loads(said)

    asked(server([tmp_path], 0.0), talk)
