"""`rung ui`: the projects in a browser."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from rung.errors import MissingExtraError

NEEDED = ("starlette", "uvicorn")


def ui(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Folders with rung.toml, or folders of such folders.", metavar="DIR..."
        ),
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond the loopback a key is asked for.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8010,
    key: Annotated[
        str | None,
        typer.Option(envvar="RUNG_UI_KEY", show_envvar=True, help="The key to ask for."),
    ] = None,
    who: Annotated[
        str, typer.Option(help="Name kept with what is approved or corrected.")
    ] = "reviewer",
    browser: Annotated[bool, typer.Option("--open", help="Open a browser.")] = False,
) -> None:
    """The same in a browser: live climbs, runs, what-if costs, the questionnaire."""
    _show(folders, host, port, key, who, browser=browser)


def review(
    folder: Annotated[
        Path, typer.Argument(help="The folder that holds rung.toml.", metavar="DIR")
    ] = Path(),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; a free one when 0.")] = 0,
    log: Annotated[
        str | None, typer.Option(envvar="RUNG_LOG", help="URL of the traffic log.")
    ] = None,
    who: Annotated[str, typer.Option(help="Name kept with the feedback.")] = "reviewer",
    key: Annotated[
        str | None,
        typer.Option(envvar="RUNG_UI_KEY", show_envvar=True, help="The key to ask for."),
    ] = None,
) -> None:
    """Look at served answers, or at drafted examples, in a browser; approve or correct them."""
    from rung.loop.drafts import Drafts
    from rung.project import ProjectFolder
    from rung.solver.store import read_spec

    page = "drafts" if Drafts(folder).waiting() else "review"
    if page == "review":
        if find_spec("sqlalchemy") is None:
            raise MissingExtraError("rung review", "serve")
        read_spec(ProjectFolder(folder).winner)
    _show([folder], "127.0.0.1", port, key, who, log=log, page=page)


def _show(
    folders: list[Path],
    host: str,
    port: int,
    key: str | None,
    who: str,
    *,
    log: str | None = None,
    page: str = "",
    browser: bool = False,
) -> None:
    """Serve the pages; `page` is one of the first project's."""
    if any(find_spec(name) is None for name in NEEDED):
        raise MissingExtraError("rung ui", "ui")
    from rung.ui.app import key_for, listen, open_site, serve

    asked = key_for(host, key)
    with listen(host, port) as where:
        site = open_site(folders, asked, where, who, log)
        at = f"[{host}]" if ":" in host else host
        address = f"http://{at}:{where.getsockname()[1]}"
        if page:
            address += f"/p/{next(iter(site.shelf.projects))}/{page}"
        names = ", ".join(project.name for project in site.shelf.projects.values())
        typer.echo(f"{names}\nopen {address}  (Ctrl-C ends it)")
        if asked is not None and key is None:
            typer.echo(f"key: {asked}")
        if browser:
            import webbrowser

            webbrowser.open(address)
        serve(site, where)
