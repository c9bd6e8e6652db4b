"""Inputs of the traffic as a file that `[task] unlabelled` names: asked, never what was answered.

    DIR/data/unlabelled-HASH.jsonl   one input a line, with the request it came from

They are as the log holds them, so redacted where it redacts. A file, and not the log itself, since
a climb that read a log which grows would be another climb each day.
"""

import json
from contextlib import closing
from pathlib import Path

from rung.errors import UserError
from rung.loop.harvest.versions import FOLDER, HASH_CHARS
from rung.project import write_whole
from rung.task.files import project_folder
from rung.task.types import digest
from rung.task.unlabelled import MOST
from rung.traffic import Query, open_store

DRAWN = 4 * MOST
"""Requests drawn at random from a longer log: repeated ones leave enough."""


def take_inputs(folder: Path, log: str | None = None, seed: int = 0) -> tuple[Path, int]:
    """Write the inputs of answered requests, each once; the file and how many there are.

    Raises `UserError` where the log holds no answer.
    """
    root = project_folder(folder).resolve()
    with closing(open_store(log or root, create=False)) as store:
        drawn = store.sample(DRAWN, seed, Query(answered=True))
        place = store.place
    if not drawn:
        raise UserError(f"the log {place} holds no answer: serve the winner first (`rung serve`)")
    rows = {digest(record.input): record for record in drawn}
    lines = [
        json.dumps({"input": rows[key].input, "request": rows[key].id}, ensure_ascii=False)
        for key in sorted(rows)
    ]
    text = "".join(f"{line}\n" for line in lines)
    path = root / FOLDER / f"unlabelled-{digest(text)[:HASH_CHARS]}.jsonl"
    return write_whole(path, text, mode=0o444), len(lines)
