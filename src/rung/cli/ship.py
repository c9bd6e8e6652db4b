"""`rung promote`, `rung rollback`, `rung reindex`: what is served, and when it changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rung.loop.shipping.promote import Promotion
    from rung.loop.shipping.reindex import Reindexed

Folder = Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
REFUSED, UNDECIDED = 3, 4


def promote(
    folder: Folder,
    challenger: Annotated[
        str | None, typer.Option(help="Hash of a kept winner; .rung/challenger when left out.")
    ] = None,
    examples: Annotated[
        Path | None, typer.Option(help="Held-out examples; the test split when left out.")
    ] = None,
    margin: Annotated[float, typer.Option(help="How much worse is not worse.")] = 0.05,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare, swap nothing.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Swap whatever the test says; recorded, and marked.")
    ] = False,
    budget: Annotated[float | None, typer.Option(help="Most USD to spend.", min=0.0)] = None,
    as_json: Json = False,
) -> None:
    """Swap the served winner, after a paired test against it on held-out examples.

    With --anyway what is not certified, or lost the test, is swapped in too: the log keeps that it
    was, and serving, pages, reports and exports call it unproven.

    Exit code 0: swapped (or the same). 3: the challenger is worse. 4: the examples cannot tell.
    """
    from rung.climbing.tools import ClimbOptions
    from rung.loop.shipping.promote import promote as swap

    done = swap(
        folder,
        ClimbOptions(budget_usd=budget),
        challenger=challenger,
        examples=examples,
        margin=margin,
        dry_run=dry_run,
        anyway=anyway,
    )
    typer.echo(done.model_dump_json(indent=1) if as_json else _promotion(done))
    refused = {} if done.swapped else {"worse": REFUSED, "undecided": UNDECIDED}
    raise typer.Exit(refused.get(done.outcome, 0))


def rollback(
    folder: Folder,
    to: Annotated[
        str | None, typer.Option(help="Hash of a kept winner; the one before when left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve the winner before the present one again."""
    from rung.loop.shipping.winners import Winners
    from rung.task.files import project_folder

    winners = Winners(project_folder(folder))
    swap = winners.rollback(to)
    if as_json:
        typer.echo(swap.model_dump_json(indent=1))
        return
    doubt = winners.doubt()
    swapped = f"{swap.now[:16]} is the winner again; {(swap.was or '')[:16]} is kept"
    typer.echo(f"{swapped}\n{doubt}" if doubt else swapped)
    typer.echo(RESTART)


def reindex(folder: Folder, as_json: Json = False) -> None:
    """Index the documents anew for the served winner; only new passages are embedded."""
    from rung.loop.shipping.reindex import reindex as index

    done = index(folder)
    typer.echo(done.model_dump_json(indent=1) if as_json else _reindexed(done))


RESTART = "a server that runs goes on with what it opened: start it anew to serve this one"


def _promotion(done: Promotion) -> str:
    outcome = _outcome(done)
    if done.swapped and done.unproven:
        return f"{outcome}\n{done.unproven}: it is marked so wherever it shows"
    return outcome


def _outcome(done: Promotion) -> str:
    name = done.challenger[:16]
    if done.outcome == "same":
        return f"{name} is the winner already: nothing waits to be promoted"
    if done.outcome == "first":
        is_now = "is the winner" if done.swapped else "would be the winner without --dry-run"
        return f"{name} {is_now}; from now on a swap needs a paired test"
    if done.instead:
        return f"not compared: {done.instead}\n{_end(done)}"
    if done.difference is None:
        return (
            f"undecided: fewer than 20 examples were answered by both, {done.unanswered} were not"
            f"\n{_share(done)}\n{_end(done)}"
        )
    sentence = (
        f"{name} against {(done.present or '')[:16]} on {done.n} held-out examples: difference "
        f"{done.difference:+.3f} [{done.low:+.3f}, {done.high:+.3f}] at "
        f"{100 * (done.confidence or 0):.4g} % ({done.method}); "
    )
    verdict = {
        "better": "better",
        "not worse": f"at most {done.margin:g} worse",
        "worse": "worse",
        "undecided": f"it may be more than {done.margin:g} worse: add held-out examples, or allow "
        "more with --margin",
    }[done.outcome]
    return f"{sentence}{verdict}\n{_share(done)}\n{_end(done)}"


def _end(done: Promotion) -> str:
    if done.swapped:
        how = "swapped" if done.outcome in ("better", "not worse") else "swapped all the same"
        return f"{how}; `rung rollback` undoes it; {RESTART}"
    if done.outcome in ("better", "not worse"):
        return "the present winner stays: without --dry-run it would be swapped"
    return "the present winner stays; `--anyway` swaps all the same, and marks it as unproven"


def _share(done: Promotion) -> str:
    """What the comparison took of the examples' error, and what it leaves."""
    sentence = (
        f"it took {done.alpha:.2g} of the {done.alpha_total:.2g} that the {done.alpha_of} may err"
    )
    if done.alpha_next is None:
        return f"{sentence}; nothing is left: the next comparison needs fresh ones (--examples)"
    return (
        f"{sentence}; {done.alpha_left:.2g} is left, of which the next gets {done.alpha_next:.2g}"
    )


def _reindexed(done: Reindexed) -> str:
    sentence = (
        f"{done.documents} documents: {done.changed} changed, {done.added} new, "
        f"{done.removed} gone; {done.passages} passages: {done.kept} as before, "
        f"{done.embedded} texts embedded"
    )
    if done.challenger is None:
        return f"{sentence}\nthe index is up to date"
    return f"{sentence}\n{done.challenger[:16]} waits as challenger: `rung promote` tests it"
