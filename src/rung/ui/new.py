"""A project from a file that was dropped on the first page: what `rung climb FILE` makes of it."""

import hmac
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rung.errors import StoreError, UserError
from rung.exchange.importing import from_path
from rung.project import write_whole
from rung.task.load import CONFIG_NAME
from rung.task.rows import is_rows
from rung.ui.guard import Forged
from rung.ui.site import Site

MOST_FILE = 50 * 1024 * 1024
"""Bytes of a file that is taken from a browser."""


async def take_file(site: Site, request: Request) -> Response:
    """Keep the file beside the projects, make its project, and say where its page is."""
    session = request.scope["state"].get("session")
    given = request.headers.get("x-token", "")
    if session is None or not hmac.compare_digest(
        given.encode(), site.guard.token(session).encode()
    ):
        raise Forged(
            "This file does not come from a page of this server as it runs now: load it anew"
        )
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_FILE:
            return _refused(
                f"the file is larger than {MOST_FILE // 2**20} MB: rung climb FILE reads it"
            )
    name = request.query_params.get("name", "")
    try:
        slug = await run_in_threadpool(make_project, site, name, bytes(body))
    except (UserError, StoreError) as error:
        return _refused(str(error))
    return JSONResponse({"address": f"/p/{slug}/data"})


def _refused(why: str) -> Response:
    return JSONResponse({"error": {"status": 400, "message": why}}, 400)


def make_project(site: Site, name: str, content: bytes) -> str:
    """The new project's slug. Raises `UserError`; what was written is gone then."""
    path = site.shelf.place / name
    stem = name.removesuffix(".gz").rpartition(".")[0]
    if Path(name).name != name or not stem or name.startswith(".") or not is_rows(Path(name)):
        raise UserError(
            f"{name[:80]!r} is no file of rows: drop a CSV, JSON, JSONL, XLSX or Parquet"
        )
    project = site.shelf.place / stem
    if path.exists() or project.exists():
        raise UserError(f"{name} or a folder {stem} is there already: give the file another name")
    made = write_whole(path, content)
    written: list[Path] = [made]
    try:
        imported = from_path(path, stem, project)
        if imported.unready:
            raise UserError(imported.unready)
        written += [write_whole(project / one, text) for one, text in imported.files.items()]
        return site.shelf.add(project)
    except BaseException:
        for one in written:
            one.unlink(missing_ok=True)
        if project.is_dir() and not (project / CONFIG_NAME).exists():
            for below in sorted(project.rglob("*"), reverse=True):
                below.rmdir()
            project.rmdir()
        raise
