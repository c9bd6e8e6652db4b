"""The same task for other evaluation tools: promptfoo and Inspect.

Each example carries the very messages that the solver sends, and is judged by the task's own
scorer, so that a figure made there can be laid beside a figure made here. Repairs, cascades and
further models are the solver's and do not take part.
"""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from rung.exchange.exporting.files import HEADLESS, Files
from rung.exchange.exporting.source import Source
from rung.exchange.exporting.trainers import dump_yaml
from rung.models.dialect import response_format
from rung.models.vendors import OWN_KEY, vendor_of
from rung.solver import Solver
from rung.task.contract import render
from rung.task.types import JsonValue, LabelsOutput, SchemaOutput

LOCAL_URL = "http://localhost:8000/v1"
"""Where a model of this machine has to be served for other tools (vLLM's default)."""


async def export_promptfoo(source: Source) -> Files:
    """`promptfooconfig.yaml`, `tests.jsonl` and `grade.py`."""
    solver = await source.asked()
    rows = await _rows(source, solver)
    config: dict[str, Any] = {
        "description": f"{source.task.name}: {solver.candidate.key}, {source.split} split",
        "prompts": [{"label": solver.candidate.key, "raw": "{{messages}}"}],
        "providers": [_promptfoo_provider(solver)],
        "defaultTest": {
            "options": {"disableVarExpansion": True},
            "assert": [{"type": "python", "value": "file://grade.py"}],
        },
        "tests": "file://tests.jsonl",
    }
    files = Files()
    files.put("promptfooconfig.yaml", dump_yaml(config))
    tests = [
        {
            "description": row["id"],
            "vars": {
                # Text, not a list: promptfoo would make a test of every item of a list.
                "messages": json.dumps(row["messages"], ensure_ascii=False),
                "id": row["id"],
                "expected": row["expected"],
            },
        }
        for row in rows
    ]
    files.put("tests.jsonl", _jsonl(tests))
    files.put("grade.py", _template("grade.py", source))
    files.note(_same_python("promptfoo eval", "PROMPTFOO_PYTHON"))
    _say_what_is_left_out(files, source, solver)
    return files


async def export_inspect(source: Source) -> Files:
    """`inspect_task.py` and `samples.jsonl`."""
    solver = await source.asked()
    samples = [
        {"id": row["id"], "input": row["messages"], "target": row["expected"]}
        for row in await _rows(source, solver)
    ]
    files = Files()
    files.put("samples.jsonl", _jsonl(samples))
    files.put("inspect_task.py", _template("inspect_task.py", source, solver))
    files.note(
        f"run in that folder: {_inspect_command(solver)}   (pip install inspect-ai, beside rung)"
    )
    _say_what_is_left_out(files, source, solver)
    return files


async def _rows(source: Source, solver: Solver) -> list[dict[str, Any]]:
    examples = source.task.split(source.split)
    await solver.prepare([e.input for e in examples])
    rows = []
    for example in examples:
        messages, _, _ = await solver.messages(example.input)
        rows.append(
            {
                "id": example.id,
                "messages": [m.model_dump(exclude_defaults=True) for m in messages],
                "expected": render(source.task.output, example.expected),
            }
        )
    return rows


def _promptfoo_provider(solver: Solver) -> dict[str, JsonValue]:
    prompt = solver.candidate.prompt
    config: dict[str, JsonValue] = {
        "temperature": prompt.temperature,
        "max_tokens": prompt.max_output_tokens,
    }
    form = _form(solver)
    if form is not None:
        config["response_format"] = form
    id_, reached = _promptfoo_model(solver.model)
    return {"id": id_, "config": {**reached, **config}}


def _promptfoo_model(name: str) -> tuple[str, dict[str, JsonValue]]:
    """promptfoo's id of a model, and where it is where promptfoo does not know that by itself."""
    vendor = vendor_of(name)
    if vendor is not None and vendor[0].promptfoo is not None:
        return f"{vendor[0].promptfoo}{vendor[1]}", {}
    url, model = _address(name)
    key = OWN_KEY if vendor is None else vendor[0].key_env
    return f"openai:chat:{model}", {"apiBaseUrl": url, "apiKeyEnvar": key}


def _address(name: str) -> tuple[str, str]:
    """Base URL and model for tools that do not know who answers; a local model has to be served."""
    if "://" in name:
        url, _, model = name.partition("#")
        return url, model
    vendor = vendor_of(name)
    if vendor is not None:
        return vendor[0].base_url, vendor[1]
    return LOCAL_URL, Path(name).name


def _inspect_command(solver: Solver) -> str:
    run, vendor = "inspect eval inspect_task.py --model", vendor_of(solver.model)
    if vendor is not None and vendor[0].inspect is not None:
        return f"{run} {vendor[0].inspect}/{vendor[1]}"
    # `openai-api/NAME/…` reads NAME_BASE_URL and NAME_API_KEY.
    url, model = _address(solver.model)
    name, key = ("rung", "none") if vendor is None else (vendor[0].name, "$" + vendor[0].key_env)
    if vendor is not None and vendor[0].here:
        key = "none"
    where = f"{name.upper()}_BASE_URL={url} {name.upper()}_API_KEY={key}"
    return f"{where} {run} openai-api/{name}/{model}"


def _form(solver: Solver) -> dict[str, JsonValue] | None:
    """How the answer's form is asked for, as our own endpoint client does it."""
    prompt, output = solver.candidate.prompt, solver.spec.output
    if not prompt.constrained or prompt.reasoning:
        return None
    labels = output.labels if isinstance(output, LabelsOutput) else None
    schema = output.json_schema if isinstance(output, SchemaOutput) else None
    return response_format(labels, schema)


def _template(name: str, source: Source, solver: Solver | None = None) -> str:
    made = Environment(
        loader=PackageLoader("rung.exchange.exporting"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # Python source; every value is put in with `repr`
    )
    form = _form(solver) if solver else None
    return made.get_template(f"{name}.jinja").render(
        folder=repr(str(source.root)),
        title=f"{source.task.name}, {source.split} split".replace("\\", "/").replace('"', "'"),
        prompt=solver.candidate.prompt if solver else None,
        form=repr(form["json_schema"]) if form else None,
        identifier="".join(c if c.isalnum() else "_" for c in source.task.name.lower()),
    )


def _say_what_is_left_out(files: Files, source: Source, solver: Solver) -> None:
    if "://" not in solver.model and vendor_of(solver.model) is None:
        files.note(f"{solver.model} runs on this machine: serve it at {LOCAL_URL} first")
    if solver.candidate.first is not None:
        files.note(
            f"{solver.candidate.first} does not answer first there: the model is asked everything"
        )
    if solver.candidate.then is not None:
        files.note(
            f"{solver.candidate.then} is not asked there: only {solver.model} is asked, so "
            "figures may be lower"
        )
    if solver.parts.head is not None:
        files.note(HEADLESS)
    if solver.candidate.prompt.repairs:
        files.note("an invalid answer is not sent back for repair there, so figures may be lower")
    if source.split == "test":
        files.note("what is measured on test elsewhere is not counted by the ledger here")


def _same_python(command: str, variable: str) -> str:
    return f"run in that folder: {variable}=<the Python that has rung> {command}"


def _jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
