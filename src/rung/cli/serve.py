"""`rung serve`, `rung keys`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.errors import MissingExtraError
from rung.project import ProjectFolder

if TYPE_CHECKING:
    from rung.serve.keys import KeyRing
    from rung.serve.settings import Settings
    from rung.serve.winner import Served

Folder = Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")]
Name = Annotated[str, typer.Argument(help="Who uses it.", metavar="NAME")]

keys_app = typer.Typer(help="API keys of a served task.", no_args_is_help=True)


def serve(  # noqa: PLR0913 - one parameter an option
    folder: Folder,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own needs keys.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; a free one when 0.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes, each with its own solver.")] = 1,
    log: Annotated[
        str | None,
        typer.Option(
            envvar="RUNG_LOG", help="URL of the traffic log; DIR/.rung/traffic.sqlite if left out."
        ),
    ] = None,
    no_log: Annotated[bool, typer.Option("--no-log", help="Keep no traffic log.")] = False,
    log_contents: Annotated[
        bool, typer.Option("--log-contents", help="Show inputs and answers on standard error.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Nothing is certified: serve what came nearest.")
    ] = False,
    otel: Annotated[bool, typer.Option("--otel", help="Send OpenTelemetry spans (OTLP).")] = False,
) -> None:
    """Serve the winner of the last climb as an OpenAI-compatible endpoint."""
    _needs_extra()
    from rung.serve.run import serve as run
    from rung.serve.settings import read_settings
    from rung.traffic import log_url

    if anyway and not ProjectFolder(folder).winner.exists():
        from rung.loop.shipping.promote import promote

        promote(folder, anyway=True)

    settings = read_settings(
        folder,
        host=host,
        port=port,
        workers=workers,
        log=None if no_log else log or log_url(folder),
        otel=otel,
        log_contents=log_contents,
    )
    try:
        run(settings, announce)
    except KeyboardInterrupt:
        raise typer.Exit from None


def announce(settings: Settings, served: Served, address: str) -> None:
    """What is served, to whom, and what is kept of it."""
    from rung.serve.keys import KeyRing

    names = [key.name for key in KeyRing(settings.folder).kept()]
    typer.echo(f"serving {served.task} with {served.key}, solver {served.digest[:12]}")
    if served.doubt:
        typer.echo(f"  {served.doubt}")
    typer.echo(f"  {address}/v1, model {served.task!r}")
    if names:
        typer.echo(f"  API keys: {', '.join(names)}")
    else:
        typer.echo("  no API keys: this machine only (`rung keys add` makes one)")
    typer.echo(f"  log: {_place(settings)}")
    if served.unpriced:
        typer.echo(f"  costs are not told: {served.unpriced}")


def _place(settings: Settings) -> str:
    if settings.log is None:
        return "none"
    from sqlalchemy.engine import make_url

    limits = settings.limits
    place = make_url(settings.log).render_as_string(hide_password=True)
    days = "for ever" if limits.keep_days == "forever" else f"for {limits.keep_days:g} days"
    share = "every request" if limits.sample == 1 else f"{limits.sample:.0%} of the requests"
    redacted = "redacted" if limits.redact else "as it is"
    return f"{share}, {redacted}, {days}, in {place}"


@keys_app.command("add")
def add_key(folder: Folder, name: Name) -> None:
    """Make a key and show it, once."""
    typer.echo(_ring(folder).add(name))
    typer.echo("keep it: only its hash is stored, and it cannot be shown again", err=True)


@keys_app.command("list")
def list_keys(folder: Folder) -> None:
    """Show the names of the keys and when each was made."""
    kept = _ring(folder).kept()
    for key in kept:
        typer.echo(f"{key.name}  {key.created:%Y-%m-%d}")
    if not kept:
        typer.echo("no keys: only this machine is served (`rung keys add` makes one)", err=True)


@keys_app.command("remove")
def remove_key(folder: Folder, name: Name) -> None:
    """Forget a key; a running server refuses it from the next request on."""
    _ring(folder).remove(name)
    typer.echo(f"removed {name}: a running server refuses it from now on", err=True)


def _ring(folder: Path) -> KeyRing:
    from rung.serve.keys import KeyRing
    from rung.task.files import project_folder

    return KeyRing(project_folder(folder))


def _needs_extra() -> None:
    for library in ("fastapi", "httptools", "prometheus_client", "sqlalchemy", "uvicorn"):
        if find_spec(library) is None:
            raise MissingExtraError("serving", "serve")
