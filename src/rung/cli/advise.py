"""`rung advise` and `rung init`: the framework's questions, its expectation, a starter project."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rung.errors import UserError

if TYPE_CHECKING:
    from rung.decide.rules.answers import Answers

ASKING = """\
Some 20 short questions. Enter is "not known", always a fair answer.
"""

AnswersFile = Annotated[
    Path | None, typer.Option("--answers", help="Answers as TOML: question = answer.")
]
Given = Annotated[
    list[str] | None,
    typer.Option("--answer", "-a", help="One answer: question=answer. May be repeated."),
]
Ask = Annotated[
    bool | None,
    typer.Option("--ask/--no-ask", help="Ask on the terminal; by default where there is one."),
]


def advise(
    answers: AnswersFile = None,
    answer: Given = None,
    ask: Ask = None,
    task: Annotated[
        Path | None, typer.Option(help="A task's folder: what it knows is not asked.")
    ] = None,
    on: Annotated[str | None, typer.Option(help="Prices of this day, YYYY-MM-DD.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """What the framework expects before anything is measured, each reason with its source."""
    from rung.decide.advise import advise as advised
    from rung.decide.rules import wording
    from rung.economics import output

    known = _of_task(task) if task is not None else {}
    collected = collect(answers, answer or [], ask=_asks(ask, as_json), known=known)
    result = advised(collected, _day(on), str(task) if task is not None else None)
    if as_json:
        typer.echo(output.dumps(wording.as_json(result)), nl=False)
    else:
        typer.echo(wording.text(result), nl=False)


def init(
    folder: Annotated[Path, typer.Argument(help="The new project's folder.")] = Path("."),
    answers: AnswersFile = None,
    answer: Given = None,
    ask: Ask = None,
    origin: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Data to take the task from: a file of rows, a folder, a promptfooconfig.yaml.",
        ),
    ] = None,
) -> None:
    """A project with a valid rung.toml: a starter from the answers, or from data (--from)."""
    from rung.decide.rules.starter import starter

    if (folder / "rung.toml").exists():
        raise UserError(f"{folder / 'rung.toml'} is there already; choose another folder.")
    if origin is not None:
        _take_over(folder, origin)
        return
    collected = collect(answers, answer or [], ask=_asks(ask, False), known={})
    files = starter(collected, folder.resolve().name)
    _write(folder, files)
    typer.echo(f"Next: put your own rows into examples.jsonl, then: rung climb {folder}")


def _take_over(folder: Path, origin: Path) -> None:
    """A task from other data; what was taken for what, and what was left, is said.

    Nothing is written where the task could not be loaded, but for what only a person can add.
    """
    import tempfile

    from rung.exchange.importing import from_path
    from rung.task.load import load_task

    made = from_path(origin, folder.resolve().name)
    for note in made.notes:
        typer.echo(f"  {note}")
    if made.unready:
        _write(folder, made.files)
        raise UserError(made.unready)
    with tempfile.TemporaryDirectory() as tried:
        for path, text in made.files.items():
            (Path(tried) / path).write_text(text, encoding="utf-8")
        task = load_task(tried)
    _write(folder, made.files)
    sizes = f"{len(task.train)} train, {len(task.dev)} dev, {len(task.test)} test"
    typer.echo(
        f"{sizes} examples. Next: look at the guesses in rung.toml, then: rung climb {folder}"
    )


def _write(folder: Path, files: dict[str, str]) -> None:
    taken = [path for path in files if (folder / path).exists() and path != ".gitignore"]
    if taken:
        raise UserError(f"{folder / taken[0]} is there already; choose another folder.")
    for path, text in files.items():
        target = folder / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    typer.echo(f"Wrote {', '.join(sorted(files))} in {folder}.")


def collect(file: Path | None, given: list[str], *, ask: bool, known: dict[str, Any]) -> Answers:
    """Answers from a task, a file, flags and the terminal; a later one overrides."""
    from rung.decide.rules.answers import Answers, parse_answer
    from rung.decide.rules.conditions import met
    from rung.decide.rules.loader import questions

    collected: dict[str, Any] = dict(known)
    if file is not None:
        collected |= _read(file)
    for item in given:
        field, sign, text = item.partition("=")
        if not sign:
            raise UserError(f"--answer {item!r}: write it as question=answer.")
        if field.startswith("thresholds."):
            own = {**collected.get("thresholds", {}), field.removeprefix("thresholds."): text}
            collected["thresholds"] = own
        else:
            collected[field] = parse_answer(field, text)
    Answers.read(_stated(collected))
    if ask:
        typer.echo(ASKING, err=True)
        for question in questions():
            idle = not all(met(condition, collected, {}) for condition in question.when)
            if question.field not in collected and not idle:
                collected[question.field] = _asked(question)
    return Answers.read(_stated(collected))


def _asked(question: Any) -> Any:
    """One question on the terminal, again until the answer can be taken."""
    from rung.decide.rules.answers import Answers, parse_answer

    named = (f"{c} ({question.words[c]})" if c in question.words else c for c in question.choices)
    choices = f"\n  {', '.join(named)}\n " if question.choices else ""
    hint = " [yes/no]" if question.kind == "yes-no" else choices
    while True:
        text = typer.prompt(f"{question.ask}{hint}", default="?")
        try:
            value = parse_answer(question.field, text)
            Answers.read(_stated({question.field: value}))
        except UserError as error:
            typer.echo(str(error), err=True)
            continue
        return value


def _stated(collected: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in collected.items() if value is not None}


def _read(file: Path) -> dict[str, Any]:
    import tomllib
    from decimal import Decimal

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError as error:
        raise UserError(f"{file} is not there; give a TOML file of answers.") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file} is not TOML: {error}; correct it.") from error


def _of_task(folder: Path) -> dict[str, Any]:
    from rung.decide.rules.answers import answers_of
    from rung.task.load import load_task

    return answers_of(load_task(folder)).model_dump(exclude_defaults=True)


def _asks(ask: bool | None, as_json: bool) -> bool:
    """Asking is for people: on a terminal, and not where JSON is wanted."""
    return ask if ask is not None else sys.stdin.isatty() and not as_json


def _day(given: str | None) -> date:
    if given is None:
        return date.today()
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise UserError(f"--on {given!r}: write the day as YYYY-MM-DD.") from error
