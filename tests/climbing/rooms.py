"""A task so small that an embedded model climbs it in seconds."""

from __future__ import annotations

import json
import random
from pathlib import Path

SMALL = "dev_size = 4\ntest_size = 8\n"
HOUSES = {
    "stable": ("horse", "hay", "saddle", "hoof", "mane"),
    "harbour": ("boat", "anchor", "mast", "rope", "tide"),
    "kitchen": ("pan", "flour", "oven", "spoon", "salt"),
}


def write_task(folder: Path, size: int = 60, climb: str = SMALL, *, documents: bool = True) -> None:
    """`size` short messages of three rooms, and a short document of each unless told otherwise."""
    dice = random.Random(7)
    rows = []
    for n in range(size):
        room = list(HOUSES)[n % 3]
        words = dice.sample(HOUSES[room], 2)
        rows.append({"id": f"m{n}", "input": f"{words[0]} {words[1]} no {n}", "expected": room})
    (folder / "examples.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (folder / "docs").mkdir()
    for room, words in HOUSES.items():
        text = f"# {room}\n\nIn the {room} you find {', '.join(words)}.\n"
        (folder / "docs" / f"{room}.md").write_text(text)
    (folder / "rung.toml").write_text(
        '[task]\nname = "rooms"\ninstruction = "Which room?"\nexamples = "examples.jsonl"\n'
        + 'documents = "docs"\n' * documents
        + f"[output]\nlabels = {json.dumps(list(HOUSES))}\n[target]\nscore = 0.5\n[climb]\n{climb}"
    )
