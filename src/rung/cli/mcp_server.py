"""The server of `rung mcp`: the verbs that an agent needs, over the Model Context Protocol.

Each tool is a command of the command line in a process of its own, on projects that a person named
and within the money that a person set. Test answers are not shown, as in any report.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import MissingExtraError, UserError

if TYPE_CHECKING:
    from mcp.server import MCPServer

SAID = """\
Rung measures on a team's labelled examples whether to prompt, retrieve, fine-tune or both. Look at
`plan` and `audit` first, which spend nothing; `climb` takes minutes and may spend up to what is
left of the budget; `report` is the newest climb's. A verdict holds for the test examples as they
are: do not change examples to please it.
"""
ANSWERED = (0, 3, 4)
"""Exit codes of a climb that ended: sufficient, insufficient, undecided."""


def server(folders: list[Path], budget: float) -> MCPServer:
    """The server for these projects; `UserError` where one is none."""
    try:
        from mcp.server import MCPServer
    except ImportError:
        raise MissingExtraError("rung mcp", "mcp") from None
    desk = _Desk(_named(folders), budget)
    made = MCPServer("rung", instructions=SAID)
    tools = (desk.projects, desk.plan, desk.audit, desk.climb, desk.report, desk.explain, desk.cost)
    for tool in tools:
        made.tool(structured_output=False)(tool)
    return made


def _named(folders: list[Path]) -> dict[str, Path]:
    from rung.task.load import CONFIG_NAME

    named: dict[str, Path] = {}
    for folder in folders:
        if not (folder / CONFIG_NAME).is_file():
            raise UserError(f"{folder} holds no {CONFIG_NAME}: `rung init {folder}` writes one")
        name = folder.resolve().name
        if name in named:
            raise UserError(f"two projects are called {name!r}: rename a folder")
        named[name] = folder.resolve()
    return named


class _Desk:
    """The tools, the projects they may touch and the money they may spend."""

    def __init__(self, folders: Mapping[str, Path], budget: float) -> None:
        self._folders, self._left = folders, budget
        self._turn = asyncio.Lock()  # of what spends: two at once would share one sum

    async def projects(self) -> str:
        """The projects that may be used, and the money that is left, as JSON."""
        return json.dumps({"projects": sorted(self._folders), "budget_left_usd": self._left})

    async def plan(self, project: str) -> str:
        """What a climb would try, in which order, and what it may take, as JSON. Spends nothing."""
        return await self._run("plan", project, "--json")

    async def audit(self, project: str) -> str:
        """Red flags in the examples, as JSON. Spends nothing."""
        return await self._run("audit", project, "--json")

    async def climb(self, project: str, budget_usd: float = 0.0) -> str:
        """Measure the ladder and name the cheapest technique that is good enough, as Markdown.

        Takes minutes. Spends at most `budget_usd`, and no more than what is left for all.
        """
        async with self._turn:
            most = self._granted(budget_usd)
            output = await self._run("climb", project, "--json", "--budget", str(most))
            self._left += most - json.loads(output)["spent_usd"]
        return await self.report(project)

    async def report(self, project: str) -> str:
        """The newest climb's verdict, scores with intervals, costs and reasons, as Markdown."""
        return await self._run("report", project, "--format", "markdown")

    async def explain(self, project: str, budget_usd: float = 0.0) -> str:
        """Why the dev failures of the newest climb fail, each cause proven by a change, as JSON.

        What it may spend counts as spent.
        """
        async with self._turn:
            most = self._granted(budget_usd)
            return await self._run("explain", project, "--json", "--budget", str(most))

    async def cost(self, project: str, requests_per_month: int | None = None) -> str:
        """What each measured candidate costs, at the task's volume or another, as JSON."""
        volume = (
            () if requests_per_month is None else ("--requests-per-month", str(requests_per_month))
        )
        return await self._run("cost", project, "--json", *volume)

    def _granted(self, wanted: float) -> float:
        """Taken off what is left at once: a command that breaks off may have spent all of it."""
        if not 0.0 <= wanted <= self._left:
            raise _refusal(
                f"{wanted:g} USD were asked for and {self._left:g} are left: ask for less, or have "
                "a person start `rung mcp` with a larger --budget"
            )
        self._left -= wanted
        return wanted

    async def _run(self, verb: str, project: str, *options: str) -> str:
        """Standard output of a command; its own sentence as an error where it refuses."""
        folder = self._folders.get(project)
        if folder is None:
            raise _refusal(f"unknown project {project!r}; there are: {', '.join(self._folders)}")
        command = (sys.executable, "-m", "rung", verb, str(folder), *options)
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
        try:
            out, complaint = await child.communicate()
        finally:
            if child.returncode is None:  # the agent hung up: what was answered is kept
                child.terminate()
        if child.returncode in ANSWERED:
            return out.decode("utf-8", "replace")
        lines = complaint.decode("utf-8", "replace").strip().splitlines()
        raise _refusal(lines[-1] if lines else f"rung {verb} ended with {child.returncode}")


def _refusal(message: str) -> Exception:
    """What reaches the agent as the words of a failed tool."""
    from mcp.server.mcpserver.exceptions import ToolError

    return ToolError(message.removeprefix("rung: "))
