"""The list of export formats, and the one way to make one."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from rung.audit.checks.personal import held
from rung.behaviour.trainers.hosted.shelf import PROVIDERS
from rung.errors import UserError
from rung.exchange.exporting.adapter import export_adapter
from rung.exchange.exporting.bundle import export_bundle
from rung.exchange.exporting.chat import export_chat
from rung.exchange.exporting.evaluations import export_inspect, export_promptfoo
from rung.exchange.exporting.files import Files
from rung.exchange.exporting.prompt import export_prompt
from rung.exchange.exporting.source import Source
from rung.exchange.exporting.trainers import CONFIGS, export_trainer
from rung.loop.shipping.winners import Winners
from rung.project import ProjectFolder
from rung.records import Flag
from rung.records.results import RunResult
from rung.state import read_kept
from rung.task.types import Frozen, SplitName
from rung.task.wording import did_you_mean

Exporter = Callable[[Source], Awaitable[Files]]


def _chat(name: str) -> Exporter:
    return lambda source: export_chat(source, name)


def _trainer(name: str) -> Exporter:
    return lambda source: export_trainer(source, name)


FORMATS: dict[str, Exporter] = {
    **{name: _chat(name) for name in PROVIDERS},
    **{name: _trainer(name) for name in CONFIGS},
    "vllm": export_adapter,
    "prompt": export_prompt,
    "promptfoo": export_promptfoo,
    "inspect": export_inspect,
    "bundle": export_bundle,
}
"""By the name in `--to`."""
LEAVES = "What is exported may hold it: send it only where that may go, or redact it first."


def _personal(root: Path) -> list[str]:
    """What the audit of the newest run held against the data's leaving this machine."""
    newest = ProjectFolder(root).run_files()[-1:]
    results = [read_kept(path, RunResult) for path in newest]
    flags = [flag for result in results if result is not None for flag in result.flags]
    return [warning(flag) for flag in flags if flag.id in ("personal-data", "secrets")]


def warning(flag: Flag) -> str:
    """What a flag counted, without where a climb sends the data: an export goes elsewhere."""
    texts = len(flag.examples) if flag.figure is None else int(flag.figure)
    return f"the audit says: {held(flag.id, texts, flag.counts)}. {LEAVES}"


class Export(Frozen):
    """What was written."""

    to: str
    folder: str
    files: tuple[str, ...]
    notes: tuple[str, ...]


def export(
    folder: str | Path,
    to: str,
    out: str | Path | None = None,
    *,
    candidate: str | None = None,
    base: str | None = None,
    split: SplitName = "dev",
    harvested: bool = False,
    with_data: bool = True,
) -> Export:
    """Export the task in `folder`; files go to `out`, or to `export/FORMAT` in it.

    Raises `UserError` where the format does not fit the task; nothing is written then.
    """
    if to not in FORMATS:
        raise UserError(f"unknown format {to!r} in --to; {did_you_mean(to, FORMATS)}")

    async def make() -> tuple[Files, Path]:
        source = Source(Path(folder), candidate, base, split, harvested, with_data)
        try:
            files = await FORMATS[to](source)
            doubt = None if candidate else Winners(source.root).doubt()
            if doubt:
                files.note(f"the winner is {doubt}")
            files.notes += _personal(source.root) if with_data else []
            return files, source.root
        finally:
            await source.aclose()

    files, root = asyncio.run(make())
    target = Path(out) if out is not None else root / "export" / to
    files.write(target)
    return Export(
        to=to,
        folder=str(target),
        files=tuple(sorted(files.contents)),
        notes=tuple(files.notes),
    )
