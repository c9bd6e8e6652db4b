"""The newest run as a folder that another machine opens, with the data or without.

With data, `rung.toml` and the files it names come along, their names led into the folder. Without,
what people or models wrote is taken out: answers, passages, prompts, what was read aloud of them.
Either way no path of this machine is in it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomlkit

from rung.climbing.explaining import DIAGNOSIS_FILE, PROBES
from rung.climbing.ledger import LEDGER_FILE
from rung.errors import StoreError
from rung.exchange.exporting.files import Files
from rung.exchange.exporting.source import Source
from rung.project import ATTEMPTS_FILE, KEPT, RUN_FILE, ProjectFolder
from rung.task.config import read_config
from rung.task.files import data_files
from rung.task.load import CONFIG_NAME

DATA = "data"
"""Where files from outside the project's folder go."""
NAMED = (
    *("examples", "train", "dev", "test", "drafted", "corrections", "unlabelled", "guard"),
    "documents",
)
WRITTEN: dict[str, Any] = {
    "text": "",
    "value": None,
    "problem": None,
    "error": "no answer",
    "passages": [],
    "citations": [],
    "steps": [],
    "prompts": [],
    "refusals": {},
    "reason": "",
    "instruction": "",
}
"""What stands for fields that hold people's or models' words."""


async def export_bundle(source: Source) -> Files:
    """`rung.toml` with its files, and `.rung/runs/RUN`; `rung ui` and `rung report` open it."""
    files, project = Files(), ProjectFolder(source.root)
    run = project.newest_run()
    into = f"{KEPT}/runs/{run.name}"
    plain = _scrubber(source)
    for name in (RUN_FILE, ATTEMPTS_FILE, DIAGNOSIS_FILE, f"{PROBES}/{ATTEMPTS_FILE}"):
        path = run / name
        if path.exists() and (source.with_data or not name.startswith((DIAGNOSIS_FILE, PROBES))):
            text = plain(path.read_text(encoding="utf-8"))
            files.put(f"{into}/{name}", text if source.with_data else _without_words(name, text))
    if source.with_data:
        _put_data(source, files, plain)
        files.note("it holds the examples and documents: send it where they may go")
    else:
        files.note("without data: scores, costs and settings; no input, answer, passage or prompt")
    files.note(f"open it there: rung ui FOLDER, or rung report FOLDER (run {run.name})")
    return files


def _scrubber(source: Source) -> Callable[[str], str]:
    """Puts names in place of this machine's paths; a model's folder keeps its last part."""
    models = (*source.task.models.to_try, *source.task.models.tune, source.task.models.embedder)
    swaps = {str(Path(m).expanduser()): Path(m).name for m in models if m and _is_absolute(m)}
    swaps |= {m: Path(m).name for m in models if m and _is_absolute(m)}
    swaps |= {str(source.root): ".", str(source.root.resolve()): ".", str(Path.home()): "~"}
    longest = sorted(swaps, key=len, reverse=True)

    def scrub(text: str) -> str:
        for path in longest:
            if len(path) > 1:
                text = text.replace(json.dumps(path)[1:-1], swaps[path])
        return text

    return scrub


def _is_absolute(model: str) -> bool:
    return model.startswith("~") or Path(model).is_absolute()


def _without_words(name: str, text: str) -> str:
    if name == RUN_FILE:
        result = _bare(json.loads(text))
        result.update(notes=[], flags=[], task="task")
        return json.dumps(result, indent=1) + "\n"
    kept = (json.loads(line) for line in text.splitlines() if line.strip())
    return "".join(json.dumps(_bare(one)) + "\n" for one in kept)


def _bare(value: Any) -> Any:
    if isinstance(value, list):
        return [_bare(one) for one in value]
    if not isinstance(value, dict):
        return value
    is_answer = "text" in value
    return {
        key: WRITTEN[key]
        if key in WRITTEN and one is not None and (is_answer or key not in ("value", "steps"))
        else _bare(one)
        for key, one in value.items()
    }


def _put_data(source: Source, files: Files, plain: Callable[[str], str]) -> None:
    """`rung.toml` and what it names; what lies outside the folder goes into `data`."""
    root, config = source.root, source.root / CONFIG_NAME
    document = tomlkit.parse(config.read_text("utf-8-sig"))
    task: Any = document["task"]
    moved: dict[Path, str] = {}
    for key in NAMED:
        if key not in task:
            continue
        path = (root / str(task[key])).resolve()
        if not path.is_relative_to(root.resolve()):
            moved[path] = task[key] = f"{DATA}/{path.name}"
    try:
        # What is named and not there yet (drafts, corrections) the task loads without.
        for path in filter(Path.is_file, data_files(root, read_config(config))):
            files.put(_place(path.resolve(), root.resolve(), moved), path.read_bytes())
        ledger = root / LEDGER_FILE
        if ledger.exists():
            files.put(LEDGER_FILE, ledger.read_bytes())
    except OSError as error:
        raise StoreError(f"{error}: mend that and export again; nothing was written") from error
    files.put(CONFIG_NAME, plain(tomlkit.dumps(document)))


def _place(path: Path, root: Path, moved: dict[Path, str]) -> str:
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    for beginning, name in moved.items():
        if path == beginning or path.is_relative_to(beginning):
            return (Path(name) / path.relative_to(beginning)).as_posix().removesuffix("/.")
    return f"{DATA}/{path.name}"
