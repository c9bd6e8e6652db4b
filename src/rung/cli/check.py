"""`rung check`: what is served and what a pull request would make of it, for CI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rung.loop.shipping.check import Checked

MARKS = {0: "✅", 3: "❌", 4: "❔"}
PASSES = {
    "passes": "the served winner still does what is asked",
    "fails": "the served winner is below its target",
    "undecided": "the served winner cannot be told from its target",
}
CHANGES = {
    "same": "nothing that it is asked with has changed",
    "better": "as this folder makes it, it is better",
    "not worse": "as this folder makes it, it is at most {margin:g} worse",
    "worse": "as this folder makes it, it is worse",
    "undecided": "as this folder makes it, it may be more than {margin:g} worse",
}


def check(
    folder: Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")],
    margin: Annotated[float, typer.Option(help="How much worse is not worse.")] = 0.05,
    budget: Annotated[float | None, typer.Option(help="Most USD to spend.", min=0.0)] = None,
    form: Annotated[str, typer.Option("--format", help="terminal, markdown or json.")] = "terminal",
) -> None:
    """For CI: does the served winner still pass, and is it not worse as this folder makes it?

    Both are asked on dev, the second paired: it certifies nothing, and leaves the error of the test
    split alone. Exit code 0: both hold. 3: below the target, or worse. 4: cannot be told.
    """
    from rung.climbing.tools import ClimbOptions
    from rung.errors import UserError
    from rung.loop.shipping.check import check as look
    from rung.task.wording import did_you_mean

    forms = ("terminal", "markdown", "json")
    if form not in forms:
        raise UserError(f"unknown format {form!r} in --format; {did_you_mean(form, forms)}")
    done = look(folder, ClimbOptions(budget_usd=budget), margin=margin)
    if form == "json":
        typer.echo(done.model_dump_json(indent=1))
    else:
        lines = _sentences(done)
        typer.echo(_markdown(done, lines) if form == "markdown" else "\n".join(lines))
    raise typer.Exit(done.code)


def _sentences(done: Checked) -> list[str]:
    lines = [f"{PASSES[done.passes]}: {_score(done)} on dev, {done.metric} ≥ {done.target:g} asked"]
    change = CHANGES[done.change].format(margin=done.margin)
    if done.difference is not None:
        change += (
            f": {done.difference:+.3f} [{done.difference_low:+.3f}, {done.difference_high:+.3f}] "
            f"on {done.compared} dev examples that both answered"
        )
    lines.append(change)
    lines += [f"what is served is {done.doubt}"] if done.doubt else []
    lines += [f"{done.unanswered} examples got no answer: in no score"] if done.unanswered else []
    return lines


def _score(done: Checked) -> str:
    if done.score is None:
        return f"only {done.n} scored"
    return f"{done.score:.3f} [{done.low:.3f}, {done.high:.3f}] of {done.n}"


def _markdown(done: Checked, lines: list[str]) -> str:
    from rung.report.markdown import escape

    bullets = "\n".join(f"- {escape(line)}" for line in lines)
    return (
        f"### {MARKS[done.code]} {escape(done.task)}: rung check\n\n{bullets}\n\n"
        f"<sub>{escape(done.winner)} · 95 % intervals on dev, which certify nothing</sub>"
    )
