"""The audit of every shared set and shipped example, each as a task in a folder of its own."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from audit_parts.data import DATA, ROOT
from rung.audit import audit
from rung.climbing.auditing import material_of
from rung.climbing.tools import ClimbOptions, Tools
from rung.errors import UserError
from rung.task.load import load_task

SHIPPED = ("ticket-routing", "handbook-desk", "policy-answers", "case-notes")


def measure(folder: Path) -> list[dict[str, Any]]:
    """One row a set: its flags, or the sentence with which it is refused."""
    found = []
    for source in sorted(path for path in DATA.iterdir() if path.is_dir()):
        found.append(_audit(source.name, lambda s=source: _task_folder(s, folder), folder))
        print(f"audited {source.name}", file=sys.stderr)
    for name in SHIPPED:
        home = ROOT / "examples" / "aarlund" / name
        found.append(_audit(name, lambda h=home: h, folder))
    return found


def _audit(name: str, place: Any, folder: Path) -> dict[str, Any]:
    try:
        task = load_task(place())
    except UserError as refused:
        return {"set": name, "refused": str(refused)}
    tools = Tools(task, ClimbOptions(folder=folder / "kept" / name))
    try:
        material = asyncio.run(material_of(tools))
        start = time.perf_counter()
        result = audit(material)
        seconds = time.perf_counter() - start
    finally:
        asyncio.run(tools.aclose())
    return {
        "set": name,
        "seconds": seconds,
        "calls": tools.counter.made,
        "flags": [flag.model_dump() for flag in result.flags],
        "ceiling": result.ceiling.model_dump() if result.ceiling else None,
        "skipped": {check.id: check.skipped for check in result.checked if check.skipped},
    }


def _task_folder(source: Path, folder: Path) -> Path:
    """A folder with a rung.toml: the benchmark's own where there is one, else a plain one."""
    target = folder / "tasks" / source.name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    kept = ROOT / "benchmarks" / "sets" / source.name
    own = kept.is_dir() and ".rung/data" not in (kept / "rung.toml").read_text(encoding="utf-8")
    if own:  # else its files have still to be cut: the whole set is looked at instead
        for path in kept.iterdir():
            if path.is_file():
                text = path.read_text(encoding="utf-8")
                (target / path.name).write_text(
                    text.replace("../../../../shared/data", str(DATA)), encoding="utf-8"
                )
        return target
    (target / "rung.toml").write_text(_plain(source), encoding="utf-8")
    return target


def _plain(source: Path) -> str:
    if not (source / "task.json").exists():
        raise UserError("it holds no examples (tables of results only)")
    stated = json.loads((source / "task.json").read_text(encoding="utf-8"))
    answers = [
        json.loads(line)["expected"]
        for path in source.glob("t*st.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    labels = sorted(set(stated.get("labels") or []))
    closed = bool(labels) and set(map(str, answers)) <= set(labels)
    lines = ["[task]", f"name = {json.dumps(source.name)}"]
    lines.append(f"instruction = {json.dumps(stated['instruction'])}")
    train, test = source / "train.jsonl", source / "test.jsonl"
    if train.exists():
        lines += [f"train = {json.dumps(str(train))}", f"test = {json.dumps(str(test))}"]
    else:
        lines.append(f"examples = {json.dumps(str(test))}")
    docs = [p for p in (source / "knowledge").glob("docs.jsonl*")]
    if docs:
        lines.append(f"documents = {json.dumps(str(docs[0]))}")
    lines += ["[output]", f"labels = {json.dumps(labels)}" if closed else "text = {}"]
    lines += ["[target]", "score = 0.7"]
    return "\n".join(lines) + "\n"
