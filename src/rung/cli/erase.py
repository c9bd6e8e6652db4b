"""`rung erase`: one person's request goes out of the traffic log."""

from pathlib import Path
from typing import Annotated

import typer

from rung.errors import UserError


def erase(
    folder: Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")],
    requests: Annotated[
        list[str], typer.Argument(help="Ids of requests, as the server gave them.", metavar="ID...")
    ],
    log: Annotated[str | None, typer.Option(help="URL of the traffic log.")] = None,
) -> None:
    """Delete requests from the traffic log, with what was said of them."""
    from contextlib import closing

    from rung.task.files import project_folder
    from rung.traffic import open_store

    with closing(open_store(log or project_folder(folder), create=False)) as store:
        gone = [request for request in requests if store.erase(request)]
    if gone:
        typer.echo(f"erased {', '.join(gone)}; examples built from them before are yours to delete")
    if missing := [request for request in requests if request not in gone]:
        raise UserError(
            f"no request {', '.join(map(repr, missing))} in the log: ids stand in the answers of "
            "the server (`id`) and on the review page"
        )
