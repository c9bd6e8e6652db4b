"""`rung explain`: failures by cause, or one example through every candidate and probe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rung.project import ProjectFolder

if TYPE_CHECKING:
    from rung.climbing.explaining import Explained, Explainer

SHOWN = 3
"""Failures printed for each cause."""
WIDEST = 400
"""Characters of a text that are shown."""


def explain(
    folder: Annotated[Path, typer.Argument(help="Folder with rung.toml.", metavar="DIR")],
    example: Annotated[
        str | None, typer.Argument(help="Id of one dev example to look at.", metavar="[ID]")
    ] = None,
    candidate: Annotated[
        str | None, typer.Option(help="Key of the candidate to diagnose, or how it begins.")
    ] = None,
    width: Annotated[
        float,
        typer.Option(
            help="Stop when every share is known this closely; 0 probes all.", min=0.0, max=1.0
        ),
    ] = 0.25,
    budget: Annotated[float | None, typer.Option(help="Most USD to spend.", min=0.0)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Explain why the failures of the newest run fail, by changing one thing at a time."""
    import asyncio

    asyncio.run(_explain(folder, example, candidate, width, budget, as_json))


async def _explain(
    folder: Path,
    example: str | None,
    candidate: str | None,
    width: float,
    budget: float | None,
    as_json: bool,
) -> None:
    from rich.console import Console

    from rung.climbing.explaining import Explainer
    from rung.climbing.tools import ClimbOptions
    from rung.report.index_writing import keep_index
    from rung.report.reading import read_run
    from rung.task.load import load_task

    task = load_task(folder)
    place = ProjectFolder(task.root or folder).newest_run()
    run = read_run(place).result
    explainer = Explainer(task, run, place, ClimbOptions(budget_usd=budget))
    console = Console(stderr=as_json)
    done = 0

    with console.status("looking at failures …") as status:

        def progress(_: Any) -> None:
            nonlocal done
            done += 1
            status.update(f"{done} failures probed …")

        try:
            explained = await explainer.explain(candidate, example, width or None, progress)
            side = await _one(explainer, explained, example) if example else None
        finally:
            await explainer.aclose()
        keep_index(place, task.root or folder)
    if as_json:
        import json

        facts = explained.diagnosis.model_dump(mode="json")
        if explained.grounding is not None:
            facts["grounding"] = explained.grounding.model_dump(mode="json")
        facts["kinds"] = [kind.model_dump(mode="json") for kind in explained.kinds]
        typer.echo(json.dumps(side or facts, indent=1))
    elif side is not None:
        _show_one(side, console)
    else:
        show_diagnosis(explained, console)


def show_diagnosis(explained: Explained, console: Any) -> None:
    """Shares with intervals, three failures each, and what each rung could reach."""
    from rich.markup import escape
    from rich.table import Table

    from rung.diagnose import MEANING

    diagnosis = explained.diagnosis
    console.print(
        f"[bold]{escape(diagnosis.candidate)}[/bold]: {diagnosis.failures} of {diagnosis.n} dev "
        f"examples fail, {diagnosis.probed} were probed with {diagnosis.calls} questions.",
        soft_wrap=True,
    )
    if diagnosis.note:
        console.print(escape(diagnosis.note), soft_wrap=True)
    if diagnosis.unanswered:
        console.print(f"{diagnosis.unanswered} were left out: a probe got no answer.")
    if diagnosis.causes:
        table = Table("cause", "share", "interval", "failures", "what it means", box=None)
        for row in diagnosis.causes:
            name = row.cause.replace("_", " ")
            span = f"{row.low:.0%} to {row.high:.0%}"
            table.add_row(name, f"{row.share:.0%}", span, str(row.count), MEANING[row.cause])
        console.print(table)
        console.print("A share is of the failures probed, less what the placebo alone flips.")
    counted = explained.grounding.sentences() if explained.grounding else []
    for sentence in (*(kind.sentence() for kind in explained.kinds), *counted):
        console.print(escape(sentence), soft_wrap=True)
    by_id = {e.id: (e, a) for e, a in explained.attempts}
    for row in diagnosis.causes:
        for place in row.examples[:SHOWN]:
            finding = diagnosis.examples[place]
            example, attempt = by_id[place]
            flip = f", shown by: {finding.flipped_by}" if finding.flipped_by else ""
            also = f" and {', '.join(finding.also).replace('_', ' ')}" if finding.also else ""
            console.print(
                f"\n{row.cause.replace('_', ' ')}{also} · {escape(place)}{flip}\n"
                f"  asked:    {escape(_short(example.input_text()))}\n"
                f"  expected: {escape(_short(_text(example.expected)))}\n"
                f"  answered: {escape(_short(attempt.answer.text if attempt.answer else '–'))}",
                soft_wrap=True,
                highlight=False,
            )
    if diagnosis.bounds:
        console.print("\nWhat each technique could reach, all it can mend mended:")
        for bound in diagnosis.technique_bounds().values():
            console.print(f"  {escape(bound.text)}", soft_wrap=True, highlight=False)


async def _one(explainer: Explainer, explained: Explained, example_id: str) -> dict[str, Any]:
    """One example through the run's candidates and every arm of the probes, side by side."""
    from rung.diagnose.bench import Asked

    bench = explained.bench
    example, attempt = explained.attempts[0]
    own = Asked(bench.subject.candidate.key, attempt, bench.subject, None)
    sent = [own, *bench.asked.get(example_id, [])]
    rows = []
    for asked in sent:
        messages = await bench.messages(asked, example)
        rows.append(_row(asked.arm, asked.attempt, [m.model_dump() for m in messages]))
    others = []
    for key, attempts in bench.peers.items():
        if example_id in attempts and key != own.arm:
            messages = await explainer.sent(bench, key, example)
            others.append(_row(key, attempts[example_id], [m.model_dump() for m in messages]))
    finding = explained.diagnosis.examples.get(example_id)
    return {
        "id": example_id,
        "input": example.input,
        "expected": example.expected,
        "cause": finding.cause if finding else None,
        "also": list(finding.also) if finding else [],
        "flipped_by": finding.flipped_by if finding else None,
        "probes": [p.model_dump(mode="json") for p in finding.probes] if finding else [],
        "asked": rows,
        "candidates": others,
    }


def _row(name: str, attempt: Any, messages: list[Any]) -> dict[str, Any]:
    answer = attempt.answer
    return {
        "name": name,
        "answer": answer.text if answer else None,
        "score": attempt.score,
        "error": attempt.error,
        "passages": [p.model_dump(mode="json") for p in answer.passages] if answer else [],
        "steps": [s.model_dump(mode="json") for s in answer.steps] if answer else [],
        "messages": messages,
    }


def _show_one(side: dict[str, Any], console: Any) -> None:
    from rich.markup import escape

    console.print(
        f"[bold]{escape(side['id'])}[/bold]\nasked:    {escape(_text(side['input']))}\n"
        f"expected: {escape(_text(side['expected']))}",
        soft_wrap=True,
    )
    if side["cause"] is None:
        console.print("cause:    none, it is answered right")
    else:
        flip = f", shown by: {side['flipped_by']}" if side["flipped_by"] else ""
        also = "".join(f" and {cause}" for cause in side["also"]).replace("_", " ")
        console.print(f"cause:    {side['cause'].replace('_', ' ')}{also}{flip}", soft_wrap=True)
    for row in [*side["asked"], *side["candidates"]]:
        score = "unscored" if row["score"] is None else f"{row['score']:.2f}"
        answer = row["error"] or row["answer"]
        console.print(
            f"\n[bold]{escape(row['name'])}[/bold]: {score}", soft_wrap=True, highlight=False
        )
        for message in row["messages"]:
            text = _short(message["content"])
            console.print(f"  {message['role']}: {escape(text)}", soft_wrap=True, highlight=False)
        for step in row["steps"]:
            took = f"{step['name']} {step['given']} → {step['got']} ({step['seconds']:.2f} s)"
            console.print(f"  step: {escape(_short(took))}", soft_wrap=True, highlight=False)
        console.print(f"  answer: {escape(_short(_text(answer)))}", soft_wrap=True, highlight=False)


def _text(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDEST else f"{line[:WIDEST]} … ({len(text)} characters)"
